"""What a read of the local backend leaves behind: nothing."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

from ckptstore_backends import files
from ckptstore_backends.local import LocalBackend

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(not files.QUIETLY, reason="this system notes every read")
def test_a_read_writes_nothing(tmp_path: Path) -> None:
    """Not even when the object was read last."""
    backend = LocalBackend(str(tmp_path))
    backend.create("run/1", b"1")
    os.utime(tmp_path / "run/1", (1, 2))

    assert backend.get("run/1") == b"1"
    assert (tmp_path / "run/1").stat().st_atime == 1


@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL])
def test_another_user_s_object_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Only an owner may read without a trace, and not on every system; that is asked for once."""
    plain, refused = os.open, list[str]()

    def strict(path: str, flags: int, *args: Any, **options: Any) -> int:  # noqa: ANN401 - as os.open has them
        if files.QUIETLY and flags & files.QUIETLY:
            refused.append(path)
            raise OSError(number, os.strerror(number))
        return plain(path, flags, *args, **options)

    backend = LocalBackend(str(tmp_path))
    backend.create("run/1", b"1")
    monkeypatch.setattr(os, "open", strict)

    assert [backend.get("run/1"), backend.get("run/1")] == [b"1", b"1"]
    assert len(refused) == bool(files.QUIETLY)
