"""The demo: a job that is killed for real, a comparison that catches planted differences, and its manners."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from short_job import SHORT, TICKS

from ckptstore import CheckpointStore
from ckptstore.cli import child, demo, exits, player, prices, trader
from ckptstore.cli.account import account_of
from ckptstore.cli.places import Place
from ckptstore.execution import CheckpointManager, OrderStatus, OrderType

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ckptstore.execution import ExecutionSimulator, OrderExecution


class TestKills:
    """The main promise, on the whole job."""

    def test_three_kills_leave_no_trace(self, run: Callable[..., Any]) -> None:
        """A job killed three times ends byte for byte as one left in peace, with nothing that was saved lost."""
        ran = run("demo", "--kills", "3", "--seed", "7", "--json")

        found = ran.json
        assert (ran.code, ran.err) == (0, "")
        assert (found["identical"], found["differences"], found["verify"]["ok"]) == (True, [], True)
        assert (found["ticks"], found["saved"], found["kept"]) == (560, 560, player.KEEP)
        assert 3 - found["late_kills"] == len(found["kills"]) > 0
        assert all(kill["redone"] == (kill["inside"] or kill["after"]) - kill["resumed"] for kill in found["kills"])
        assert found["redone"] == sum(kill["redone"] for kill in found["kills"]) <= len(found["kills"])

    def test_people_read_the_verdict_in_the_last_line(
        self, run: Callable[..., Any], plant: Callable[..., None]
    ) -> None:
        """On 80 columns: a line for each kill, and the verdict on a line of its own."""
        plant(kills=2)

        ran = run("demo", "--kills", "2", "--seed", "1")

        lines = ran.out.splitlines()
        assert ran.code == 0
        assert lines[1] == "The job was killed 2 times and started again (SIGKILL, seed 1)."
        assert [line.split()[0] for line in lines[3:6]] == ["KILL", "1", "2"]
        assert lines[-1].startswith("identical to an uninterrupted run: ")
        assert max(map(len, lines)) <= 80

    def test_the_temporary_folder_is_gone(
        self, run: Callable[..., Any], plant: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without `--store` nothing is left."""
        plant()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        before = set(tmp_path.iterdir())

        assert run("demo", "--kills", "0").code == 0
        assert set(tmp_path.iterdir()) == before


class TestManners:
    """What the demo leaves alone."""

    def test_an_earlier_demo_is_not_touched(
        self, run: Callable[..., Any], plant: Callable[..., None], folder: Path
    ) -> None:
        """Where there is a run `demo`, the demo refuses, and says how to start over."""
        plant()
        CheckpointStore(folder).save("demo", "mine")

        ran = run("demo", "--store", str(folder))

        assert (ran.code, ran.out) == (exits.CONFLICT, "")
        assert "--fresh" in ran.err
        assert CheckpointStore(folder).load("demo") == "mine"

    def test_fresh_starts_over_beside_other_runs(
        self, run: Callable[..., Any], plant: Callable[..., None], folder: Path
    ) -> None:
        """`--fresh` removes the run `demo` and no other; the store is kept, and the output says where."""
        plant()
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
        plant()
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
        """560 prices of five symbols, by day, then by symbol, no two at the same time."""
        ticks = prices.read()

        keys = [(tick.at.date(), tick.symbol) for tick in ticks]
        assert len(set(keys)) == len(keys) == 560
        assert keys == sorted(keys)
        assert [tick.at for tick in ticks] == sorted({tick.at for tick in ticks})
        assert {tick.symbol for tick in ticks} == {"AAPL", "AMZN", "GOOG", "IBM", "MSFT"}

    @pytest.mark.parametrize("stop", [1, 59, 333, 559])
    def test_going_on_gives_what_playing_through_gives(self, stop: int) -> None:
        """A job that stops after any tick and goes on from its checkpoint has lost nothing of its simulator."""
        ticks, manager = prices.read(), CheckpointManager("memory://")
        whole = trader.begin("job")
        for tick in range(len(ticks)):
            trader.step(whole, ticks[: tick + 1])

        player.play(manager, "job", ticks[:stop], lambda _: None)
        player.play(manager, "job", ticks, lambda _: None)

        assert manager.load_checkpoint("job") == manager.create_checkpoint(whole)

    def test_the_clock_says_how_far_it_is(self) -> None:
        """How many prices were played follows from the simulator alone, whatever was under way when it stopped."""
        ticks, simulator, under_way = prices.read()[SHORT], trader.begin("job"), 0

        assert trader.played(simulator, ticks) == 0
        for tick in range(1, TICKS + 1):
            trader.step(simulator, ticks[:tick])
            under_way += bool(simulator.action_queue.get_pending_count())
            assert trader.played(simulator, ticks) == tick
        assert under_way > 5

    def test_everything_happens(self) -> None:
        """Orders of each type fill and are cancelled, and three limits refuse some: the comparison has all of it."""
        ticks, simulator = prices.read(), trader.begin("job")
        for tick in range(len(ticks)):
            trader.step(simulator, ticks[: tick + 1])

        account = account_of(simulator)
        refused = {"risk_position_limit", "risk_exposure_limit", "risk_drawdown_limit"}
        ended = {(order.order_type, order.status) for order in simulator.completed_orders.values()}
        assert refused <= account.rejected.keys()
        assert min(account.rejected[reason] for reason in refused) >= 5
        assert {(OrderType.LIMIT, OrderStatus.FILLED), (OrderType.STOP, OrderStatus.CANCELLED)} <= ended
        assert any("stop" in execution.order_id for execution in _executions(simulator))
        assert account.executions == len(_executions(simulator)) == account.statuses["filled"]
        assert sum(account.statuses.values()) == account.orders

    def test_the_player_loads_only_what_it_needs(self) -> None:
        """A start costs a tenth of a second: neither the command line nor processes are loaded by the player."""
        script = "import sys, ckptstore.cli.player; print(*{'click', 'rich', 'subprocess', 'fsspec'} & {*sys.modules})"

        assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"\n"


def _executions(simulator: ExecutionSimulator) -> list[OrderExecution]:
    return [execution for order in simulator.completed_orders.values() for execution in order.executions]
