"""What the golden stores hold, how they were written, and how they are opened."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from itertools import count
from math import inf, nan
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from small import small_chunks

from ckptstore import Checkpoint, CheckpointStore, Decision, encryption, format1, inline, packs, saving

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

GOLDEN = Path(__file__).parent.parent / "golden" / "format1"
BERLIN = ZoneInfo("Europe/Berlin")

TRAINING: dict[int, object] = {
    1: {"step": 1, "loss": 0.5, "done": False, "note": None},
    2: {"step": 2, "loss": 0.25, "done": False, "note": "Grüße, 世界 🎉"},
    3: {"step": 3, "loss": 0.125, "done": True, "note": ""},
}
METADATA: dict[int, dict[str, object]] = {
    1: {},
    2: {"kürzel": "β", "price": Decimal("1.10"), "tags": ("a", "b")},
    3: {"$tuple": [1, 2]},
}
TYPES: dict[int, object] = {
    1: {
        "none": None,
        "bools": [True, False],
        "ints": [0, -7, 2**64 - 1, -(2**63)],
        "beyond 64 bits": [2**64, -(2**63) - 1, 10**30],
        "floats": [0.1, 1.0, -0.0, 5e-324, 1e16, 1.7976931348623157e308],
        "not finite": [nan, inf, -inf],
        "text": 'äß 世界 🎉 \x00\x1f\x7f\u2028 "\\/',
        "tuples": ((), (1, ("a",))),
        "sets": [set(), {1, 2, 3}, frozenset({"a"}), frozenset({(1, 2)})],
        "bytes": [b"", b"\x00\xff"],
        "decimals": [Decimal("1.10"), Decimal("-1E+100"), Decimal("NaN")],
        "datetimes": [
            datetime(2024, 1, 1, 0, 0, 0),  # noqa: DTZ001 - a naive one, too, comes back
            datetime(2024, 1, 1, 0, 0, 0, 1, UTC),
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1), "CET")),
            datetime(1900, 1, 1, tzinfo=timezone(-timedelta(minutes=19, seconds=32, microseconds=5))),
            datetime(2024, 7, 1, tzinfo=BERLIN),
            datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN),
            datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
        ],
        "dates": [date.min, date(2024, 2, 29), date.max],
        "times": [time(12, 30), time(0, 0, 0, 1, UTC), time(1, fold=1)],
        "timedeltas": [timedelta(0), timedelta(days=-1, microseconds=1)],
        "uuid": UUID("12345678-1234-5678-1234-567812345678"),
        "keys": {1: "one", (2, 3): "two", None: "nothing"},
        "like a tag": {"$tuple": [1]},
        "empty": [[], {}, {"": [{}]}],
    },
    2: {"a lone surrogate": "\ud800 \\", "as a key: \udfff": [1]},
}
MARKERS: dict[int, object] = {number: {"step": number} for number in (1, 4, 5)}
CHUNKS: dict[int, object] = {number: {"text": f"large {number} " * 10} for number in (1, 2)}
NOISE = b"".join(sha256(bytes([n])).digest() for n in range(10))  # 320 bytes that no codec makes smaller
CODED: dict[int, object] = {
    1: {"step": 1},
    4: {"inline where it is compressed": "again and again, " * 20},
    5: {"in a pack": NOISE.hex()},
}

FIRST_WRITERS = {"zstd", "fernet", "both"}
"""Stores whose large states are lists of one chunk: they are read for ever, and not written so any more."""
_TEXT = "".join(sha256(bytes([1, n])).hexdigest() for n in range(60))
SHARED: dict[int, object] = {1: {"text": _TEXT}, 2: {"text": f"new in front {_TEXT}"}, 3: {"text": _TEXT[:2000]}}

# Published here, so it keeps no secret; the older one wrote number 1 and 2 of "rotated".
KEY = urlsafe_b64encode(b"The key of the golden stores: 32").decode()
OLDER_KEY = urlsafe_b64encode(b"The older key of golden stores: ").decode()
SETTINGS: dict[str, dict[str, Any]] = {
    "pickled": {"serializer": "pickle"},
    "zstd": {"compression": "zstd"},
    "fernet": {"encryption": [KEY, OLDER_KEY]},
    "both": {"compression": "zstd", "encryption": KEY},
    "sealed": {"encryption": [KEY, OLDER_KEY]},
}

EXPECTED: dict[str, dict[str, dict[int, object]]] = {
    "plain": {"training": TRAINING, "types": TYPES},
    "markers": {"gaps": MARKERS, "removed": {}},
    "encodings": {"base64": {1: b"\x00\x01 no text \xff"}, "chunks": CHUNKS, "large-hint": {1: ["not in the hint"]}},
    "pickled": {"pickled": {1: 1 + 2j}},
    "zstd": {"coded": CODED, "raw": {1: NOISE}},
    "fernet": {"coded": CODED, "raw": {1: NOISE}, "rotated": CHUNKS | {3: "with the newer key"}},
    "both": {"coded": CODED, "raw": {1: NOISE}},
    "packs": {"shared": SHARED, "stream": {1: NOISE * 20}, "beside": {}},
    "sealed": {"coded": CODED, "raw": {1: NOISE}, "rotated": CHUNKS | {3: "with the newer key"}, "shared": SHARED},
    "arrays": {"arrays": {}},  # its one checkpoint is held against arrays by a test of its own
}


class KeepSome:
    """A policy that leaves gaps."""

    def decide(self, checkpoints: Sequence[Checkpoint]) -> list[Decision]:
        """Numbers 1, 4 and 5."""
        return [Decision(one.number, keep=one.number in MARKERS, reason="golden") for one in checkpoints]


class Clock:
    """A minute and a microsecond later each time."""

    def __init__(self) -> None:
        self._next = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self, zone: tzinfo) -> datetime:
        """The time, as `datetime.now` gives it."""
        self._next += timedelta(minutes=1, microseconds=1)
        return self._next.astimezone(zone)


def an_array() -> Any:  # noqa: ANN401 - numpy may not be here
    """A column-major array of records, with a field that is an array itself."""
    numpy = pytest.importorskip("numpy")
    dtype = numpy.dtype([("at", "<M8[s]"), ("price", "<f8"), ("bids", ">i2", (2,))], align=True)
    array = numpy.zeros((2, 3), dtype, order="F")
    array["at"] = numpy.arange(6).reshape(2, 3)
    array["price"] = [[0.5, numpy.nan, -0.0], [1, 2, 3]]
    array["bids"] = 258
    return array


def write(name: str, root: str, patch: pytest.MonkeyPatch) -> None:
    """Save the golden store `name` below `root`: always at the same time, by the same process, under the same ids."""
    for module in (saving, packs):  # of manifests, and of packs
        ids = count(1)
        patch.setattr(module, "new_id", lambda ids=ids: f"{next(ids):032x}")
    patch.setattr(saving, "datetime", Clock())
    patch.setattr(saving, "HOST", "golden")
    patch.setattr(os, "getpid", lambda: 4711)
    patch.setattr(encryption, "time", SimpleNamespace(time=lambda: 1767225600.0))  # 2026
    vectors = count(1)
    patch.setattr(encryption, "os", SimpleNamespace(urandom=lambda size: next(vectors).to_bytes(size, "big")))
    store = CheckpointStore(root, **SETTINGS.get(name, {}))
    if name == "arrays":
        store.save("arrays", {"records": an_array()})
    elif name == "encodings":
        _write_encodings(store, root, patch)
    elif name in FIRST_WRITERS | {"sealed"}:
        _write_coded(name, root, patch)
    elif name == "packs":
        _write_packs(store, patch)
    elif name == "markers":
        for step in (1, 2, 3, 4, 5):
            store.save("gaps", {"step": step})
        CheckpointStore(root, retention=KeepSome()).prune("gaps")
        store.save("removed", "a")
        store.save("removed", "b")
        store.delete_run("removed")
    else:
        for run, states in EXPECTED[name].items():
            for number, state in states.items():
                store.save(run, state, metadata=METADATA[number] if run == "training" else None)


def _write_encodings(store: CheckpointStore, root: str, patch: pytest.MonkeyPatch) -> None:
    CheckpointStore(root, serializer="bytes").save("base64", EXPECTED["encodings"]["base64"][1])
    with patch.context() as lowered:
        lowered.setattr(inline, "INLINE_JSON", 100)
        for state in CHUNKS.values():
            store.save("chunks", state)
    with patch.context() as lowered:
        lowered.setattr(format1, "HINT_LIMIT", 100)
        store.save("large-hint", EXPECTED["encodings"]["large-hint"][1])


def _write_packs(store: CheckpointStore, patch: pytest.MonkeyPatch) -> None:
    with patch.context() as lowered:
        small_chunks(lowered)
        for state in SHARED.values():
            store.save("shared", state)
        with store.open_writer("stream") as file:
            file.write(NOISE * 20)
    store.save("beside", beside())


def beside() -> dict[str, Any]:
    """A state with bytes and arrays that stand beside its JSON."""
    numpy = pytest.importorskip("numpy")
    counted = numpy.arange(3000, dtype="<i4")
    return {
        "step": 1,
        "bytes": bytes(range(256)) * 32,
        "arrays": [counted, numpy.asfortranarray(counted.reshape(50, 60)), counted.astype(">f8").reshape(10, 3, 100)],
        "few": numpy.arange(3, dtype="u1"),
        "more": counted.astype("<f4"),
    }


def _write_coded(name: str, root: str, patch: pytest.MonkeyPatch) -> None:
    store = CheckpointStore(root, **SETTINGS[name])
    with patch.context() as lowered:
        lowered.setattr(inline, "INLINE_BASE64", 100)
        for step in (1, 2, 3, 4, 5):
            state = CODED.get(step, {"large": step, "noise": NOISE.hex()})
            store.save("coded", state, metadata={"step": step})
        CheckpointStore(root, retention=KeepSome(), **SETTINGS[name]).prune("coded")
        CheckpointStore(root, serializer="bytes", **SETTINGS[name]).save("raw", NOISE)
        if name == "sealed":
            small_chunks(lowered)
            for state in SHARED.values():
                store.save("shared", state)
        if name in {"fernet", "sealed"}:
            for key, states in ((OLDER_KEY, CHUNKS.values()), ([KEY, OLDER_KEY], ["with the newer key"])):
                for state in states:
                    CheckpointStore(root, encryption=key).save("rotated", state)


def files(root: Path) -> dict[str, bytes]:
    """Everything in a store, by key."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def open_golden(name: str, root: Path | None = None) -> CheckpointStore:
    """The golden store `name`, or a copy of it in `root`."""
    return CheckpointStore(root or GOLDEN / name, **SETTINGS.get(name, {}))
