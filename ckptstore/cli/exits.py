"""What each failure is to a shell and to a person: exit codes and one line."""

from __future__ import annotations

from ckptstore.errors import BackendError, CheckpointConflict, CheckpointError, CheckpointNotFound, DecryptionError

OK = 0
DIFFERS = 1
USAGE = 2  # click's
NOT_FOUND = 3
UNREADABLE = 4
STORAGE = 5
CONFLICT = 6
INTERRUPTED = 130  # as a shell shows SIGINT
CLOSED_PIPE = 141  # as a shell shows SIGPIPE

HELP = """\b
Exit codes:
  0  all is well
  1  verify found problems, or the demo's result differs
  2  wrong usage
  3  no such store, run or checkpoint
  4  corrupt, not to be decrypted, or of a version or kind unknown here
  5  the storage failed
  6  conflict: somebody else saved first"""

_CODES = ((CheckpointNotFound, NOT_FOUND), (CheckpointConflict, CONFLICT), (BackendError, STORAGE))


class DemoError(Exception):
    """The demo cannot go on; `code` is the exit code that says why."""

    def __init__(self, message: str, code: int = STORAGE) -> None:
        super().__init__(message)
        self.code = code


def exit_code(error: CheckpointError) -> int:
    """The exit code that stands for `error`."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), UNREADABLE)


def line(error: Exception) -> str:
    """`error` as the one line that goes to stderr; it speaks of the library, so where keys go here is added."""
    here = " (here: --key-file, or CKPTSTORE_KEYS)" * isinstance(error, DecryptionError)
    return f"ckptstore: {plain(' '.join(str(error).split()))}{here}"


def plain(text: str) -> str:
    """`text` with nothing in it that could steer a terminal: names of files may hold anything."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
