"""
What msgspec knows of a type, learnt by one thread at a time.

While one thread has it look at a class for the first time, msgspec 0.22 lets another use what is not filled in yet, and
the process dies. So a class with fields that threads may meet at the same moment is first looked at here. (What a
module makes when it is imported is made by one thread.)
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import Any

import msgspec

from ckptstore.locks import lock_across_forks

LOCK = lock_across_forks()  # re-entrant, for an annotation is code, and might load something itself


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 - a class or any other annotation
    """A decoder of `kind`; `TypeError`, and whatever else annotations raise that mean nothing."""
    with LOCK:
        return msgspec.json.Decoder(kind)


def convert(state: object, kind: Any, exact: tuple[type, ...]) -> Any:  # noqa: ANN401 - as above
    """`state` as a `kind`, in which none of the types `exact` is made of anything else; raises what msgspec does."""
    try:
        _learn(kind)
    except TypeError:  # it has no hash; or it means nothing, which is said again
        _learn.__wrapped__(kind)
    return msgspec.convert(state, kind, builtin_types=exact)


@lru_cache(1024)
def _learn(kind: Any) -> None:  # noqa: ANN401 - as above
    with LOCK, suppress(msgspec.ValidationError):
        msgspec.convert(None, kind)
