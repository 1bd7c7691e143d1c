"""What the local backend does where a disk is full, lacks something, or is cleaned meanwhile."""

from __future__ import annotations

import errno
import itertools
import os
import sys
from stat import S_ISREG
from typing import TYPE_CHECKING

import pytest

from ckptstore.backend import NotDurableError, NotExclusiveError
from ckptstore_backends.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    Fail: TypeAlias = Callable[..., list[int]]


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the very system calls of Linux")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a root with a run in it, made by somebody else."""
    tmp_path.joinpath("root/run").mkdir(parents=True)
    return tmp_path / "root"


@pytest.fixture
def backend(root: Path) -> LocalBackend:
    """Give a backend that has saved into the run before."""
    backend = LocalBackend(str(root))
    backend.create("run/1", b"1")
    return backend


def is_file(fd: int) -> bool:
    """Whether a regular file is being synced."""
    return S_ISREG(os.fstat(fd).st_mode)


def is_folder(fd: int) -> bool:
    """Whether a folder is being synced."""
    return not is_file(fd)


def everything(root: Path) -> list[str]:
    """Every file below the root, whatever it is."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


# Syncs that fail


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EINVAL])
def test_a_file_that_cannot_be_synced_never_appears(backend: LocalBackend, root: Path, fail: Fail, number: int) -> None:
    """When the sync of the bytes fails the create fails with that error, and nothing is visible or left."""
    fail("fsync", number, is_file)

    for verb in (backend.create, backend.put):
        with pytest.raises(OSError, match=os.strerror(number)) as caught:
            verb("run/2", b"2")
        assert not isinstance(caught.value, NotDurableError)
    assert everything(root) == ["run/1"]


def test_a_folder_that_cannot_be_synced_is_told(backend: LocalBackend, root: Path, fail: Fail) -> None:
    """When the sync after the link fails the object is visible but not to be trusted: `NotDurableError` says so."""
    fail("fsync", errno.EIO, is_folder)

    with pytest.raises(NotDurableError, match="run/2: written, but its folder could not be synced"):
        backend.create("run/2", b"2")
    assert everything(root) == ["run/1", "run/2"]


def test_a_parent_that_cannot_be_synced_stops_a_create(root: Path, fail: Fail) -> None:
    """The way to a new folder is synced before the object appears, so a failure there leaves nothing visible."""
    fail("fsync", errno.EIO, is_folder)

    with pytest.raises(OSError, match=os.strerror(errno.EIO)) as caught:
        LocalBackend(str(root)).create("run/2", b"2")
    assert not isinstance(caught.value, NotDurableError)
    assert everything(root) == []


def test_a_delete_stops_when_earlier_changes_cannot_be_synced(backend: LocalBackend, root: Path, fail: Fail) -> None:
    """Nothing is removed as long as earlier changes are not durable, and that is not forgotten after a failure."""
    backend.create("run/2", b"2")
    backend.put("run/2", b"marker")
    fail("fsync", errno.EIO, is_folder)

    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            backend.delete(["run/1"])
    assert everything(root) == ["run/1", "run/2"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_folders_that_know_no_sync_are_fine(backend: LocalBackend, root: Path, fail: Fail, number: int) -> None:
    """A file system on which folders cannot be synced at all does as well as it can."""
    failures = fail("fsync", number, is_folder)
    backend.create("run/2", b"2")

    assert failures
    assert backend.get("run/2") == b"2"


# Full, slow or odd


@pytest.mark.parametrize("verb", ["create", "put"])
@pytest.mark.parametrize("nameless", [True, False])
def test_a_full_disk_leaves_nothing(backend: LocalBackend, root: Path, fail: Fail, verb: str, nameless: bool) -> None:
    """When the disk is full the error comes out, the old object stays, and no unfinished file does."""
    backend._nameless = nameless
    turn = itertools.count()
    fail("write", errno.ENOSPC, lambda fd, data: next(turn) > 0)

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        getattr(backend, verb)("run/1" if verb == "put" else "run/2", [b"some", b"more"])
    assert everything(root) == ["run/1"]
    assert backend.get("run/1") == b"1"


def test_short_writes_and_reads_are_continued(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that takes or gives fewer bytes than asked for is asked again."""
    write, read = os.write, os.read
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:3]))
    monkeypatch.setattr(os, "read", lambda fd, size: read(fd, min(size, 4)))
    backend.create("run/2", [memoryview(b"0123456789abcdef").cast("Q"), b"ghi"])
    backend.put("run/3", b"0123456789", durable=False)
    backend.put("run/3", b"9876543210", durable=False)

    assert backend.get("run/2") == b"0123456789abcdefghi"
    assert backend.get("run/2", 1, 18) == b"123456789abcdefgh"
    assert backend.get("run/3") == b"9876543210"


def test_a_file_cut_while_it_is_read_ends_there(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hint that gets shorter under its reader gives what there is, and no endless loop."""
    read = os.read
    answers = iter([b"some"])
    monkeypatch.setattr(os, "read", lambda fd, size: next(answers, b"") if size else read(fd, 0))
    backend.put("run/latest.json", b"something", durable=False)

    assert backend.get("run/latest.json") == b"some"


def test_no_permission_is_an_os_error(backend: LocalBackend, root: Path, fail: Fail) -> None:
    """A folder that may not be written is a `PermissionError`, and not taken for a disk that lacks something."""
    fail("open", errno.EACCES, lambda path, flags, *args, **kwargs: flags & os.O_RDWR)

    with pytest.raises(PermissionError):
        backend.create("run/2", b"2")
    assert backend._nameless


def test_the_disk_s_own_folder_hides_no_run(backend: LocalBackend, root: Path, fail: Fail) -> None:
    """In the root of a disk `lost+found` is closed, and passed over; any other folder that is closed is an error."""
    (root / "lost+found").mkdir()
    fail("scandir", errno.EACCES, lambda path: path.endswith("/lost+found/"))

    assert [info.key for info in backend.list("")] == ["run/1"]
    with pytest.raises(PermissionError):
        list(backend.list("lost+found/"))
    fail("scandir", errno.EACCES, lambda path: path.endswith("/run/"))
    with pytest.raises(PermissionError):
        list(backend.list(""))


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL])
def test_nameless_files_are_tried_once_where_there_are_none(
    backend: LocalBackend, root: Path, fail: Fail, number: int
) -> None:
    """A file system without nameless files is noticed at the first create and not asked again."""
    refused = fail("open", number, lambda path, flags, *args, **kwargs: flags & os.O_TMPFILE == os.O_TMPFILE)
    backend.create("run/2", b"2")
    backend.create("run/3", b"3")

    assert len(refused) == 1
    assert everything(root) == ["run/1", "run/2", "run/3"]


def test_nameless_files_need_proc(root: Path, monkeypatch: pytest.MonkeyPatch, fail: Fail) -> None:
    """Without /proc a nameless file can never get a name, so none is made."""
    monkeypatch.setattr(os.path, "isdir", lambda path: False)
    made = fail("open", errno.EIO, lambda path, flags, *args, **kwargs: flags & os.O_TMPFILE == os.O_TMPFILE)
    LocalBackend(str(root)).create("run/2", b"2")

    assert made == []


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.ENOENT])
def test_a_nameless_file_that_cannot_be_linked_gets_a_name(
    backend: LocalBackend, root: Path, fail: Fail, number: int
) -> None:
    """Where only nameless files cannot be linked, the same bytes go through a named one, even if given once only."""
    fail("link", number, lambda source, *args, **kwargs: source.startswith("/proc/"))
    backend.create("run/2", iter([b"some ", b"parts"]))

    assert backend.get("run/2") == b"some parts"
    assert everything(root) == ["run/1", "run/2"]


# Disks without hard links

NO_LINKS = [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS]


@pytest.mark.parametrize("number", NO_LINKS)
def test_without_links_nothing_is_exclusive(backend: LocalBackend, root: Path, fail: Fail, number: int) -> None:
    """A disk that refuses hard links is refused, with the way out in the message, and nothing is left there."""
    fail("link", number)

    with pytest.raises(NotExclusiveError, match=r"run/2: .*single_writer=True .* another disk"):
        backend.create("run/2", b"2")
    assert everything(root) == ["run/1"]


@pytest.mark.parametrize("number", [errno.EMLINK, errno.EIO, errno.ENOSPC])
def test_other_failures_of_a_link_come_out(backend: LocalBackend, root: Path, fail: Fail, number: int) -> None:
    """A link that fails for a reason of its own is that error, and nothing is left."""
    fail("link", number)

    with pytest.raises(OSError, match=os.strerror(number)) as caught:
        backend.create("run/2", b"2")
    assert not isinstance(caught.value, NotExclusiveError)
    assert everything(root) == ["run/1"]


# A collector at work


def collector(root: Path, name: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove unfinished files just before a function of `os` publishes them, so many times."""
    real, left = getattr(os, name), iter(range(times))

    def late(*args: object, **kwargs: object) -> None:
        for _ in left:
            for path in root.rglob("*.tmp"):
                path.unlink()
            break
        real(*args, **kwargs)

    monkeypatch.setattr(os, name, late)


@pytest.mark.parametrize(("verb", "function"), [("create", "link"), ("put", "replace")])
def test_a_collected_file_is_written_again(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, verb: str, function: str
) -> None:
    """When a collector removes the unfinished file the same bytes are written once more, even if given once only."""
    backend._nameless = False
    collector(root, function, 2, monkeypatch)
    getattr(backend, verb)("run/2", iter([b"some ", b"parts"]))

    assert backend.get("run/2") == b"some parts"
    assert everything(root) == ["run/1", "run/2"]


@pytest.mark.parametrize(("verb", "function"), [("create", "link"), ("put", "replace")])
def test_a_tireless_collector_is_an_error(
    backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch, verb: str, function: str
) -> None:
    """A writer whose file is removed again and again gives up, and says why."""
    backend._nameless = False
    collector(root, function, 1000, monkeypatch)

    with pytest.raises(OSError, match=r"removed by another each of the 10 times it was written.*run/2"):
        getattr(backend, verb)("run/2", b"2")
    assert everything(root) == ["run/1"]


def test_a_collected_loser_still_loses(backend: LocalBackend, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector removes the file because the key is taken: that is a `FileExistsError`, not a missing file."""
    backend._nameless = False
    collector(root, "link", 1, monkeypatch)

    with pytest.raises(FileExistsError):
        backend.create("run/1", b"second")
    assert backend.get("run/1") == b"1"


def test_a_folder_that_cannot_be_made_is_an_error(root: Path) -> None:
    """A link to nowhere in the place of the root is an error, not an endless loop."""
    (root / "link").symlink_to(root / "no" / "where")

    with pytest.raises(FileNotFoundError, match="cannot be made"):
        LocalBackend(str(root / "link")).create("run/1", b"1")
