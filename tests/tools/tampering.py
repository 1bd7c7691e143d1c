"""A run with an object of every kind, each harm that rot or a stranger can do to one, and what must hold after it."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from harm import HINT, forged
from places import InMemory, open_store, slot
from sealing import SETTINGS, outside, refitted, sealed_part

from ckptstore import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ckptstore import Checkpoint

NEWEST, REMOVED = 5, 4


def noise(size: int) -> bytes:
    """Bytes that nothing compresses."""
    return random.Random(size).randbytes(size)


STATES = {1: noise(70_000), 2: b"small" * 20, 3: b"large, " * 12_000 + noise(67_000), 5: noise(66_000)}
"""1, 3 and 5 go to packs, whatever the codecs."""


class Objects(NamedTuple):
    """The run, the same as a store without codecs wrote it with other states, and the records of the first."""

    sealed: Mapping[str, bytes]
    plain: Mapping[str, bytes]
    records: Mapping[int, Checkpoint]


class Harm(NamedTuple):
    """`edits`: what is put into objects, None to remove one. `unseen`: nobody can notice it by looking at the run."""

    what: str
    edits: dict[str, bytes | None]
    unseen: bool = False


def saved(states: Mapping[int, bytes], **settings: Any) -> tuple[InMemory, dict[int, Checkpoint]]:  # noqa: ANN401 - whatever a store takes
    """A run with two kinds of manifests, a marker, a hint and three packs."""
    place = InMemory()
    store = open_store(place, serializer="bytes", **settings)
    records = {
        n: store.save("run", states.get(n, b"to be removed"), metadata={"step": n}) for n in range(1, NEWEST + 1)
    }
    store.delete("run", REMOVED)
    del records[REMOVED]
    return place, records


@cache
def objects(codecs: str) -> Objects:
    """What is harmed, made once."""
    place, records = saved(STATES, **SETTINGS[codecs])
    forgery, _ = saved({n: b"forged " + state for n, state in STATES.items()})
    return Objects(place.objects(), forgery.objects(), records)


def harms(codecs: str) -> Iterator[Harm]:
    """Each harm to each object, and to each two of them."""
    sound, forgery, _ = objects(codecs)
    for key, data in sound.items():
        yield from _bit_rot(key, data)
        yield Harm(f"{key} removed", {key: None}, unseen=key in (HINT, slot(1), slot(NEWEST)))
        yield from _edits(key, data, sealed=b'"sealed": ' in data)
        for other, instead in sound.items():
            if instead != data:
                stale = key == HINT and other != slot(REMOVED) and _kind(other) == "slot"
                yield Harm(f"{other} copied to {key}", {key: instead}, unseen=stale)
                if other > key:
                    yield Harm(f"{key} and {other} swapped", {key: instead, other: data})
    if codecs not in ("plain", "zstd"):
        yield from _plain(sound, forgery)


def _kind(key: str) -> str:
    return "hint" if key == HINT else "pack" if "/packs/" in key else "slot"


def _bit_rot(key: str, data: bytes) -> Iterator[Harm]:
    rng = random.Random(key)
    for at in {0, 12, len(data) - 1, *(rng.randrange(len(data)) for _ in range(4))}:
        flipped = data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        yield Harm(f"a bit of {key} flipped at {at}", {key: flipped})
    for size in {0, 1, len(data) - 1, rng.randrange(len(data))}:
        yield Harm(f"{key} cut to {size}", {key: data[:size]})


def _edits(key: str, data: bytes, *, sealed: bool) -> Iterator[Harm]:
    """Fields edited, first as an editor does it, then by a program that makes the digests fit as well."""
    if _kind(key) == "pack":
        return
    field = b'"packs": [' if sealed or key == slot(REMOVED) else b'"metadata": {"step":'
    edited = data.replace(field, field + b"7" * (not sealed), 1)
    if edited != data:
        yield Harm(f"{key} edited", {key: edited})
    if sealed:
        token = sealed_part(data)
        flipped = token[:200] + (b"A" if token[200:201] != b"A" else b"B") + token[201:]
        for name, value in {"write_id": b'"%b"' % (b"ab" * 16), "sealed": b'"%b"' % flipped}.items():
            yield Harm(f"{name} of {key} forged", {key: outside(data, name, value)})
        cut = refitted(data.replace(token, token[:-64]))
        yield Harm(f"token of {key} cut", {key: cut})
    elif key not in (slot(NEWEST), slot(REMOVED)):  # without keys the newest can be forged by anybody
        found = re.search(rb'"metadata": \{"step":\d', data)
        assert found
        yield Harm(f"metadata of {key} forged", {key: forged(data, found[0], found[0] + b"7")}, unseen=key == HINT)


def _plain(sound: Mapping[str, bytes], forgery: Mapping[str, bytes]) -> Iterator[Harm]:
    """Plain text that a store without a key would take, in the place of one object, and of all."""
    packs = [sorted(key for key in found if _kind(key) == "pack") for found in (sound, forgery)]
    instead = {
        **{key: forgery[key] for key in forgery if _kind(key) != "pack"},
        **dict(zip(packs[0], map(forgery.get, packs[1]), strict=True)),
    }
    for key, data in instead.items():
        if data is not None and key != slot(REMOVED):  # a marker is not sealed
            yield Harm(f"{key} in plain text", {key: data})
    yield Harm("all in plain text", {**dict.fromkeys(sound), **forgery})


def explore(codecs: str) -> str | None:
    """What promise some harm breaks; None where all are kept."""
    try:
        for harm in harms(codecs):
            check(codecs, harm)
    except AssertionError as exc:
        return str(exc)
    return None


def check(codecs: str, harm: Harm) -> None:
    """
    What is left loads as it was saved, under its own number, or is refused, and verify names what was harmed.

    AssertionError where a promise is broken.
    """
    place = InMemory()
    sound, _, records = objects(codecs)
    for key, data in {**sound, **harm.edits}.items():
        if data is not None:
            place.poke(key, data)
    store = open_store(place, serializer="bytes", **SETTINGS[codecs])
    hurt = {n for n in STATES if _load(store, at=n) != STATES[n]}
    for n in hurt:
        assert _load(store, at=n) is None, f"{harm.what}: another state loads as {n}"
    assert _load(store, at=REMOVED) is None, f"{harm.what}: the removed one is back"
    assert _load(store, min_number=NEWEST) in (STATES[NEWEST], None), f"{harm.what}: another state is the newest"
    for record in _listed(store):
        assert records.get(record.number) == record, f"{harm.what}: a record that nobody saved"
    _check_named(store, harm, hurt)


def _check_named(store: Any, harm: Harm, hurt: set[int]) -> None:  # noqa: ANN401 - a store
    problems = store.verify("run").problems
    told = {problem.number for problem in problems}
    gone = {n for n in STATES if harm.edits.get(slot(n), b"") is None}  # of which nothing is there to be named
    assert hurt - gone <= told, f"{harm.what}: verify does not say that it hurts {hurt - gone - told}"
    if harm.unseen:
        return
    assert problems, f"{harm.what}: verify sees nothing"
    changed = {key for key, data in harm.edits.items() if data is not None}
    if len(changed) == 2:  # the pack of a bad manifest is not looked for, and an older hint does no harm
        changed = {key for key in changed if _kind(key) == "slot"} or changed
    missed = changed - {problem.key for problem in problems} if len(changed) <= 2 else None
    assert not missed, f"{harm.what}: verify does not name {missed}"


def _load(store: Any, **which: int) -> Any:  # noqa: ANN401 - a store, and whatever was saved
    try:
        return store.load("run", **which)
    except CheckpointError:
        return None


def _listed(store: Any) -> list[Checkpoint]:  # noqa: ANN401 - a store
    try:
        return [*store.checkpoints("run"), *filter(None, [store.latest("run")])]
    except CheckpointError:
        return []
