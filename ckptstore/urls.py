"""URL -> backend: the only file that names the backends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ckptstore.backend import Backend


def open_backend(url: str | os.PathLike[str], *, single_writer: bool = False) -> tuple[Backend, str]:
    """
    The backend of `url`, bound to it for good, and the URL as it is shown to people.

    A path is made absolute here, so a later change of the working directory moves nothing. `ValueError` for a scheme
    that nothing serves, `TypeError` for what is neither a string nor a path.
    """
    if not isinstance(url, (str, os.PathLike)):
        raise TypeError(f"a store's URL must be a str or a path, not {type(url).__name__}")
    text = os.fspath(url)
    if not text or "\0" in text:
        raise ValueError(f"{text!r} is no place for a store: give a folder or a URL")
    scheme, mark, rest = text.partition("://")
    if not mark or isinstance(url, os.PathLike):
        return _local(os.path.expanduser(text), single_writer=single_writer)
    if scheme == "memory":
        from ckptstore_backends.memory import MemoryBackend  # noqa: PLC0415 - only where it is used

        return MemoryBackend(rest.strip("/") or None), text
    if scheme == "file":
        return _local(_path_of(text, rest), single_writer=single_writer)
    raise ValueError(f"no backend serves {scheme}:// URLs; there are: a path, file://, memory://")


def _path_of(url: str, rest: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415 - only where it is used

    host, slash, path = rest.partition("/")
    if host not in {"", "localhost"} or not slash:
        raise ValueError(f"{url!r} names a host or a relative path: write file:///absolute/path")
    return unquote(slash + path)


def _local(path: str, *, single_writer: bool) -> tuple[Backend, str]:
    from ckptstore_backends.local import LocalBackend  # noqa: PLC0415 - only where it is used

    return LocalBackend(os.path.abspath(path), single_writer=single_writer), path
