"""URL -> backend: the only file that names the backends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from ckptstore.backend import Backend

    Opened: TypeAlias = tuple[Backend, str]

GROUP = "ckptstore.backends"
"""
The entry points that serve further schemes: `name` is the scheme, and the object is called as
`(url, *, storage_options, single_writer)`, with the URL as the user wrote it and a dict, and returns a `Backend`.
"""

_VERBS = ("create", "put", "get", "list", "delete")
_OWN = "a path, file://, memory://, s3://"


def open_backend(
    url: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, object] | None = None,
    fs: object = None,
    single_writer: bool = False,
) -> Opened:
    """
    The backend of `url`, bound to it for good, and the URL as it is shown to people, without its password.

    A path is made absolute here, so a later change of the working directory moves nothing. With `fs`, a ready fsspec
    file system, `url` is a place in it. `ValueError` for a scheme that nothing serves and for options that mean nothing
    here, `TypeError` for arguments of the wrong type, `ImportError` for a plug-in that is broken.
    """
    text = _checked(url, storage_options, single_writer)
    options = dict(storage_options or {})
    if fs is not None:
        if options:
            raise ValueError("storage_options mean nothing beside fs: give them to the file system when it is made")
        return _within(fs, text, single_writer)
    scheme, mark, rest = text.partition("://")
    if not mark or isinstance(url, os.PathLike):
        return _local(os.path.expanduser(text), options, single_writer)
    if scheme == "file":
        return _local(_path_of(text, rest), options, single_writer)
    if scheme == "memory":
        from ckptstore_backends.memory import MemoryBackend  # noqa: PLC0415 - only where it is used

        _refuse(options, text)
        return MemoryBackend(rest.strip("/") or None), text
    if scheme in {"s3", "s3a"}:
        return _s3(rest, options, single_writer), text
    return _plugged_in(scheme, text, options, single_writer) or _generic(scheme, text, options, single_writer)


def _checked(url: object, storage_options: object, single_writer: object) -> str:
    if not isinstance(url, (str, os.PathLike)):
        raise TypeError(f"a store's URL must be a str or a path, not {type(url).__name__}")
    if storage_options is not None and not isinstance(storage_options, Mapping):
        raise TypeError(f"storage_options must be a mapping, not {type(storage_options).__name__}")
    if not isinstance(single_writer, bool):
        raise TypeError(f"single_writer must be True or False, not {single_writer!r}")
    text: object = os.fspath(url)
    if not isinstance(text, str):
        raise TypeError(f"a store's URL must be a str or a path, not {type(text).__name__}")
    if not text or "\0" in text:
        raise ValueError(f"{text!r} is no place for a store: give a folder or a URL")
    return text


def _refuse(options: dict[str, object], url: str) -> None:
    if options:
        raise ValueError(f"storage_options mean nothing to {url}: they are for remote storage")


def _shown(url: str) -> str:
    """`url` without the password that it may have."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    login, at, host = place.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{host}{slash}{path}"


# Our own


def _path_of(url: str, rest: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415 - only where it is used

    host, slash, path = rest.partition("/")
    if host not in {"", "localhost"} or not slash:
        raise ValueError(f"{url!r} names a host or a relative path: write file:///absolute/path")
    return unquote(slash + path)


def _local(path: str, options: dict[str, object], single_writer: bool) -> Opened:
    from ckptstore_backends.local import LocalBackend  # noqa: PLC0415 - only where it is used

    _refuse(options, path)
    return LocalBackend(os.path.abspath(path), single_writer=single_writer), path


def _s3(place: str, options: Mapping[str, object], single_writer: bool) -> Backend:
    from ckptstore_backends.s3 import S3Backend  # noqa: PLC0415 - only where it is used

    return S3Backend(place, storage_options=options, single_writer=single_writer)


# Those of others


def _plugged_in(scheme: str, url: str, options: dict[str, object], single_writer: bool) -> Opened | None:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and only for schemes that are not ours

    found = list(entry_points(group=GROUP, name=scheme))
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"several plug-ins serve {scheme}://, leave one: {', '.join(map(_named, found))}")
    backend = _loaded(found[0])(url, storage_options=options, single_writer=single_writer)
    if missing := [verb for verb in _VERBS if not callable(getattr(backend, verb, None))]:
        raise ImportError(f"{_named(found[0])} is broken: what it returned for {url} has no {missing[0]}()")
    return backend, _shown(url)


def _loaded(plugin: EntryPoint) -> Any:  # noqa: ANN401 - whatever others registered
    try:
        made = plugin.load()
    except Exception as exc:
        raise ImportError(f"{_named(plugin)} is broken: it cannot be imported: {exc!r}") from exc
    if callable(made):
        return made
    raise ImportError(f"{_named(plugin)} is broken: {plugin.value} is {made!r}, and nothing that can be called")


def _named(plugin: EntryPoint) -> str:
    where = f"{plugin.dist.name} {plugin.dist.version}" if plugin.dist else "an unknown distribution"
    return f"the {GROUP} plug-in {plugin.name!r} of {where}"


def _generic(scheme: str, url: str, options: dict[str, object], single_writer: bool) -> Opened:
    from ckptstore_backends.generic import GenericBackend  # noqa: PLC0415 - only where it is used
    from ckptstore_backends.systems import LOCAL, name_of, strip  # noqa: PLC0415 - as above

    if "::" in url:
        raise ValueError(f"{_shown(url)} chains file systems: name the one that keeps the bytes")
    kind = _class_of(scheme)
    if name_of(kind) == LOCAL:
        return _local(strip(kind, url), options, single_writer)
    return GenericBackend.of_url(kind, url, options, single_writer=single_writer), _shown(url)


def _class_of(scheme: str) -> Any:  # noqa: ANN401 - fsspec has no types
    none = f"no backend serves {scheme}:// URLs"
    try:
        from fsspec.registry import get_filesystem_class, known_implementations, registry  # noqa: PLC0415 - heavy
    except ModuleNotFoundError:
        raise ValueError(f"{none}; there are: {_there_is()}, and what fsspec knows (pip install fsspec)") from None
    if scheme not in {*known_implementations, *registry}:
        raise ValueError(f"{none}; there are: {_there_is()}, and what fsspec knows")
    try:
        return get_filesystem_class(scheme)
    except ImportError as exc:
        raise ValueError(f"{none} here: {exc} ({exc.__cause__})") from exc


def _there_is() -> str:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow, and only for schemes that are not ours

    return ", ".join([_OWN, *(f"{name}://" for name in sorted(entry_points(group=GROUP).names))])


# A file system that the user made


def _within(fs: Any, url: str, single_writer: bool) -> Opened:  # noqa: ANN401 - fsspec has no types
    fsspec = sys.modules.get("fsspec")  # loaded, if this is one of its objects
    if fsspec is None or not isinstance(fs, fsspec.AbstractFileSystem):
        raise TypeError(f"fs must be an fsspec file system, not {type(fs).__name__}")
    from ckptstore_backends.generic import GenericBackend  # noqa: PLC0415 - only where it is used
    from ckptstore_backends.systems import DIR, LOCAL, S3, name_of, options_of, place_in  # noqa: PLC0415 - as above

    place = place_in(fs, url)
    kind = name_of(type(fs))
    if kind == DIR:
        return _within(fs.fs, place, single_writer)
    if kind == LOCAL:
        return _local(place, {}, single_writer)
    if kind == S3:
        return _s3(place, options_of(fs), single_writer), f"s3://{place}"
    return GenericBackend.of_system(fs, place, single_writer=single_writer), fs.unstrip_protocol(place)
