"""What each failure is to a shell, and the command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ckptstore import CheckpointStore, errors
from ckptstore.cli import exits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


READING = [("ls",), ("ls", "job"), ("show", "job"), ("verify",), ("verify", "job"), ("prune", "job", "--keep", "1")]
LINE = 'ckptstore: the command line needs its extra: pip install "ckptstore[cli]"\n'


class TestExitCodes:
    """What each failure is to a shell."""

    @pytest.mark.parametrize(
        ("kind", "code"),
        [
            (errors.CheckpointNotFound, 3),
            (errors.CheckpointCorrupt, 4),
            (errors.DecryptionError, 4),
            (errors.VersionMismatch, 4),
            (errors.CheckpointError, 4),
            (errors.BackendError, 5),
            (errors.CheckpointConflict, 6),
        ],
    )
    def test_each_error_has_its_code(self, kind: type[errors.CheckpointError], code: int) -> None:
        """The codes are a contract with scripts."""
        assert exits.exit_code(kind("")) == code

    def test_help_documents_them(self, run: Callable[..., Any]) -> None:
        """`--help` has a line for each code."""
        ran = run("--help")

        assert ran.code == 0
        assert [line.split()[0] for line in ran.out.partition("Exit codes:")[2].splitlines() if line] == list("0123456")

    @pytest.mark.parametrize(
        "args",
        [
            ("show", "nope"),
            ("show", "job", "9"),
            ("show", "job", "2000-01-01"),
            ("ls", "nope"),
            ("verify", "nope"),
            ("prune", "nope"),
        ],
    )
    def test_what_is_not_there_is_3(self, run: Callable[..., Any], args: tuple[str, ...]) -> None:
        """A missing run or checkpoint: one line on stderr that names the run, nothing on stdout."""
        ran = run(*args, "--json")

        assert (ran.code, ran.out) == (exits.NOT_FOUND, "")
        assert ran.err.startswith("ckptstore: ")
        assert repr(args[1]) in ran.err
        assert ran.err.count("\n") == 1

    @pytest.mark.parametrize("args", READING)
    def test_no_command_makes_a_store(self, run: Callable[..., Any], tmp_path: Path, args: tuple[str, ...]) -> None:
        """A store that is not there is 3, is said so, and is not there afterwards either."""
        missing = tmp_path / "missing"

        ran = run(*args, "--store", str(missing))

        assert ran.code == exits.NOT_FOUND
        assert ran.err.startswith(f"ckptstore: there is no store at '{missing}': no such folder")
        assert not missing.exists()

    @pytest.mark.parametrize(
        "args",
        [
            ("ls", "a/b"),
            ("ls", "--limit", "2"),
            ("ls", "--store", "gopher://x"),
            ("show", "job", "yesterday"),
            ("show", "job", "0"),
            ("prune", "job", "--keep", "0"),
            ("nonsense",),
        ],
    )
    def test_wrong_usage_is_2(self, run: Callable[..., Any], args: tuple[str, ...]) -> None:
        """What cannot be meant is refused before anything is read."""
        ran = run(*args)

        assert (ran.code, ran.out) == (exits.USAGE, "")
        assert "Usage: ckptstore" in ran.err

    def test_damage_is_4(self, run: Callable[..., Any], folder: Path) -> None:
        """A state that is not what was written is not shown."""
        file = folder / "job" / "000000000002.json"
        file.write_bytes(file.read_bytes().replace(b'"step":2', b'"step":7'))

        ran = run("show", "job", "2")

        assert (ran.code, ran.out) == (exits.UNREADABLE, "")
        assert ran.err.startswith("ckptstore: run 'job', checkpoint 2: ")
        assert ran.err.count("\n") == 1

    def test_a_newer_format_is_4(self, run: Callable[..., Any], folder: Path) -> None:
        """A checkpoint of a later ckptstore is refused, with the advice to upgrade."""
        file = folder / "job" / "000000000002.json"
        file.write_text(file.read_text().replace('"format": 1', '"format": 2'))

        ran = run("show", "job", "2")

        assert ran.code == exits.UNREADABLE
        assert "upgrade ckptstore" in ran.err

    def test_a_failing_storage_is_5(self, run: Callable[..., Any], folder: Path) -> None:
        """What the storage refuses, such as a linked folder, is told as its failure."""
        (folder / "linked").symlink_to(folder / "job")

        ran = run("show", "linked")

        assert (ran.code, ran.out) == (exits.STORAGE, "")
        assert ran.err.startswith("ckptstore: run 'linked': the storage failed: ")

    def test_ctrl_c_is_130(self, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """An interrupt ends a command without a word."""

        def interrupted(_: CheckpointStore) -> list[str]:
            raise KeyboardInterrupt

        monkeypatch.setattr(CheckpointStore, "runs", interrupted)

        assert run("ls") == (130, "", "")


class TestProcess:
    """The command as a process of its own."""

    def test_a_closed_pipe_is_no_traceback(self, folder: Path) -> None:
        """Where nobody reads any more, as behind `| head -1`, the command ends without a word."""
        read, write = os.pipe()
        os.close(read)

        ran = subprocess.run(
            [sys.executable, "-m", "ckptstore", "ls", "-s", str(folder)],
            stdout=write,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(write)

        assert (ran.returncode, ran.stderr) == (exits.CLOSED_PIPE, b"")

    @pytest.mark.parametrize("missing", ["click", "rich"])
    def test_without_the_extra_one_line_tells_what_to_install(self, missing: str) -> None:
        """Without click or rich: the line that helps, exit code 2, no traceback."""
        block = f"import sys; sys.modules[{missing!r}] = None; import runpy; "
        script = block + "runpy.run_module('ckptstore', run_name='__main__')"

        ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

        assert (ran.returncode, ran.stdout) == (exits.USAGE, "")
        assert ran.stderr == LINE


class TestLocation:
    """Which store is meant."""

    def test_the_option_wins_over_the_environment(self, run: Callable[..., Any], tmp_path: Path) -> None:
        """`--store` names the store, whatever CKPTSTORE_URL says; a URL will do."""
        CheckpointStore(tmp_path / "a b").save("other", 1)

        ran = run("ls", "--json", "--store", (tmp_path / "a b").as_uri())

        assert [each["run"] for each in ran.json["runs"]] == ["other"]

    def test_ckpts_is_the_default(self, run: Callable[..., Any], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without either it is the folder `ckpts` below the working directory."""
        monkeypatch.delenv("CKPTSTORE_URL")
        monkeypatch.chdir(folder.parent)

        assert [each["run"] for each in run("ls", "--json").json["runs"]] == ["job", "raw"]
