"""A backend that fails at the k-th call: before it, after it (the reply is lost), late, or by the caller's death."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ckptstore.backend import Backend, Data, ObjectInfo

T = TypeVar("T")
Mode: TypeAlias = Literal["fails before", "fails after", "lands late", "lands twice", "dies before", "dies after"]
MODES: tuple[Mode, ...] = ("fails before", "fails after", "lands late", "lands twice", "dies before", "dies after")


class Died(BaseException):
    """The process is gone: nothing catches this, and nothing of the backend answers any more."""


class FaultyBackend:
    """
    Forwards to `inner`; call number `at` meets `mode`. Without `at` it only counts.

    Calls count from 0; those that another thread makes beside them, where `inner` is far, count down from -1, so that a
    number is the same call whoever is faster. "lands late" answers with an error and carries the call out when `land`
    is called, as a delayed request would be; with "lands twice" that is a second time, and nothing fails.
    """

    def __init__(self, inner: Backend, at: int | None = None, mode: Mode = "fails before") -> None:
        self.inner = inner
        self.at = at
        self.mode = mode
        self.calls: list[str] = []
        self.beside: list[str] = []
        self._owner = threading.get_ident()
        self._dead = False
        self._late: list[Callable[[], object]] = []

    @property
    def far(self) -> bool:
        """As `inner` says."""
        return getattr(self.inner, "far", False)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever `inner` has
        """What makes `inner` a `Comparing`, if it is one, with faults."""
        if name not in {"compares", "get_tagged", "update"}:
            raise AttributeError(name)
        do = getattr(self.inner, name)
        verb = name.removesuffix("_tagged")
        return do if verb == "compares" else lambda key, *more: self._call(f"{verb} {key}", lambda: do(key, *more))

    def forget(self) -> None:
        """Count anew."""
        self.calls.clear()
        self.beside.clear()

    def create(self, key: str, data: Data) -> None:
        """As the port says, with faults."""
        self._call(f"create {key}", lambda: self.inner.create(key, data))

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:
        """As the port says, with faults."""
        self._call(f"put {key}", lambda: self.inner.put(key, data, durable=durable))

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """As the port says, with faults."""
        return self._call(f"get {key}", lambda: self.inner.get(key, start, end))

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """As the port says, with faults."""
        return iter(self._call(f"list {prefix}", lambda: list(self.inner.list(prefix, after))))

    def delete(self, keys: Iterable[str]) -> None:
        """As the port says, with faults before and after each key."""
        for key in keys:
            self._call(f"delete {key}", lambda key=key: self.inner.delete([key]))  # type: ignore[misc]

    def land(self) -> None:
        """What was delayed arrives now."""
        for call in self._late:
            try:
                call()
            except OSError:
                self.calls.append("landed in vain")
        self._late.clear()

    def _call(self, name: str, do: Callable[[], T]) -> T:
        if self._dead:
            raise Died
        if threading.get_ident() == self._owner:
            number = len(self.calls)
            self.calls.append(name)
        else:
            self.beside.append(name)
            number = -len(self.beside)
        mode = self.mode if self.at == number else None
        if mode is None:
            return do()
        if mode.startswith("lands"):
            self._late.append(do)
        if mode == "lands twice":
            return do()
        if mode.endswith("after"):
            do()
        if mode.startswith("dies"):
            self._dead = True
            raise Died
        raise OSError(5, f"injected: {name} {mode}")
