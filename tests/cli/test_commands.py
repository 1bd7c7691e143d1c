"""What each command prints, for people and for scripts."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from cryptography.fernet import Fernet

from ckptstore import CheckpointStore
from ckptstore.cli import commands, exits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def damage(file: Path) -> None:
    """Change one byte in the middle of `file`."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


@pytest.fixture
def tokyo() -> Iterator[None]:
    """A local time that is not UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def rows(text: str) -> list[list[str]]:
    """The lines of a table, each as its words."""
    return [line.split() for line in text.splitlines()]


class TestLs:
    """`ckptstore ls`."""

    def test_each_run_is_listed_with_its_newest(self, run: Callable[..., Any]) -> None:
        """A line for each run: its name, and the number, size and metadata of its newest checkpoint."""
        ran = run("ls")

        assert ran.code == 0
        assert rows(ran.out)[0] == ["RUN", "NEWEST", "SAVED", "(UTC)", "SIZE", "METADATA"]
        assert rows(ran.out)[1][:2] == ["job", "3"]
        assert ran.out.splitlines()[1].rstrip().endswith("day=2025-01-03 name=a b")
        assert rows(ran.out)[2][:2] == ["raw", "1"]

    def test_json_of_runs(self, run: Callable[..., Any], folder: Path) -> None:
        """For scripts: each run, the whole record of its newest checkpoint, and null for no problem."""
        newest = CheckpointStore(folder).latest("job")
        assert newest is not None

        found = run("ls", "--json").json["runs"]

        assert [each["run"] for each in found] == ["job", "raw"]
        assert found[0] == {
            "run": "job",
            "problem": None,
            "newest": {
                "run": "job",
                "number": 3,
                "created_at": newest.created_at.isoformat(),
                "version": None,
                "size": newest.size,
                "stored_size": newest.stored_size,
                "digest": newest.digest,
                "metadata": {"day": {"$date": "2025-01-03"}, "name": "a b"},
                "writer": {"host": newest.writer.host, "pid": os.getpid()},
            },
        }

    def test_checkpoints_come_newest_first(self, run: Callable[..., Any]) -> None:
        """With a run, its checkpoints, a line each."""
        ran = run("ls", "job")

        assert ran.code == 0
        assert [row[0] for row in rows(ran.out)] == ["NUMBER", "3", "2", "1"]

    def test_limit(self, run: Callable[..., Any]) -> None:
        """`--limit` cuts the list behind the newest."""
        found = run("ls", "job", "--limit", "2", "--json").json

        assert found["run"] == "job"
        assert [each["number"] for each in found["checkpoints"]] == [3, 2]

    def test_an_empty_store_has_no_runs(self, run: Callable[..., Any], tmp_path: Path) -> None:
        """A folder without runs is no error."""
        empty = tmp_path / "empty"
        empty.mkdir()

        assert run("ls", "--store", str(empty)).out == "no runs\n"
        assert run("ls", "--json", "--store", str(empty)) == (0, '{\n  "runs": []\n}\n', "")

    def test_a_damaged_newest_hides_no_other(self, run: Callable[..., Any], folder: Path) -> None:
        """The newest sound checkpoint and the other runs are shown, the damage is told, and the exit code is 4."""
        damage(folder / "job" / "000000000003.json")
        (folder / "job" / "latest.json").unlink()

        ran = run("ls", "--json")

        assert ran.code == exits.UNREADABLE
        assert [each["newest"]["number"] for each in ran.json["runs"]] == [2, 1]
        assert "checkpoint 3" in ran.json["runs"][0]["problem"]
        assert ran.err.startswith("ckptstore: run 'job', checkpoint 3: ")

    def test_a_run_with_other_keys_hides_no_other(self, run: Callable[..., Any], folder: Path) -> None:
        """The other runs are shown, the one that cannot be opened is named with the reason, and the exit code is 4."""
        CheckpointStore(folder, encryption=Fernet.generate_key()).save("locked", {})

        ran = run("ls")

        assert (ran.code, ran.err.count("\n")) == (exits.UNREADABLE, 1)
        assert "run 'locked', checkpoint 1: it is encrypted" in ran.err
        assert ran.err.endswith("(here: --key-file, or CKPTSTORE_KEYS)\n")
        assert [row[:2] for row in rows(ran.out)[1:]] == [["job", "3"], ["locked", "-"], ["raw", "1"]]

    def test_a_damaged_newest_is_told_where_the_rest_is_listed(self, run: Callable[..., Any], folder: Path) -> None:
        """The list of a run shows what is sound, and its exit code says that the newest is not."""
        damage(folder / "job" / "000000000003.json")
        (folder / "job" / "latest.json").unlink()

        ran = run("ls", "job")

        assert ran.code == exits.UNREADABLE
        assert [row[0] for row in rows(ran.out)] == ["NUMBER", "2", "1"]


class TestShow:
    """`ckptstore show`."""

    def test_record_metadata_and_state(self, run: Callable[..., Any]) -> None:
        """The newest: its record, a field a line, then its state as Python writes it."""
        ran = run("show", "job")

        assert ran.code == 0
        assert ["number", "3"] in rows(ran.out)
        assert ["metadata", "day=2025-01-03", "name=a", "b"] in rows(ran.out)
        assert ran.out.endswith("\n\n{'step': 3, 'cash': Decimal('1.10')}\n")

    def test_json(self, run: Callable[..., Any]) -> None:
        """For scripts: the record, and the state with the store's own tags for what JSON lacks."""
        document = run("show", "job", "--json").json

        assert set(document) == {"checkpoint", "state"}
        assert document["checkpoint"]["number"] == 3
        assert document["state"] == {"step": 3, "cash": {"$decimal": "1.10"}}

    def test_a_state_of_200_levels_fits_into_the_document(self, run: Callable[..., Any], folder: Path) -> None:
        """What could be saved can be shown, however deep."""
        state: list[Any] = []
        for _ in range(199):
            state = [state]
        CheckpointStore(folder).save("deep", state)

        assert run("show", "deep", "--json").json["state"] == state

    def test_json_of_large_values(self, run: Callable[..., Any], folder: Path) -> None:
        """Bytes and arrays of any size stand in the document, in the form of small ones."""
        CheckpointStore(folder).save("large", [bytes(6000), np.zeros(6000, "u1")])

        data, array = run("show", "large", "--json").json["state"]

        assert data == {"$bytes": "A" * 8000}
        assert array == {"$ndarray": {"dtype": "|u1", "shape": [6000], "order": "C", "data": "A" * 8000}}

    def test_a_number_is_shown(self, run: Callable[..., Any]) -> None:
        """AT may be a number."""
        assert run("show", "job", "2", "--json").json["state"]["step"] == 2

    @pytest.mark.usefixtures("tokyo")
    @pytest.mark.parametrize("form", ["{:%Y-%m-%dT%H:%M:%S.%f}", "{:%Y-%m-%dT%H:%M:%S.%f}+00:00"])
    def test_a_time_is_shown(self, run: Callable[..., Any], folder: Path, form: str) -> None:
        """AT may be an ISO date-time, in UTC unless it says otherwise: the newest at or before it."""
        second = CheckpointStore(folder).checkpoints("job")[1]

        found = run("show", "job", form.format(second.created_at), "--json")

        assert found.json["checkpoint"]["number"] == 2

    def test_bytes_are_shown_by_size_and_beginning(self, run: Callable[..., Any]) -> None:
        """A state that is bytes does not flood the terminal."""
        last = run("show", "raw").out.splitlines()[-1]

        assert last.startswith(r"2,560 bytes: b'\x00\x01\x02")
        assert last.endswith(" …")
        assert len(last) < 300

    def test_a_long_stream_is_not_read(self, run: Callable[..., Any], folder: Path) -> None:
        """Of a stream in packs only the chunk that it begins with is read."""
        with CheckpointStore(folder).open_writer("stream") as file:
            file.write(np.random.default_rng(1).bytes(5_000_000))
        damage(*(folder / "stream" / "packs").iterdir())

        ran = run("show", "stream")

        assert (ran.code, ran.out.splitlines()[-1][:18]) == (0, "5,000,000 bytes: b")

    def test_of_a_very_large_state_arrays_are_named(
        self, run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Above some size a person sees all but the arrays, and none of them is read."""
        CheckpointStore(folder).save("net", {"step": 7, "weights": np.ones(100_000)})
        damage(*(folder / "net" / "packs").iterdir())
        monkeypatch.setattr(commands, "_WHOLE", 100_000)

        ran = run("show", "net")

        assert ran.code == 0
        assert "'step': 7" in ran.out
        assert "Omitted(dtype=dtype('float64'), shape=(100000,), nbytes=800000)" in ran.out

    def test_a_long_list_is_cut(self, run: Callable[..., Any], folder: Path) -> None:
        """A list does not flood the terminal, and how much is left out is said."""
        CheckpointStore(folder).save("long", list(range(5000)))

        ran = run("show", "long")

        assert "+4000" in ran.out.splitlines()[-2]
        assert ran.out.count(",") < 1100

    def test_a_pickle_is_not_run(self, run: Callable[..., Any], folder: Path) -> None:
        """Looking executes nothing that is stored: a pickled state is refused, with the reason."""
        CheckpointStore(folder, serializer="pickle").save("pickled", {1})

        ran = run("show", "pickled", "--json")

        assert (ran.code, ran.out) == (exits.UNREADABLE, "")
        assert "saved with pickle" in ran.err


class TestVerify:
    """`ckptstore verify`."""

    def test_all_is_well(self, run: Callable[..., Any]) -> None:
        """Each run on a line, and exit code 0."""
        assert run("verify") == (0, "job: 3 checkpoints checked, ok\nraw: 1 checkpoint checked, ok\n", "")

    def test_json(self, run: Callable[..., Any]) -> None:
        """For scripts: the verdict, and each run's."""
        assert run("verify", "raw", "--json").json == {
            "ok": True,
            "runs": [{"run": "raw", "ok": True, "checked": 1, "problems": []}],
        }

    def test_problems_are_listed(self, run: Callable[..., Any], folder: Path) -> None:
        """A damaged object is named below its run, the other runs are checked all the same, and the exit code is 1."""
        damage(folder / "job" / "000000000002.json")

        ran = run("verify")

        assert ran.code == exits.DIFFERS
        assert ran.out.splitlines()[0] == "job: 2 checkpoints checked, 1 problem"
        assert ran.out.splitlines()[1].startswith("  job/000000000002.json: run 'job', checkpoint 2: ")
        assert ran.out.splitlines()[2] == "raw: 1 checkpoint checked, ok"

    def test_problems_in_json(self, run: Callable[..., Any], folder: Path) -> None:
        """For scripts: run, number and key of each problem, and what it is."""
        damage(folder / "job" / "000000000002.json")

        ran = run("verify", "job", "--json")

        (problem,) = ran.json["runs"][0]["problems"]
        assert (ran.code, ran.json["ok"]) == (exits.DIFFERS, False)
        assert (problem["run"], problem["number"], problem["key"]) == ("job", 2, "job/000000000002.json")
        assert set(problem) == {"run", "number", "key", "what"}

    @pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses such names")
    def test_names_of_files_cannot_steer_the_terminal(self, run: Callable[..., Any], folder: Path) -> None:
        """Control characters and bytes that are no text, in the name of a foreign file, are shown escaped."""
        (folder / "job" / os.fsdecode(b"\x1b[31m\xff[red]")).touch()

        ran, document = run("verify", "job"), run("verify", "job", "--json").json

        assert r"job/\x1b[31m\udcff[red]: not an object" in ran.out
        assert document["runs"][0]["problems"][0]["key"] == {"$str": r"job/" + "\x1b" + r"[31m\udcff[red]"}


class TestPrune:
    """`ckptstore prune`."""

    def test_a_reason_for_each_checkpoint(self, run: Callable[..., Any], folder: Path) -> None:
        """Each checkpoint stands on a line with its fate and the reason, and then it is so."""
        ran = run("prune", "job", "--keep", "2")

        assert ran.code == 0
        assert [line.rstrip() for line in ran.out.splitlines()] == [
            "CHECKPOINT           WHY",
            "         3  kept     among the last 2",
            "         2  kept     among the last 2",
            "         1  removed  older than the last 2",
            "1 checkpoint and 0 leftovers removed, 2 kept",
        ]
        assert [each.number for each in CheckpointStore(folder).checkpoints("job")] == [3, 2]

    def test_a_dry_run_changes_nothing(self, run: Callable[..., Any], folder: Path) -> None:
        """`--dry-run` tells what would be removed, and removes none of it."""
        ran = run("prune", "job", "--keep", "1", "--dry-run")

        assert ran.out.splitlines()[-1] == "2 checkpoints and 0 leftovers would be removed, 1 kept"
        assert len(CheckpointStore(folder).checkpoints("job")) == 3

    def test_without_keep_only_leftovers_go(self, run: Callable[..., Any], folder: Path) -> None:
        """What a crashed writer left is removed, and no checkpoint."""
        leftover = folder / "job" / "000000000002.json.0123456789abcdef.tmp"
        leftover.touch()

        ran = run("prune", "job")

        assert "leftover removed: job/000000000002.json.0123456789abcdef.tmp" in ran.out
        assert not leftover.exists()
        assert len(CheckpointStore(folder).checkpoints("job")) == 3

    def test_json(self, run: Callable[..., Any]) -> None:
        """For scripts: numbers, decisions and leftovers."""
        assert run("prune", "job", "--keep", "2", "--dry-run", "--json").json == {
            "run": "job",
            "dry_run": True,
            "kept": [3, 2],
            "removed": [1],
            "decisions": [
                {"number": 3, "keep": True, "reason": "among the last 2"},
                {"number": 2, "keep": True, "reason": "among the last 2"},
                {"number": 1, "keep": False, "reason": "older than the last 2"},
            ],
            "leftovers": [],
        }
