"""Fernet tokens, as the standard's own library makes and opens them."""

from __future__ import annotations

import hmac
import random
import sys
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from cryptography.fernet import Fernet, InvalidToken
from hypothesis import given, settings
from hypothesis import strategies as st
from sealing import KEY, OTHER, THIRD

from ckptstore import encryption
from ckptstore.encryption import Key, resolve, text, token

if TYPE_CHECKING:
    from types import FrameType

    from _typeshed import TraceFunction

RAW = urlsafe_b64decode(KEY)
LENGTHS = [*range(101), 65_535, 65_536, 1_000_003]


@pytest.fixture
def key() -> Key:
    """The key that `KEY` spells."""
    return Key(RAW)


# Tokens


@pytest.mark.parametrize("length", LENGTHS)
def test_fernet_opens_what_is_sealed(key: Key, length: int) -> None:
    """The standard's library opens a token, in base64, whatever the length."""
    data = random.Random(length).randbytes(length)

    assert Fernet(KEY).decrypt(urlsafe_b64encode(key.seal(data))) == data
    assert Fernet(KEY).decrypt(text(key.seal(data))) == data


@pytest.mark.parametrize("length", LENGTHS)
def test_what_fernet_seals_is_opened(key: Key, length: int) -> None:
    """A token of the standard's library opens, whatever the length."""
    data = random.Random(length).randbytes(length)

    assert key.open(urlsafe_b64decode(Fernet(KEY).encrypt(data))) == data


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=500), st.sampled_from([bytes, bytearray, memoryview]))
def test_any_key_and_any_data(secret: bytes, data: bytes, form: type) -> None:
    """With any key, any data goes both ways between this and the standard's library."""
    key, fernet = Key(secret), Fernet(urlsafe_b64encode(secret))

    assert key.open(bytes(key.seal(data))) == data
    assert fernet.decrypt(text(key.seal(data))) == data
    assert key.open(form(urlsafe_b64decode(fernet.encrypt(data)))) == data


def test_threads_share_a_key(key: Key) -> None:
    """Tokens that threads make at once with one key all open."""
    texts = [f"{n}".encode() * n for n in range(1000)]
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(key.seal, texts))

    assert [Fernet(KEY).decrypt(text(one)) for one in sealed] == texts


def test_a_signal_handler_may_seal(key: Key) -> None:
    """Whatever line a seal has reached, another one with the same key in between makes both good."""
    inner: list[bytes | bytearray] = []

    def handler(frame: FrameType, _event: str, _arg: object) -> TraceFunction | None:
        inside = frame.f_code.co_filename == encryption.__file__
        if inside:
            inner.append(key.seal(b"inner" * 9))
        return handler if inside else None

    traced = sys.gettrace()
    sys.settrace(handler)
    try:
        outer = [key.seal(b"outer" * 9) for _ in range(5)]
    finally:
        sys.settrace(traced)

    assert len(inner) > 5 * 15
    assert {Fernet(KEY).decrypt(text(one)) for one in inner} == {b"inner" * 9}
    assert {Fernet(KEY).decrypt(text(one)) for one in outer} == {b"outer" * 9}


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 100])
def test_every_flipped_bit_is_refused(key: Key, length: int) -> None:
    """A token of which any one bit is changed opens no more."""
    sealed = key.seal(b"x" * length)
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        assert key.open(bytes(flipped)) is None


def test_every_truncation_is_refused(key: Key) -> None:
    """A token that lacks any part of it, or has more, does not open."""
    sealed = bytes(key.seal(b"x" * 20))
    for size in range(len(sealed)):
        assert key.open(sealed[:size]) is None
        assert key.open(sealed[size + 1 :]) is None
    assert key.open(sealed + bytes(16)) is None
    assert key.open(sealed * 2) is None


def test_blocks_cannot_be_moved(key: Key) -> None:
    """Blocks that change places, within a token or between two, do not open."""
    one, two = (bytes(key.seal(data * 48)) for data in (b"a", b"b"))

    assert key.open(one[:25] + one[41:57] + one[25:41] + one[57:]) is None
    assert key.open(one[:25] + two[25:-32] + one[-32:]) is None
    assert key.open(one[:-32] + two[-32:]) is None


def test_another_version_is_refused(key: Key) -> None:
    """A token of a version to come is not opened by guess, even if the key has signed it."""
    head = b"\x81" + bytes(key.seal(b"data"))[1:-32]

    assert key.open(head + hmac.digest(RAW[:16], head, "sha256")) is None
    assert key.open(b"\x80" + head[1:] + hmac.digest(RAW[:16], b"\x80" + head[1:], "sha256")) == b"data"


def test_no_two_tokens_are_equal(key: Key) -> None:
    """Equal data is sealed differently each time."""
    assert len({bytes(key.seal(b"data")) for _ in range(100)}) == 100


def test_another_key_opens_nothing(key: Key) -> None:
    """A token opens with its own key alone, here and there."""
    other, sealed = Key(urlsafe_b64decode(OTHER)), bytes(key.seal(b"data"))

    assert other.open(sealed) is None
    with pytest.raises(InvalidToken):
        Fernet(OTHER).decrypt(text(sealed))
    assert Key(RAW[:16] + bytes(16)).open(sealed) != b"data"
    assert Key(bytes(16) + RAW[16:]).open(sealed) is None


def test_the_form_in_json_is_read_strictly(key: Key) -> None:
    """A token in base64 is read in the one way in which it is written."""
    sealed = bytes(key.seal(bytes(range(200))))
    written = text(sealed)
    padding = written.rstrip(b"=")

    assert written == urlsafe_b64encode(sealed)
    assert token(written) == sealed
    wrong = [b64encode(sealed), written + b"\n", b" " + written, written[:9] + b"*" + written[9:], written + b"===="]
    for one in [*wrong, padding + b"A", written[:-1]]:
        assert token(one) != sealed or one == written


def test_chunk_ids_depend_on_the_key(key: Key) -> None:
    """The same content has the same id under one key, another under another, and no plain digest."""
    ids = {Key(urlsafe_b64decode(one)).chunk_id(b"data") for one in (KEY, OTHER, THIRD)}

    assert len(ids) == 3
    assert key.chunk_id(b"data") in ids
    assert key.chunk_id(b"data") != key.chunk_id(b"Data")


def test_any_key_of_a_list_opens() -> None:
    """The first key seals, each one opens, and what opened it is told."""
    keys = resolve([KEY, OTHER])
    for one in (KEY, OTHER):
        opened = keys.open(urlsafe_b64decode(Fernet(one).encrypt(b"data")))
        assert opened
        assert opened.data == b"data"
        assert (opened.key is keys.newest) is (one == KEY)
    assert Fernet(KEY).decrypt(text(keys.newest.seal(b"data"))) == b"data"
    assert keys.open(urlsafe_b64decode(Fernet(THIRD).encrypt(b"data"))) is None
