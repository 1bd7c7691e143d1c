"""The demo: a job that is killed for real, a comparison that catches planted differences, and its manners."""

from __future__ import annotations

import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from ckptstore import CheckpointStore
from ckptstore.cli import child, demo, exits, player, prices
from ckptstore.cli.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHORT = 60  # ticks of a job that need not be long
WORKER = f"""
import signal, sys
from ckptstore import CheckpointStore
from ckptstore.cli import player, prices
from ckptstore.cli.places import Place
every = prices.read()
prices.read = lambda: every[:{SHORT}]
load, save, tell = CheckpointStore.load, CheckpointStore.save, player._tell
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

SKIPS_A_TICK = """
def skipping(store, run, **how):
    account = load(store, run, **how)
    account.ticks += bool(account.ticks)
    return account
CheckpointStore.load = skipping
"""

LOSES_A_SAVE = """
def losing(store, run, **how):
    newest = store.latest(run)  # may be one that was not acknowledged
    return load(store, run, at=newest and newest.number - 2, **how)
CheckpointStore.load = losing
"""

HAS_A_RIVAL = """
def rivalled(store, run, state, **how):
    if state.ticks == 10:
        save(Place.inherited().open(), run, "somebody else's")
    return save(store, run, state, **how)
CheckpointStore.save = rivalled
"""

TELLS_ALL_AT_THE_END = """
events = []
def tell(event):
    events.append(event + "\\n")
    if event == "end":
        sys.stdout.write("".join(events))
player._tell = tell
"""


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the demo be short, its player have a fault, and its kills, so many with seed 1, be in time."""

    def plant(fault: str, *, kills: int = 0) -> None:
        ticks = prices.read()[:SHORT]
        worker = WORKER.replace("AIMS", repr(demo._aims(SHORT, kills, Random(1)))).replace("PLANT", fault)
        monkeypatch.setattr(prices, "read", lambda: ticks)
        monkeypatch.setattr(child, "PLAYER", (sys.executable, "-c", worker))

    return plant


class TestKills:
    """The main promise, on the whole job."""

    def test_three_kills_leave_no_trace(self, run: Callable[..., Any]) -> None:
        """A job killed three times ends byte for byte as one left in peace, with nothing that was saved lost."""
        ran = run("demo", "--kills", "3", "--seed", "7", "--json")

        found = ran.json
        assert (ran.code, ran.err) == (0, "")
        assert (found["identical"], found["differences"], found["verify"]["ok"]) == (True, [], True)
        assert (found["account"]["ticks"], found["saved"], found["kept"]) == (560, 560, player.KEEP)
        assert 3 - found["late_kills"] == len(found["kills"]) > 0
        assert all(kill["redone"] == (kill["inside"] or kill["after"]) - kill["resumed"] for kill in found["kills"])
        assert found["redone"] == sum(kill["redone"] for kill in found["kills"]) <= len(found["kills"])

    def test_people_read_the_verdict_in_the_last_line(
        self, run: Callable[..., Any], plant: Callable[..., None]
    ) -> None:
        """On 80 columns: a line for each kill, and the verdict on a line of its own."""
        plant("", kills=2)

        ran = run("demo", "--kills", "2", "--seed", "1")

        lines = ran.out.splitlines()
        assert ran.code == 0
        assert lines[1] == "The job was killed 2 times and started again (SIGKILL, seed 1)."
        assert [line.split()[0] for line in lines[3:6]] == ["KILL", "1", "2"]
        assert lines[-1] == "identical to an uninterrupted run"
        assert max(map(len, lines)) <= 80

    def test_the_temporary_folder_is_gone(
        self, run: Callable[..., Any], plant: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without `--store` nothing is left."""
        plant("")
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        before = set(tmp_path.iterdir())

        assert run("demo", "--kills", "0").code == 0
        assert set(tmp_path.iterdir()) == before


class TestFaults:
    """A demo that could not fail would show nothing."""

    def test_a_recovery_that_skips_a_tick_is_caught(self, run: Callable[..., Any], plant: Callable[..., None]) -> None:
        """A result that differs is named, field by field, and makes the exit code 1."""
        plant(SKIPS_A_TICK, kills=2)

        ran = run("demo", "--kills", "2", "--seed", "1")

        assert ran.code == exits.DIFFERS
        assert "counters: {'bought'" in ran.out
        assert "checkpoints: 20 of the 20 kept are others; " in ran.out
        assert ran.out.splitlines()[-1] == "differs from an uninterrupted run"

    def test_a_recovery_that_goes_back_behind_a_save_is_caught(
        self, run: Callable[..., Any], plant: Callable[..., None]
    ) -> None:
        """What `save` has acknowledged must be there, even where losing it would change no number in the end."""
        plant(LOSES_A_SAVE, kills=2)

        ran = run("demo", "--kills", "2", "--seed", "1", "--json")

        assert (ran.code, ran.json["identical"]) == (exits.DIFFERS, False)
        assert any("was saved, but recovery found" in difference for difference in ran.json["differences"])

    def test_what_verify_finds_is_no_success(
        self, run: Callable[..., Any], plant: Callable[..., None], folder: Path
    ) -> None:
        """Where verify finds problems the exit code is 1, whatever the account says."""
        plant("")
        (folder / "demo").mkdir()
        (folder / "demo" / "foreign").touch()

        ran = run("demo", "--store", str(folder), "--kills", "0")

        assert ran.code == exits.DIFFERS
        assert ran.out.splitlines()[-1] == "identical to an uninterrupted run, but verify found problems"

    def test_a_rival_is_a_conflict(self, run: Callable[..., Any], plant: Callable[..., None]) -> None:
        """Somebody else's save in between stops the job with exit code 6, and the message of the conflict."""
        plant(HAS_A_RIVAL)

        ran = run("demo", "--kills", "0", "--json")

        assert (ran.code, ran.out) == (exits.CONFLICT, "")
        assert ran.err.startswith("ckptstore: the player stopped by itself: run 'demo'")

    def test_a_player_that_fails_is_told(self, run: Callable[..., Any], plant: Callable[..., None]) -> None:
        """Its last words become the one line of the error."""
        plant("raise ZeroDivisionError('by nothing')")

        ran = run("demo", "--kills", "1", "--json")

        assert ran.code == exits.STORAGE
        assert ran.err == "ckptstore: the player stopped by itself: ZeroDivisionError: by nothing\n"

    def test_a_player_that_hangs_is_given_up(
        self, run: Callable[..., Any], plant: Callable[..., None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every wait has an end."""
        plant("signal.pause()")
        monkeypatch.setattr(child, "PATIENCE", 1)

        ran = run("demo", "--json")

        assert ran.code == exits.STORAGE
        assert "no sign of life" in ran.err

    def test_a_kill_after_the_end_is_not_counted(self, run: Callable[..., Any], plant: Callable[..., None]) -> None:
        """A job that had ended before a kill was not killed, and the demo says so."""
        plant(TELLS_ALL_AT_THE_END)

        ran = run("demo", "--kills", "2", "--seed", "1")

        assert ran.code == 0
        assert "The job was killed 0 times of 2 (it had ended before the rest)" in ran.out


class TestManners:
    """What the demo leaves alone."""

    def test_an_earlier_demo_is_not_touched(
        self, run: Callable[..., Any], plant: Callable[..., None], folder: Path
    ) -> None:
        """Where there is a run `demo`, the demo refuses, and says how to start over."""
        plant("")
        CheckpointStore(folder).save("demo", "mine")

        ran = run("demo", "--store", str(folder))

        assert (ran.code, ran.out) == (exits.CONFLICT, "")
        assert "--fresh" in ran.err
        assert CheckpointStore(folder).load("demo") == "mine"

    def test_fresh_starts_over_beside_other_runs(
        self, run: Callable[..., Any], plant: Callable[..., None], folder: Path
    ) -> None:
        """`--fresh` removes the run `demo` and no other; the store is kept, and the output says where."""
        plant("")
        store = CheckpointStore(folder)
        store.save("demo", "mine")
        others = store.checkpoints("job") + store.checkpoints("raw")

        ran = run("demo", "--store", str(folder), "--fresh", "--kills", "1")

        assert ran.code == 0
        assert f"ckptstore ls demo --store {folder}" in ran.out
        assert "60 saved, the last 20 kept" in ran.out
        assert store.checkpoints("job") + store.checkpoints("raw") == others

    def test_memory_is_refused(self, run: Callable[..., Any]) -> None:
        """Other processes could not see it."""
        ran = run("demo", "--store", "memory://x")

        assert ran.code == exits.USAGE
        assert "memory://" in ran.err

    def test_ctrl_c_leaves_no_player_behind(
        self, plant: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An interrupt in the middle of a life ends that life."""
        plant("")
        started: list[subprocess.Popen[bytes]] = []

        class Watched(subprocess.Popen[bytes]):
            """A process that can be asked later whether it still runs."""

            def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - whatever Popen takes
                super().__init__(*args, **kwargs)
                started.append(self)

        def interrupt(_kills: int, tick: int) -> None:
            if tick == 5:
                raise KeyboardInterrupt

        monkeypatch.setattr("subprocess.Popen", Watched)

        with pytest.raises(KeyboardInterrupt):
            demo.play(Place(str(tmp_path)), kills=0, seed=1, progress=interrupt, command=child.PLAYER)
        assert [process.returncode is None for process in started] == [False]


class TestJob:
    """The job itself, in this process."""

    def test_the_prices_are_whole_and_in_order(self) -> None:
        """560 prices of five symbols, by day, then by symbol, none twice."""
        ticks = prices.read()

        keys = [(tick.day, tick.symbol) for tick in ticks]
        assert len(set(keys)) == len(keys) == 560
        assert keys == sorted(keys)
        assert {tick.symbol for tick in ticks} == {"AAPL", "AMZN", "GOOG", "IBM", "MSFT"}

    @pytest.mark.parametrize("stop", [1, 59, 333, 559])
    def test_going_on_gives_what_playing_through_gives(self, stop: int) -> None:
        """A job that stops after any tick and goes on from its checkpoint has lost nothing of its account."""
        ticks, store = prices.read(), CheckpointStore("memory://")
        whole = player.Account()
        for tick in ticks:
            whole.play(tick)

        player.play(store, "job", ticks[:stop], lambda _: None)
        player.play(store, "job", ticks, lambda _: None)

        assert store.load("job", type=player.Account) == whole

    def test_the_player_loads_only_what_it_needs(self) -> None:
        """A start costs a tenth of a second: neither the command line nor processes are loaded by the player."""
        script = "import sys, ckptstore.cli.player; print(*{'click', 'rich', 'subprocess', 'fsspec'} & {*sys.modules})"

        assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"\n"
