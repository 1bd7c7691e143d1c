"""What the backends share: which keys there are, and a lock that a fork cannot leave locked."""

from __future__ import annotations

import os
import re

from ckptstore.locks import lock_across_forks

# An empty, "." or ".." part (so also "", a leading "/" and a trailing one), or a NUL; on Windows what else cuts paths.
_BAD_KEY = re.compile(r"(?:^|/)\.{0,2}(?:/|\Z)|\x00" + (r"|[\\:]" if os.name == "nt" else ""))

PROBE = ".ckptstore-probe"
PROBE_TEXT = b"ckptstore tries here whether this storage creates exclusively. It may be removed.\n"

LOCK = lock_across_forks()  # re-entrant: a signal handler may save while its own thread is inside
"""Guards what backends remember: never held during a system call or while a caller's code runs."""


def check_key(key: str) -> str:
    """`key` itself, if it names something below the root; `ValueError` otherwise."""
    if _BAD_KEY.search(key):
        raise ValueError(f"{key!r} is not a key: relative, /-separated, without empty, '.' or '..' parts or NUL")
    return key


def check_prefix(prefix: str) -> str:
    """The folders that `prefix` names, as far as its last "/"; `ValueError` if they are not below the root."""
    folders, slash, _ = prefix.rpartition("/")
    return check_key(folders) + slash if slash else ""


def is_pack(key: str) -> bool:
    """Whether `key`, or a URL that ends with it, names a pack: the work of one attempt, which decides nothing."""
    folder, _, name = key.rpartition("/")
    return folder.endswith("/packs") and not name.endswith(".json")  # a run may be called "packs"
