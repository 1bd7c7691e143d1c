"""The demo's job, cut short, in a player that waits where it is to be killed and may have a fault."""

from __future__ import annotations

SHORT = slice(360, 420)  # the year 2007, for a job that need not be long: there something is under way most of the time
TICKS = 60
WORKER = f"""
import signal, sys
from ckptstore.cli import player, prices, trader
from ckptstore.cli.places import Place
from ckptstore.execution import CheckpointManager
every = prices.read()
prices.read = lambda: every[{SHORT.start}:{SHORT.stop}]
load, save, restore = (
    CheckpointManager.load_checkpoint, CheckpointManager.save_checkpoint, CheckpointManager.restore_simulator
)
played, tell = trader.played, player._tell
halt = None
def halting(event):  # where the demo means to kill this life, wait for it: a slow machine would be late
    global halt
    tell(event)
    what, *numbers = event.split()
    if what == "resumed":
        halt = next((aim for aim in AIMS if aim > int(numbers[0]) + 5), None)
    elif what == "saved" and int(numbers[0]) == halt:
        signal.pause()
player._tell = halting
PLANT
sys.exit(player.main(*sys.argv[1:]))
"""
