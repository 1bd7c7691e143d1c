"""
Every error a store raises, so that one `except CheckpointError` is enough.

    CheckpointError
    ├── CheckpointNotFound   (also FileNotFoundError)  no such run or number
    ├── CheckpointConflict                             somebody else saved first: load, then go on from there
    ├── CheckpointCorrupt                              stored bytes are not what was written
    ├── DecryptionError                                wrong key, or no key where one is due
    ├── VersionMismatch      (also ValueError)         format, schema or type that this program cannot read
    └── BackendError                                   the storage failed; what is stored is as it was

A wrong argument is a `TypeError` or `ValueError`, raised before anything is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import TracebackType

SHOWN = 1000  # characters of what was read: a forger may make a name of megabytes


class CheckpointError(Exception):
    """Something went wrong with a checkpoint; the message names the run, the number and the way out."""


class CheckpointNotFound(CheckpointError, FileNotFoundError):  # noqa: N818 - the public name is a contract
    """The run or the number does not exist (any more)."""

    __str__ = CheckpointError.__str__  # OSError would print an errno pair


class CheckpointConflict(CheckpointError):  # noqa: N818 - the public name is a contract
    """Somebody else saved a newer checkpoint of this run: nothing of theirs changed, nothing of yours is written."""


class CheckpointCorrupt(CheckpointError):  # noqa: N818 - the public name is a contract
    """
    Stored bytes fail their own check: damaged, edited by hand, or not written by this library.

    `key` is the object's, where that is not the manifest but a pack that it needs.
    """

    key: str | None = None


class DecryptionError(CheckpointError):
    """No given key opens what is stored, or plain text stands where a sealed object is due."""


class VersionMismatch(CheckpointError, ValueError):  # noqa: N818 - the public name is a contract
    """What is stored is sound but of a format, version or type that this program cannot read."""


class BackendError(CheckpointError):
    """The storage refused or failed; what was stored before is untouched. The cause is in `__cause__`."""


def shown(what: object) -> str:
    """`what` as a message may show it, whoever wrote it: not long, and with nothing that a terminal obeys."""
    text = str(what)
    text = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def translate(exc: OSError, run: str | None) -> NoReturn:
    """Raise what a backend raised as a `BackendError` that names the run, and what is ours already as it is."""
    if isinstance(exc, CheckpointError):
        raise exc
    where = "" if run is None else f"run {run!r}: "
    advice = "what was saved before is untouched: try again when that is mended"
    raise BackendError(f"{where}the storage failed: {exc}; {advice}") from exc


class translated:  # noqa: N801 - used as a statement, as contextlib's own are
    """Within this block, `translate` is what becomes of what a backend raises."""

    __slots__ = ("_run",)

    def __init__(self, run: str | None = None) -> None:
        self._run = run

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, _: type[BaseException] | None, exc: BaseException | None, __: TracebackType | None) -> None:
        """Raise in the place of an `OSError` that is not ours already."""
        if isinstance(exc, OSError) and not isinstance(exc, CheckpointError):
            translate(exc, self._run)
