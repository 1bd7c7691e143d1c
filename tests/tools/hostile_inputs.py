"""Bytes as somebody would write them who knows the format and means harm: raw, or with digests that fit."""

from __future__ import annotations

import json
import os
import pickle
import re
import struct
from base64 import b64encode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from everything import everything

from ckptstore.serializers import JsonSerializer
from ckptstore.untag import _TAGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_START = len('{"sha256": "",\n') + 64
_STATE = b'\n"state": '
BIG = [0, 1, 2**31, 2**53, 2**60, 2**63 - 1, 2**63, 2**64, 10**30, 999_999_999_999, 10**12, -1]
TAGS = [*_TAGS, "$typed", "$x", "$"]
ZONES = ["Europe/Berlin", "../../etc/passwd", "/etc/passwd", "os", "tzdata", "..a/b", "antigravity", "this"]
TEXTS = [
    *(
        "",
        "x",
        "nan",
        "-inf",
        "0x1",
        "-0x" + "f" * 300,
        "1.5",
        "1E+999999999999999999",
        "1E-999999999999999999",
        "sNaN",
    ),
    *("9" * 5000, "YQ==", "2024-01-01", "12:00:00", "P999999999D", "00000000-0000-0000-0000-000000000001", "\\ud800"),
    *(f"2024-01-01T00:00:00+01:00[{zone}]" for zone in ZONES),
    *(
        "C",
        "F",
        "<f8",
        "|b1",
        "<U1",
        "|O8",
        "|V0",
        "|V9999999999",
        "<M8[ns]",
        "<M8[99999999999999999999s]",
        "<U536870911",
    ),
    *("int", "str", "Decimal", "list", "dict", "tuple", "tuple of", "or", "datetime", "null"),
]
FIELDS = [*("dtype", "shape", "order", "data", "names", "formats", "offsets", "titles"), "__class__", "__init__"]
DEEP = [
    (b"[", b"]"),
    (b'{"a":', b"}"),
    (b'{"$tuple":[', b"]}"),
    (b'{"$dict":[[1,', b"]]}"),
    (b'{"$ndarray":{"a":', b"}}"),
]
TOKENS = [
    *(b'{"$', b'"$dict":[[', b"[" * 300, b"{" * 50, b"]}", b"null", b"-", b"e9999", b"\\ud800", b"\xff", b"\0", b"\n"),
    *(b'"state": ', b'\n"state": ', b'"sealed": "', b'"removed": true,', b'"number": ', b"999999999999", b'"packs": ['),
]

_json = JsonSerializer()


def corpus() -> list[bytes]:
    """Serialized states that are sound, with something of each kind."""
    rich = {
        "scalars": [None, True, -1, 2**80, 0.5, float("nan"), "text", "\ud800", b"\0", Decimal("1.10"), UUID(int=1)],
        "times": [datetime(2024, 1, 1, tzinfo=UTC), date(2024, 1, 1), time(1, 2), timedelta(1)],
        "groups": [(1, (2,)), {1, 2}, frozenset({"a"}), {1: 2, (3,): {"$x": 1}}],
        "arrays": [np.arange(6.0).reshape(2, 3), np.zeros((0, 3)), np.zeros(2, [("a", "<f8"), ("b", "<i2", (2,))])],
    }
    return [_json.dumps(rich), _json.dumps(everything(blob=bytes(20_000))), _json.dumps([[[[]]]])]


# States


def tree(rng: Random, depth: int = 0) -> bytes:  # noqa: PLR0911 - one for each kind of value
    """JSON text that a reader of tags may take for anything; now and then a key stands in it twice."""
    if rng.random() < 0.01:
        (begin, end), levels = rng.choice(DEEP), rng.choice([90, 210, 300, 5000])
        return begin * levels + b"1" + end * levels
    kind = rng.randrange(9 if depth < 5 else 3)
    if kind == 0:
        return rng.choice([b"null", b"true", b"1.5", b"1e400", str(rng.choice(BIG)).encode(), b"9" * 400])
    if kind in (1, 2):
        return json.dumps(rng.choice(TEXTS)).encode()
    parts = [tree(rng, depth + 1) for _ in range(rng.choice([0, 1, 2, 2, 3]))]
    if kind in (3, 4):
        return b"[" + b",".join(parts) + b"]"
    if kind in (5, 6):
        return b'{"%b":%b}' % (rng.choice(TAGS).encode(), tree(rng, depth + 1))
    if kind == 7:
        values = [tree(rng, depth + 1) for _ in range(4)]
        return b'{"$ndarray":{"dtype":%b,"shape":%b,"order":"C","data":%b}}' % (values[0], values[1], values[2])
    keys = [json.dumps(rng.choice([*FIELDS, "a", "$x"])).encode() for _ in parts]
    return b"{" + b",".join(b"%b:%b" % pair for pair in zip(keys, parts, strict=True)) + b"}"


def typed(rng: Random) -> bytes:
    """A state as msgspec writes records, with a shape that nobody gave it."""
    return b'{"$typed":[%b,%b]}' % (tree(rng, 2), tree(rng, 2))


def torn(rng: Random, data: bytes) -> bytes:
    """`data` with bytes changed, lost, doubled, or put in, in a few places."""
    for _ in range(rng.randint(1, 4)):
        at, end = sorted((rng.randrange(len(data) + 1), rng.randrange(len(data) + 1)))
        end = min(end, at + 64)
        middle = rng.choice(
            [b"", data[at:end] * 2, rng.choice(TOKENS), rng.randbytes(2), json.dumps(rng.choice(TEXTS)).encode()]
        )
        data = data[:at] + middle + data[end:]
    return data


def state(rng: Random, sound: list[bytes]) -> bytes:
    """A serialized state that nobody saved."""
    makers: list[Callable[[], bytes]] = [lambda: tree(rng), lambda: typed(rng), lambda: torn(rng, rng.choice(sound))]
    return rng.choice(makers)()


# Objects


def refit(head: bytes, last: bytes | None) -> bytes:
    """An object of these lines, and of this state, under digests that fit."""
    if last is not None:
        head = re.sub(
            rb'"state_sha256": "[0-9a-f]{64}"', b'"state_sha256": "%b"' % sha256(last).hexdigest().encode(), head
        )
        return b'{"sha256": "%b",\n%b%b%b}\n' % (sha256(head).hexdigest().encode(), head, _STATE[1:], last)
    return b'{"sha256": "%b",\n%b' % (sha256(head).hexdigest().encode(), head)


def _value(rng: Random, sound: bytes) -> bytes:
    """What might stand in a field."""
    name = b"%012d-%b-%b" % (
        rng.choice([0, 1, 5]),
        b"a" * 32,
        rng.choice([b"0", b"9" * 300, b"0\\n", b"/../../x", b"-1"]),
    )
    return rng.choice(
        [
            str(rng.choice(BIG)).encode(),
            json.dumps(rng.choice(TEXTS)).encode(),
            tree(rng, 3),
            b"null",
            b'"%b"' % (b"x" * 100_000),
            b"[" * 5000,
            b'["%b"]' % name,
            b'[{"name":"%b"}]' % rng.choice([b"zstd", b"fernet", b'zstd"},{"name":"fernet', b"lz4"]),
            b'{"name":"%b"}' % rng.choice([b"pickle", b"json", b"bytes", b"\\u001b[31m", b"os"]),
            json.dumps(rng.choice(["json", "base64", "chunks"])).encode(),
            json.dumps(
                rng.choice(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999Z", "2024-01-01T00:00:00"])
            ).encode(),
            sound + b"0",
        ]
    )


def _fields(rng: Random, head: bytes) -> bytes:
    """Lines with one of them edited, doubled, lost or moved."""
    lines = head.splitlines(keepends=True)
    at = rng.randrange(len(lines))
    name, colon, value = lines[at].partition(b": ")
    how = rng.randrange(6)
    if how < 3:
        end = b"}\n" if value.endswith(b"}\n") and at == len(lines) - 1 else b",\n"
        lines[at] = name + colon + _value(rng, value.rstrip(b",}\n")) + end
    elif how == 3:
        lines.insert(at, lines[at])
    elif how == 4:
        del lines[at]
    else:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return b"".join(lines)


def _chunks(rng: Random, last: bytes) -> bytes:
    """A list of chunks that lies: absurd counts, sizes and places, chunks that overlap or are there twice."""
    try:
        rows = json.loads(last)
        rows = [[*row] for row in rows]
    except (ValueError, TypeError):
        rows = []
    rows = rows or [["a" * 64, 5, 0, 0, 5]]
    for _ in range(rng.randint(1, 3)):
        row, column = rng.choice(rows), rng.randrange(5)
        row[column : column + 1] = [rng.choice([*BIG, 5, "b" * 64, None])] * rng.choice([1, 1, 1, 2])
        rows += [[*row] for _ in range(rng.choice([0, 0, 1, 2000]))]
    return json.dumps(rows, separators=(",", ":")).encode()


def _bomb(rng: Random, _: bytes) -> bytes:
    """A zstd frame that says it holds more than it does."""
    return json.dumps(
        b64encode(b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", rng.choice(BIG) % 2**64) + b"\1\0\0").decode()
    ).encode()


class _Runs:
    """Whose pickle runs code when it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.getcwd, ()


_PICKLE = pickle.dumps(_Runs())
_BASE64 = {"encoding": b'"base64"', "packs": b"[]", "codecs": b"[]"}
_FRAME = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**36) + b"\1\0\0"
# Fields of a plain manifest, and its state (None: its own): what was thought of rather than found.
KNOWN: list[tuple[dict[str, bytes], bytes | None]] = [
    ({**_BASE64, "serializer": b'{"name":"pickle"}', "size": b"%d" % len(_PICKLE)}, b'"%b"' % b64encode(_PICKLE)),
    ({**_BASE64, "codecs": b'[{"name":"zstd"}]', "size": b"%d" % 2**36}, b'"%b"' % b64encode(_FRAME * 50_000)),
    ({"packs": b'["000000000005-%b-0/../../x"]' % (b"a" * 32)}, None),
    ({"packs": b'["000000000005-%b-%b"]' % (b"a" * 32, b"9" * 300)}, None),
    ({"serializer": b'{"name":"%b"}' % (b"x" * 100_000)}, None),
    ({"number": b"999999999999"}, None),
    ({"size": b"%d" % 2**60}, b'[["%b",%d,0,0,%d]]' % (b"a" * 64, 2**60, 2**60)),
    ({}, b"[" + b",".join([b'["%b",1,0,0,1]' % (b"a" * 64)] * 10_000) + b"]"),
    ({"metadata": b'{"a":' + b'{"$ndarray":{"a":' * 300 + b"1" + b"}}" * 300 + b"}"}, None),
]


def known(data: bytes, index: int) -> bytes:
    """The plain manifest `data` after the attack `KNOWN[index]`."""
    cut = data.index(_STATE) + 1
    head, last = data[_START:cut], data[cut + len(_STATE) - 1 : -2]
    fields, instead = KNOWN[index]
    for name, value in fields.items():
        head = re.sub(rb'"%b": .*,' % name.encode(), lambda _: b'"%b": %b,' % (name.encode(), value), head)  # noqa: B023 - used at once
    return refit(head, last if instead is None else instead)


def item(rng: Random, data: bytes, sound: list[bytes]) -> bytes:
    """A manifest, a marker or a hint that nobody saved."""
    if rng.random() < 0.2 or not data.startswith(b'{"sha256": "'):
        return torn(rng, data)
    cut = data.find(_STATE) + 1
    head, last = (data[_START:cut], data[cut + len(_STATE) - 1 : -2]) if cut else (data[_START:], None)
    if last is not None and rng.random() < 0.6:
        makers: list[Callable[[Random, bytes], bytes]] = [_chunks, _bomb, lambda one, _: state(one, sound), torn]
        last = rng.choice(makers)(rng, last)
        size = rng.choice([len(last), *BIG])
        head = re.sub(rb'"size": \d+', b'"size": %d' % size, head)
    if last is None or rng.random() < 0.7:
        head = _fields(rng, head)
    if rng.random() < 0.3:
        head = re.sub(rb'"metadata": \{.*\}', lambda _: b'"metadata": {"a":%b}' % tree(rng, 1), head)
    return refit(head, last)
