"""The serializer of bytes, and one of the user's own: what they take is stored as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sources import written

from ckptstore import serializers
from ckptstore.serializers import BytesSerializer, JsonSerializer, PickleSerializer

JSON, BYTES, PICKLE = JsonSerializer(), BytesSerializer(), PickleSerializer()


@pytest.mark.parametrize(
    "state", [bytearray(b"abc"), memoryview(bytearray(b"abc")), np.arange(3.0).data, memoryview(b"axbxc")[::2]]
)
def test_bytes_serializer(state: bytearray | memoryview) -> None:
    """The bytes serializer gives what it is given in one part."""
    serialized = BYTES.serialize(state)

    assert (written(serialized), serialized.size, serialized.tree) == (bytes(state), len(bytes(state)), None)


def test_bytes_serializer_copies_nothing() -> None:
    """Bytes are their own part, and a bytearray is shown where it lies: it can change."""
    data, array = bytes(10), bytearray(10)
    [part] = BYTES.serialize(array).parts
    assert not isinstance(part, bytes)
    [view] = part

    array[0] = 1

    assert BYTES.serialize(data).parts == (data,)
    assert BYTES.serialize(data).parts[0] is data
    assert (part.mutable, view[0]) == (True, 1)


@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b""), np.zeros((0, 3)).data])
def test_bytes_serializer_empty(empty: Any) -> None:  # noqa: ANN401 - bytes of all kinds
    """Nothing is stored as nothing."""
    assert (BYTES.serialize(empty).size, written(BYTES.serialize(empty))) == (0, b"")


def test_bytes_serializer_refuses() -> None:
    """The bytes serializer makes no bytes of anything else."""
    with pytest.raises(TypeError, match="stores bytes, bytearray or memoryview, not str"):
        BYTES.serialize("abc")


class Louder(JsonSerializer, frozen=True):
    """A serializer that somebody derived from ours."""

    def dumps(self, state: object) -> bytes:
        """Something else."""
        return super().dumps(state).upper()


def test_other_serializers() -> None:
    """Other serializers, and those derived from ours, are asked for bytes; ours give parts."""
    state = [bytes(99_000)]

    assert serializers.serialize(PICKLE, state).parts == (PICKLE.dumps(state),)
    assert serializers.serialize(Louder(), ["a"]).parts == (b'["A"]',)
    assert serializers.serialize(JSON, state).parts[1] is state[0]
    assert serializers.serialize(BYTES, state[0]).parts[0] is state[0]
