"""What each command prints, for people and for scripts."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from harm import damage

from ckptstore import CheckpointStore
from ckptstore.cli import exits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
