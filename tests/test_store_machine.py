"""The whole API against a model: any order of calls, by several stores on one root, some hints lost or torn."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import saving_machine
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from places import make, open_store, slot
from run_model import Fence, keep_all, nameless
from saving_machine import (
    INLINE_BASE64,
    INLINE_JSON,
    RUNS,
    START,
    STORES,
    SavingMachine,
    clock,
    outcome,
    picks,
    runs,
    stores,
)
from sealing import SETTINGS

from ckptstore import CheckpointNotFound, inline, saving

if TYPE_CHECKING:
    from ckptstore import CheckpointStore

crashes = st.sampled_from([None, -1, 0, 1])  # how far ahead of the newest a writer is that crashes


class StoreMachine(SavingMachine):
    """Every public operation, in any order."""

    lookers = STORES  # stores that look around after each step, each at another run

    # Removals

    @rule(index=stores, run=runs, pick=picks, hinted=st.booleans(), saver=stores)
    def delete(self, index: int, run: str, pick: int, hinted: bool, saver: int) -> None:
        """Delete any number but the newest, which an old hint may name just then; some store goes on at once."""
        model = self.models[run]
        numbers = [*(saved.record.number for saved in model.standing[1:])] * 3 + [*range(1, model.top + 2)]
        number = numbers[pick % len(numbers)]
        found = model.find(number)
        expected = CheckpointNotFound if found is None else ValueError if found is model.find(None) else None
        if found and hinted:
            self.set_hint(run, number)
        assert outcome(lambda: self.stores[index].delete(run, number)) is expected
        if expected is None:
            model.delete(number)
            self.fences[index, run].seen = None
            self.save(saver, run, number)

    @rule(index=stores, run=runs, sure=st.sampled_from([False, False, True]), left=crashes)
    def delete_run(self, index: int, run: str, sure: bool, left: int | None) -> None:
        """Delete a run; a store that stood in it is still fenced out when somebody begins it anew."""
        if not sure:
            return
        self.leave_something(run, left)
        model = self.models[run]
        ahead = {key for key, number in model.leftovers.items() if number > model.top}
        expected = None if self.keys(run) - {slot(model.top, run)} - ahead or model.standing else CheckpointNotFound
        assert outcome(lambda: self.stores[index].delete_run(run)) is expected
        if expected is None:
            model.delete_run()
            self.fences[index, run] = Fence()
            assert self.keys(run) == {slot(model.top, run), *ahead}

    def keys(self, run: str) -> set[str]:
        """All objects of a run."""
        return {key for key in self.place.objects() if key.startswith(f"{run}/")}

    @rule(index=stores, run=runs, real=st.booleans(), left=crashes)
    def prune(self, index: int, run: str, real: bool, left: int | None) -> None:
        """Prune, after a dry run that says the same and changes nothing; a writer may have crashed just then."""
        self.leave_something(run, left)
        model, policy = self.models[run], self.policies[index] or keep_all
        before = self.place.objects()
        planned = outcome(lambda: self.stores[index].prune(run, dry_run=True))
        assert self.place.objects() == before
        if not model.slots:
            assert planned is CheckpointNotFound
        elif real:
            done = self.stores[index].prune(run)
            numbers = [saved.record.number for saved in model.standing]
            model.prune(policy)
            after = self.place.objects()
            assert done.kept == [n for n in numbers if model.slots.get(n)]
            assert (done.decisions, done.leftovers) == (planned.decisions, planned.leftovers)
            assert set(done.leftovers) == before.keys() - after.keys() - {slot(number, run) for number in numbers}
            assert sorted(map(nameless, self.keys(run))) == model.keys()

    # What happens behind the stores' backs

    @rule(run=runs, pick=picks, how=st.sampled_from(["lost", "torn", "old", "old"]))
    def spoil_hint(self, run: str, pick: int, how: str) -> None:
        """Lose, tear or set back the hint."""
        model = self.models[run]
        if not model.standing:
            return
        if how == "old":
            self.set_hint(run, 1 + pick % model.top)
        elif how == "torn":
            data = self.hints[run][model.top]
            model.hint = "torn"
            self.place.poke(f"{run}/latest.json", data[: pick % len(data)])
        elif model.hint is not None:
            model.hint = None
            self.place.poke(f"{run}/latest.json", None)

    def set_hint(self, run: str, number: int) -> None:
        """Put the hint of `number` back, as a writer that stalled before it would."""
        self.models[run].hint = number
        self.place.poke(f"{run}/latest.json", self.hints[run][number])

    def leave_something(self, run: str, ahead: int | None) -> None:
        """Leave what a writer leaves that is killed in the middle of a save, unless none is."""
        model = self.models[run]
        if ahead is None:
            return
        number = max(1, model.top + ahead)
        for key in f"{run}/packs/{number:012}-{'ab' * 16}-0", f"{run}/{number:012}.json.{'0f' * 8}.tmp":
            if model.slots:
                model.leftovers[key] = number
                self.place.poke(key, b"half")

    @rule(seconds=st.sampled_from([-3, 1, 1, 2]))
    def pass_time(self, seconds: int) -> None:
        """Let the clock go on, or be set back."""
        clock.time += timedelta(seconds=seconds)

    # At all times

    @invariant()
    def all_agree(self) -> None:
        """Whatever run has changed, and one in turn, is to some store exactly what the model holds."""
        self.looks += 1
        seen, self.seen = self.seen, self.place.objects()
        changed = {key.partition("/")[0] for key, _ in seen.items() ^ self.seen.items()}
        for index in range(self.looks, self.looks + self.lookers):
            run = RUNS[(index + self.looks // STORES) % len(RUNS)]
            if run in changed or index == self.looks:
                self.look(self.stores[index % STORES], run)

    def look(self, store: CheckpointStore, run: str) -> None:
        """`store` sees all that the model holds of `run`; looking moves no fence."""
        model = self.models[run]
        records = [saved.record for saved in model.standing]
        assert store.checkpoints(run) == records
        assert store.checkpoints(run, limit=1) == records[:1]
        assert store.latest(run) == (records[0] if records else None)
        assert store.runs() == sorted(name for name in RUNS if self.models[name].standing)
        number = 1 + self.looks % (model.top + 1)
        found = model.find(number)
        assert self.reader.load(run, at=number, default=START) == (found.state if found else START)
        if model.slots:
            report = store.verify(run)
            assert (report.checked, [problem.key for problem in report.problems]) == (len(records), model.wrong())


@pytest.mark.parametrize(
    ("kind", "codecs", "examples"),
    [
        ("memory", "plain", 300),
        ("folder", "plain", 20),
        ("bucket", "plain", 3),
        ("memory", "zstd + fernet", 40),
        ("folder", "zstd + fernet", 5),
        ("bucket", "zstd + fernet", 2),
    ],
)
def test_any_order_of_calls(
    kind: str, codecs: str, examples: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is called in whatever order, each store finds, keeps, refuses and removes what the model says."""
    if codecs != "plain":  # what is encrypted, JSON or not, has the one limit
        monkeypatch.setattr(saving_machine, "open_store", partial(open_store, **SETTINGS[codecs]))
        monkeypatch.setattr(saving_machine, "INLINE_JSON", INLINE_BASE64)
    monkeypatch.setattr(inline, "INLINE_JSON", INLINE_JSON)
    monkeypatch.setattr(inline, "INLINE_BASE64", INLINE_BASE64)
    monkeypatch.setattr(saving, "datetime", clock)

    class Machine(StoreMachine):
        lookers = 1 if kind == "bucket" else STORES  # a look is some thirty requests

        def __init__(self) -> None:
            super().__init__(make(kind, Path(tempfile.mkdtemp(dir=tmp_path))))

    run_state_machine_as_test(
        Machine,
        settings=settings(
            derandomize=True,
            database=None,
            deadline=None,
            max_examples=examples,
            report_multiple_bugs=False,
            stateful_step_count=25 if kind == "bucket" else 50,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
