"""Sees what the code within a block does besides: memory taken, code run, files opened, keys outside of a run."""

from __future__ import annotations

import re
import sys
import tracemalloc
import zoneinfo
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_RUNS_CODE = {
    "exec",
    "compile",
    "import",
    "os.system",
    "os.exec",
    "subprocess.Popen",
    "pickle.find_class",
    "marshal.loads",
}
_MAY_IMPORT = ("ckptstore", "numpy", "tzdata", "zoneinfo", "importlib", "zstandard")  # what states need, and its data
_KEY = re.compile(r"run/(\d{12}\.json|latest\.json|packs/\d{12,13}-[0-9a-f]{32}-\d{1,9})")

_seen: list[str] | None = None
_hooked: list[bool] = []


def _hook(event: str, args: tuple[Any, ...]) -> None:
    """Note what an input must never cause; an audit hook stays for as long as the process lives."""
    if _seen is None:
        return
    if event in _RUNS_CODE and not (event == "import" and str(args[0]).partition(".")[0] in _MAY_IMPORT):
        _seen.append(f"{event} {args[0]!r:.80}")
    elif event == "open" and not str(args[0]).startswith((*zoneinfo.TZPATH, *sys.path)):
        _seen.append(f"open {args[0]!r:.80}")


@contextmanager
def watched(allowance: int) -> Iterator[None]:
    """AssertionError where the block takes more than `allowance` bytes of memory at once, or runs what it reads."""
    global _seen  # noqa: PLW0603 - the hook is one for the process
    if not _hooked:
        sys.addaudithook(_hook)
        _hooked.append(True)
    tracemalloc.start()
    _seen = seen = list[str]()
    try:
        yield
    finally:
        _seen = None
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= allowance, f"{peak} bytes of memory where {allowance} are allowed"
    assert not seen, f"ran or opened: {seen}"


class Within:
    """A backend that only the run `run` may be touched in, and only under names of the library."""

    def __init__(self, backend: Any) -> None:  # noqa: ANN401 - any backend
        self._backend = backend

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what the backend has
        verb = getattr(self._backend, name)
        if name not in {"create", "put", "get", "delete"}:
            return verb

        def checked(keys: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the verb has it
            keys = keys if isinstance(keys, str) else [*keys]
            for key in [keys] if isinstance(keys, str) else keys:
                assert _KEY.fullmatch(key), f"{name} of {key!r:.100}"
            return verb(keys, *args, **options)

        return checked
