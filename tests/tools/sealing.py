"""Stores with keys, and what somebody can do to them who may write to the storage but has none."""

from __future__ import annotations

import random
import re
from base64 import b64encode, urlsafe_b64encode
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from harm import HINT
from places import make, open_store, slot

from ckptstore import CheckpointCorrupt, CheckpointError, DecryptionError
from ckptstore.manifest import Manifest

if TYPE_CHECKING:
    from pathlib import Path

    from places import Place

    from ckptstore import CheckpointStore

KEY, OTHER, THIRD = (urlsafe_b64encode(bytes(range(start, start + 32))).decode() for start in (0, 32, 64))

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "zstd": {"compression": "zstd"},
    "fernet": {"encryption": KEY},
    "zstd + fernet": {"compression": "zstd", "encryption": KEY},
}
STATES = {n: {"step": n, "text": f"state {n}, " * 10} for n in (1, 2, 3)}  # zstd makes something of them
SEALED = [name for name, settings in SETTINGS.items() if "encryption" in settings]


def three(kind: str, tmp_path: Path, run: str = "run", **settings: Any) -> Place:  # noqa: ANN401 - whatever a store takes
    """A root with a run of three checkpoints."""
    place = make(kind, tmp_path)
    store = open_store(place, **settings)
    for n, state in STATES.items():
        store.save(run, state, metadata={"step": n})
    return place


def noise(size: int) -> bytes:
    """Printable bytes that compress little."""
    return b64encode(random.Random(size).randbytes(size))[:size]


def manifest(store: CheckpointStore, number: int, run: str = "run") -> Manifest:
    """What the store reads in a slot."""
    found = store._history(run).get(number)
    assert isinstance(found, Manifest)
    return found


def refitted(data: bytes) -> bytes:
    """A sealed manifest or a marker under the digest that its other lines have."""
    body = data.partition(b"\n")[2]
    return b'{"sha256": "%b",\n%b' % (sha256(body).hexdigest().encode(), body)


def outside(data: bytes, name: str, value: bytes) -> bytes:
    """A sealed manifest with one of its outer fields replaced, the digest made to fit."""
    edited, count = re.subn(rb'"%b": .*?(,?)(\}?)\n' % name.encode(), rb'"%b": %b\1\2\n' % (name.encode(), value), data)
    assert count == 1
    assert edited != data
    return refitted(edited)


def sealed_part(data: bytes) -> bytes:
    """The token of a sealed manifest, as it stands there."""
    found = re.search(rb'\n"sealed": "(.*)"\}\n', data)
    assert found
    return found[1]


def marker_of(data: bytes, number: int | None = None) -> bytes:
    """The marker that takes the place of a sealed manifest: all of it is known without a key."""
    fields = dict(re.findall(rb'"(\w+)": (.*?),?\n', data))
    lines = [
        b'"format": 1',
        b'"number": %b' % (fields[b"number"] if number is None else str(number).encode()),
        *(b'"%b": %b' % (name, fields[name]) for name in (b"write_id",)),
        b'"removed": true',
        *(b'"%b": %b' % (name, fields[name]) for name in (b"parent", b"packs")),
        b'"replaced": "%b"' % data[12:76],
    ]
    return refitted(b"\n" + b",\n".join(lines) + b"}\n")


def outcome(place: Place, at: int | None = None, **settings: Any) -> object:  # noqa: ANN401 - whatever a store takes
    """The state, or the error that refuses it."""
    try:
        return open_store(place, **settings).load("run", at=at)
    except CheckpointError as exc:
        return exc


def check_refused(
    place: Place,
    bad: int,
    error: type[CheckpointError],
    key: str | None = None,
    **settings: Any,  # noqa: ANN401 - whatever a store takes
) -> None:
    """
    Checkpoint `bad` is refused with `error`, and verify names it alone, or its object `key`; all others load.

    Where it is the newest, a save goes on behind damage, and writes nothing where a key or an upgrade is due.
    """
    store = open_store(place, **settings)
    refused = outcome(place, bad, **settings)
    assert type(refused) is error
    assert str(refused).startswith(f"run 'run', checkpoint {bad}: ")
    assert [store.load("run", at=n) for n in STATES if n != bad] == [STATES[n] for n in STATES if n != bad]
    assert [(problem.key, problem.number) for problem in store.verify("run").problems] == [(key or slot(bad), bad)]
    newest = outcome(place, **settings)
    if bad < max(STATES) or (HINT in place.objects() and newest == STATES[3]):  # the hint repeats it, sealed itself
        assert newest == STATES[3]
        assert store.save("run", "next").number == 4
    elif error is CheckpointCorrupt:
        assert type(newest) is error
        assert store.save("run", "next").number == 4
    else:
        check_nothing_is_written(place, error, **settings)


def check_nothing_is_written(place: Place, error: type[CheckpointError], **settings: Any) -> None:  # noqa: ANN401 - whatever a store takes
    """Nothing that a store could do to the run is done: each way ends in `error`, and not a byte changes."""
    before = place.objects()
    ways: list[Any] = [
        lambda store: store.save("run", "next"),
        lambda store: store.save("run", "large" * 50_000),
        lambda store: store.save("run", "next", after=3),
        lambda store: store.load("run"),
        lambda store: store.load("run", default="none"),
        lambda store: store.open_reader("run"),
        lambda store: store.latest("run"),
    ]
    if error is DecryptionError:
        ways += [lambda store: store.checkpoints("run"), lambda store: store.prune("run")]
    ways += [lambda store: store.delete("run", 3), lambda store: store.delete_run("run")]
    for way in ways:
        with pytest.raises(error, match=r"^run 'run', checkpoint 3: "):
            way(open_store(place, retention=1, **settings))
        assert place.objects() == before
