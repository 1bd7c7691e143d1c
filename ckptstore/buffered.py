"""
States whose large arrays and bytes stand beside their JSON, as they lie in memory.

    {"$beside":[[<entry>,…],<tagged state>]}<buffer 0><buffer 1>…

An entry is the size of a `bytes` object, or an array's description without data. In the tagged state, `{"$bytes": i}`
and `{"$ndarray": i}` stand for what entry `i` and buffer `i` are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from ckptstore import only
from ckptstore.arrays import Plan, memory
from ckptstore.errors import CheckpointCorrupt
from ckptstore.filled import Filled
from ckptstore.large import TOGETHER, Large, inline
from ckptstore.native import undisturbed
from ckptstore.serialized import Omitted, Serialized
from ckptstore.untag import too_deep, untag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ckptstore.only import Path
    from ckptstore.serialized import Source

T = TypeVar("T")

_CONTAINERS = {list, dict}
_REFERENCES = {"$bytes", "$ndarray"}
_SETS = {"$set", "$frozenset"}
_decode = msgspec.json.Decoder().decode


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    beside: tuple[list[Any], msgspec.Raw] = msgspec.field(name="$beside")


_open = msgspec.json.Decoder(_Envelope).decode


def serialize(tree: Any) -> Serialized:  # noqa: ANN401 - JSON-able but for each `Large`
    """`tree`, its large values beside it, or inline where they are too few bytes to be worth that."""
    beside = list[Large]()

    def refer(one: Any) -> Any:  # noqa: ANN401 - a hook of msgspec
        beside.append(one)
        return {one.tag: len(beside) - 1}

    state = msgspec.json.encode(tree, enc_hook=refer)
    together = sum(one.nbytes for one in beside)
    if together < TOGETHER:
        data = msgspec.json.encode(tree, enc_hook=inline)
        return Serialized((data,), len(data))
    entries = msgspec.json.encode([one.entry for one in beside])
    data = b"".join((b'{"$beside":[', entries, b",", state, b"]}"))
    return Serialized((data, *(one.part for one in beside)), len(data) + together, len(data))


def deserialize(source: Source, tree: int, chosen: list[Path] | None = None) -> Any:  # noqa: ANN401 - whatever was saved
    """
    The state in `source`, whose JSON has the length `tree`; what is beside it and not chosen is `Omitted`.

    Whatever `serialize` does not write is `CheckpointCorrupt`, found before memory is taken for any buffer.
    """
    entries, json = _opened(source, tree)
    if chosen is None:
        return _state(json, entries, lambda: _fetched(source, entries))
    stand_ins = [entry.omitted() for entry in entries]
    state = _state(json, entries, lambda: stand_ins)
    due = set(map(id, only.select(state, chosen)))
    if not due:
        return state
    wanted = [entry for entry, stand_in in zip(entries, stand_ins, strict=True) if id(stand_in) in due]
    fetched = iter(_fetched(source, wanted))
    values = [next(fetched) if id(stand_in) in due else stand_in for stand_in in stand_ins]
    return _state(json, entries, lambda: values)  # once more, as there is no putting them into tuples


class _Entry(NamedTuple):
    """One buffer: where it is, and what it is to become."""

    offset: int
    nbytes: int
    plan: Plan | None  # None for bytes

    @classmethod
    def of(cls, described: Any, offset: int) -> _Entry:  # noqa: ANN401 - whatever JSON holds
        """The entry that is so described; `ValueError` or the like for anything else."""
        if type(described) is dict:
            plan = Plan.of(untag(described))
            return cls(offset, plan.nbytes, plan)
        if type(described) is not int or described < 0:
            raise ValueError(described)
        return cls(offset, described, None)

    @property
    def tag(self) -> str:
        """What a reference to it is tagged with."""
        return "$bytes" if self.plan is None else "$ndarray"

    def omitted(self) -> Omitted:
        """What stands for it where it is not fetched."""
        return Omitted(None, None, self.nbytes) if self.plan is None else Omitted(*self.plan[:2], self.nbytes)

    def prepare(self) -> tuple[memoryview, Callable[[], Any]]:
        """The memory to be filled, and what then gives the array or the bytes in it, without a copy."""
        if self.plan is not None:
            array = self.plan.allocate()
            return memory(array), lambda: array
        if self.nbytes == 0:
            return memoryview(bytearray()), bytes
        filled = Filled(self.nbytes)
        return filled.view(), filled.value


def _opened(source: Source, tree: int) -> tuple[list[_Entry], msgspec.Raw]:
    """The entries, which account for every byte of `source`, and the JSON of the tagged state."""
    if not 0 < tree <= source.size:
        raise CheckpointCorrupt(f"state: of {source.size} bytes, {tree} cannot be JSON")
    data = memoryview(bytearray(tree))
    source.fill([(0, data)])
    described, state = _json(_open, data).beside
    entries, offset = list[_Entry](), tree
    for index, one in enumerate(described):
        try:
            entries.append(_Entry.of(one, offset))
        except (ValueError, TypeError, ArithmeticError, LookupError):
            raise CheckpointCorrupt(f'state: entry {index} of "$beside" is neither bytes nor a numpy array') from None
        offset += entries[-1].nbytes
    if offset != source.size:
        raise CheckpointCorrupt(f"state: it has {source.size} bytes, and what stands in it comes to {offset}")
    return entries, state


def _fetched(source: Source, entries: list[_Entry]) -> list[Any]:
    """The arrays and bytes of `entries`, fetched together."""
    try:
        prepared = [entry.prepare() for entry in entries]
    except ValueError as exc:  # more dimensions or elements than numpy takes, of no bytes in all
        raise CheckpointCorrupt(f'state: an array of "$beside" that cannot be: {exc}') from None
    source.fill([(entry.offset, view) for entry, (view, _) in zip(entries, prepared, strict=True) if entry.nbytes])
    finishes = [finish for _, finish in prepared]
    del prepared  # and its views: while there is one, the bytes behind it would be copied
    return [finish() for finish in finishes]


def _state(json: msgspec.Raw, entries: list[_Entry], values: Callable[[], list[Any]]) -> Any:  # noqa: ANN401 - whatever was saved
    """The state in `json`, with `values` for the entries, asked for when it is known that each has its place."""
    box = [_json(_decode, memoryview(json))]
    places = _places(box, entries)
    for (container, key), value in zip(places, values(), strict=True):
        container[key] = value
    return undisturbed(lambda _: untag(box[0]), memoryview(json))


def _places(box: list[Any], entries: list[_Entry]) -> list[tuple[Any, Any]]:
    """Where in the tree in `box` each entry belongs: container and key or index."""
    found = dict[int, tuple[Any, Any]]()
    for container, key, tag, index in _references(box):
        if not 0 <= index < len(entries) or entries[index].tag != tag or index in found:
            raise CheckpointCorrupt(
                f'state: "{tag}" refers to {index}, which is not there, another\'s, or no such thing'
            )
        found[index] = container, key
    if len(found) < len(entries):
        missing = next(index for index in range(len(entries)) if index not in found)
        raise CheckpointCorrupt(f'state: nothing refers to entry {missing} of "$beside"')
    return [found[index] for index in range(len(entries))]


def _references(box: list[Any]) -> Iterator[tuple[Any, Any, str, int]]:
    """Each `{tag: index}` in the tree in `box`, with its container and key; sets and keys of dicts have none."""
    parts: list[tuple[Any, Any]] = [(box, 0)]
    while parts:
        container, key = parts.pop()
        here = container[key]
        if type(here) is list:
            parts += [(here, index) for index, value in enumerate(here) if type(value) in _CONTAINERS]
        elif type(here) is dict:
            tag, held = next(iter(here.items())) if len(here) == 1 else ("", None)
            if tag in _REFERENCES and type(held) is int:
                yield container, key, tag, held
            elif tag == "$dict" and type(held) is list:
                parts += [(pair, 1) for pair in held if type(pair) is list and len(pair) == 2]
            elif tag not in _SETS:
                parts += [(here, name) for name, value in here.items() if type(value) in _CONTAINERS]


def _json(decode: Callable[[memoryview], T], data: memoryview) -> T:
    try:
        return undisturbed(decode, data)
    except ValueError as exc:  # msgspec's own are
        raise CheckpointCorrupt(f"state: not as it was written: {exc}") from exc
    except RecursionError:
        raise too_deep() from None
