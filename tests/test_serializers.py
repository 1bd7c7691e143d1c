"""The shipped serializers, which one a store uses, and which one reads a checkpoint."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import pytest

from ckptstore.errors import CheckpointCorrupt, CheckpointError
from ckptstore.serializers import (
    BytesSerializer,
    JsonSerializer,
    PickleSerializer,
    Serializer,
    reader,
    resolve,
)


@dataclass(frozen=True)
class Upper:
    """A serializer of somebody's own."""

    name: str = "upper"

    def dumps(self, state: object) -> bytes:
        """Text in capitals."""
        return str(state).upper().encode()

    def loads(self, data: bytes) -> object:
        """Text in small letters."""
        return data.decode().lower()


class Gone:
    """A class that is there when it is pickled, and not when it is read."""


def raising(error: type[Exception]) -> Any:  # noqa: ANN401 - whatever pickle takes
    """A function that pickles cannot call."""
    raise error


JSON, BYTES, PICKLE = JsonSerializer(), BytesSerializer(), PickleSerializer()


@pytest.mark.parametrize("state", [b"abc", bytearray(b"abc"), memoryview(b"xaxbxcx")[1::2]])
def test_bytes(state: object) -> None:
    """The bytes serializer takes all kinds of bytes and gives bytes back."""
    data = BYTES.dumps(state)

    assert data == b"abc"
    assert BYTES.loads(data) == b"abc"


def test_bytes_are_not_copied() -> None:
    """Bytes pass through as the object that they are."""
    data = b"abc" * 100

    assert BYTES.dumps(data) is data
    assert BYTES.loads(data) is data


@pytest.mark.parametrize("state", ["abc", None, [1, 2], 3])
def test_bytes_refuses(state: object) -> None:
    """The bytes serializer makes no bytes of anything else."""
    with pytest.raises(TypeError, match=f"stores bytes, bytearray or memoryview, not {type(state).__name__}"):
        BYTES.dumps(state)


def test_pickle() -> None:
    """Pickle keeps what JSON refuses: subclasses, and one object in two places."""
    shared = OrderedDict(a=1)

    back: Any = PICKLE.loads(PICKLE.dumps([shared, shared]))

    assert type(back[0]) is OrderedDict
    assert back[0] is back[1]


def test_pickle_protocol() -> None:
    """Pickles are of the newest protocol."""
    assert PICKLE.dumps(1)[:2] == bytes([0x80, pickle.HIGHEST_PROTOCOL])


@pytest.mark.parametrize("state", [lambda: 1, type("Local", (), {})(), sys, (x for x in [1])])
def test_pickle_refuses(state: object) -> None:
    """What has no pickle is a TypeError."""
    with pytest.raises(TypeError, match="pickle"):
        PICKLE.dumps(state)


def test_pickle_too_deep() -> None:
    """What is nested too deeply for pickle is a ValueError."""
    state: list[Any] = []
    for _ in range(100_000):
        state = [state]

    with pytest.raises(ValueError, match="nested too deeply for pickle"):
        PICKLE.dumps(state)


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\x80\x05.", b"\x80\x05K", b"\x80\x63.", b"}(K\x01u.", b"cbuiltins\nint\n(S'x'\ntR."]
)
def test_pickle_malformed(data: bytes) -> None:
    """Bytes that are no pickle are corrupt."""
    with pytest.raises(CheckpointCorrupt, match="its pickle cannot be read"):
        PICKLE.loads(data)


def test_pickle_without_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pickle whose class is gone is no damage: the error names what is missing."""
    data = PICKLE.dumps(Gone())
    monkeypatch.delattr(sys.modules[__name__], "Gone")

    with pytest.raises(CheckpointError, match=r"needs code that is not here: .*Gone") as caught:
        PICKLE.loads(data)

    assert not isinstance(caught.value, CheckpointCorrupt)


@pytest.mark.parametrize(
    ("name", "kind"), [("json", JsonSerializer), ("bytes", BytesSerializer), ("pickle", PickleSerializer)]
)
def test_resolve_name(name: str, kind: type) -> None:
    """A shipped serializer is known by its name, and carries it."""
    found = resolve(name)

    assert type(found) is kind
    assert found.name == name


@pytest.mark.parametrize("own", [Upper(), JSON, PICKLE])
def test_resolve_object(own: Serializer) -> None:
    """A serializer is itself."""
    assert resolve(own) is own


def test_resolve_unknown() -> None:
    """An unknown name is a ValueError that lists the known ones."""
    with pytest.raises(ValueError, match='serializer \'yaml\' is unknown: use "json", "bytes", "pickle" or'):
        resolve("yaml")


@pytest.mark.parametrize("wrong", [None, 5, object(), pickle, JsonSerializer, Upper, b"json"])
def test_resolve_wrong(wrong: Any) -> None:  # noqa: ANN401 - what no type checker would pass
    """What lacks a part of a serializer is a TypeError that says what one is; so is the class of one."""
    with pytest.raises(TypeError, match="serializer"):
        resolve(wrong)


@pytest.mark.parametrize("name", ["", None, 5])
def test_resolve_without_name(name: Any) -> None:  # noqa: ANN401 - what no type checker would pass
    """A serializer without a name could never be asked for again."""
    with pytest.raises(TypeError, match="needs a name"):
        resolve(Upper(name))


@pytest.mark.parametrize("name", ["json", "bytes", "pickle"])
def test_resolve_taken(name: str) -> None:
    """A serializer that calls itself as a shipped one would read and write what is not its own."""
    with pytest.raises(ValueError, match=f"calls itself '{name}', which is taken"):
        resolve(Upper(name))


@pytest.mark.parametrize("own", [JSON, BYTES, PICKLE, Upper()])
def test_reader(own: Serializer) -> None:
    """Every store reads its own checkpoints, and those saved as JSON or bytes."""
    assert reader(own.name, own) is own
    assert (reader("json", own), reader("bytes", own)) == (JSON, BYTES)


def test_reader_pickle() -> None:
    """No store unpickles unless it asked for it."""
    with pytest.raises(CheckpointError, match=r'can run code when it is loaded.*serializer="pickle"'):
        reader("pickle", JSON)


def test_reader_unknown() -> None:
    """A checkpoint of a serializer that the store does not have names it."""
    with pytest.raises(CheckpointError, match=r"saved with the serializer 'upper'.*open it with serializer="):
        reader("upper", JSON)


def test_nothing_extra_is_imported() -> None:
    """Saving and loading a plain state loads no numpy, no zones and no pickle."""
    code = (
        "import sys; from ckptstore.serializers import JsonSerializer as S; S().loads(S().dumps({'a': (1,)})); "
        "print({'numpy', 'zoneinfo', 'pickle'} & set(sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout.strip() == b"set()"
