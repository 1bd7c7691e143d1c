"""What a key may be, and that nothing shows one."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from places import open_store, slot
from sealing import KEY, OTHER, STATES, THIRD, outcome, three

from ckptstore import CheckpointStore
from ckptstore.encryption import Key, Keys, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RAW = urlsafe_b64decode(KEY)


ARE_KEYS: dict[str, str | bytes | Sequence[str | bytes]] = {
    "a str": KEY,
    "bytes": KEY.encode(),
    "a list of one": [KEY],
    "a tuple": (KEY.encode(), OTHER),
    "a line end": KEY + "\n",
    "a space in front": f" {KEY}".encode(),
    "a line end, in a list": [OTHER, KEY + "\r\n"],
}


@pytest.mark.parametrize("given", ARE_KEYS)
def test_what_is_a_key(given: str) -> None:
    """A key is a str or bytes, alone or in a list; white space around it, as files have it, is no matter."""
    opened = resolve(ARE_KEYS[given]).open(urlsafe_b64decode(Fernet(KEY).encrypt(b"data")))

    assert opened
    assert opened.data == b"data"


MIXED = urlsafe_b64encode(b"\xfb\xff" * 16).decode()  # has both of - and _
NO_KEYS: dict[str, str | bytes] = {
    "empty": "",
    "empty bytes": b"",
    "31 bytes": urlsafe_b64encode(RAW[:31]).decode(),
    "33 bytes": urlsafe_b64encode(RAW + b"x"),
    "64 bytes": urlsafe_b64encode(RAW * 2),
    "16 bytes": urlsafe_b64encode(RAW[:16]),
    "a character short": KEY[:-2] + "=",
    "no padding": KEY.rstrip("="),
    "cut": KEY[:-3],
    "raw": RAW,
    "raw as text": RAW.decode("latin-1"),
    "standard base64": MIXED.replace("-", "+").replace("_", "/"),
    "standard base64, bytes": MIXED.replace("-", "+").encode(),
    "hexadecimal": RAW.hex(),
    "a space within": f"{KEY[:20]} {KEY[20:]}",
    "a line end within": f"{KEY[:20]}\n{KEY[20:]}",
    "quotes": f"'{KEY}'",
    "a byte order mark": f"\ufeff{KEY}",
    "a space of no width": f"{KEY}\u200b",
    "not ASCII": "ä" * 44,
    "not ASCII, bytes": KEY.encode()[:20] + b"\xff" + KEY.encode()[20:],
    "a lone surrogate": f"{KEY}\ud800",
    "bits that count for nothing": KEY[:-2] + chr(ord(KEY[-2]) + 1) + "=",
    "two in one": f"{KEY},{OTHER}",
}


SECRETS = [KEY, OTHER, THIRD, RAW.hex(), repr(RAW)[2:-1]]


def shows(exc: BaseException | None, *secrets: str) -> bool:
    """Whether the error, or one that it came from, shows any stretch of a secret to whoever prints it."""
    seen = ""
    while exc is not None:
        seen += f"{exc!r} {exc} {vars(exc)}"
        exc = exc.__cause__ or exc.__context__
    return any(secret[at : at + 8] in seen for secret in secrets for at in range(len(secret) - 8))


@pytest.mark.parametrize("given", NO_KEYS)
@pytest.mark.parametrize("in_list", [False, True])
def test_what_is_no_key(given: str, in_list: bool) -> None:
    """What is no key is a ValueError when the store is opened: it says which one, what to do, and shows nothing."""
    value = NO_KEYS[given]
    encryption = [KEY, value] if in_list else value
    where = r"encryption\[1\]" if in_list else "encryption"

    with pytest.raises(ValueError, match=rf"^{where} is not a Fernet key: .*Fernet\.generate_key\(\)$") as caught:
        CheckpointStore("memory://", encryption=encryption)
    written = value if isinstance(value, str) else value.decode("latin-1")
    assert not shows(caught.value, KEY, OTHER, MIXED, RAW.hex(), written)


@pytest.mark.parametrize("encryption", [3, 1.5, True, bytearray(KEY.encode()), {KEY}, {KEY: 1}, iter([KEY]), Key(RAW)])
def test_no_key_of_another_type(encryption: object) -> None:
    """What is neither text nor a list is a TypeError that names its type alone."""
    kind = type(encryption).__name__

    with pytest.raises(TypeError, match=rf"^encryption must be a Fernet key or a list of them, not {kind}$") as caught:
        CheckpointStore("memory://", encryption=encryption)  # type: ignore[arg-type]
    assert not shows(caught.value, KEY)


@pytest.mark.parametrize("inner", [3, None, [KEY], bytearray(KEY.encode()), Key(RAW)])
def test_a_list_of_other_things(inner: object) -> None:
    """A list holds keys alone: a TypeError says which member is none."""
    with pytest.raises(
        TypeError, match=rf"^encryption\[1\] must be a Fernet key, .*not {type(inner).__name__}"
    ) as caught:
        CheckpointStore("memory://", encryption=[KEY, inner])  # type: ignore[list-item]
    assert not shows(caught.value, KEY)


@pytest.mark.parametrize("encryption", [[], ()])
def test_an_empty_list_is_refused(encryption: object) -> None:
    """No key at all must be said with None, so that a setting that came out empty leaves nothing open."""
    with pytest.raises(ValueError, match="would leave everything open"):
        CheckpointStore("memory://", encryption=encryption)  # type: ignore[arg-type]


# Nothing shows a key


def test_no_repr_shows_a_key() -> None:
    """Neither key, keys, codecs, store nor an opened manifest shows any of it."""
    store = CheckpointStore("memory://", encryption=[KEY, OTHER])
    store.save("run", 1)
    shown = [Key(RAW), resolve([KEY, OTHER]), Keys([Key(RAW)]), store, store._codecs, store._history("run").get(1)]

    assert repr(store) == "CheckpointStore('memory://', serializer='json', encryption=…)"
    assert not any(shows(ValueError(repr(one), str(one)), *SECRETS) for one in shown)


def test_no_error_of_a_run_shows_a_key(tmp_path: Path) -> None:
    """Whatever is wrong with a run, no error in the chain shows a key, right or wrong."""
    place = three("memory", tmp_path, encryption=[KEY, OTHER])
    place.poke(slot(2), b"damaged")
    errors: list[object] = []
    settings: list[Any] = [None, THIRD, [THIRD, OTHER], [KEY, OTHER]]
    for encryption in settings:
        errors += [outcome(place, at, encryption=encryption) for at in (None, *STATES, 9)]
        errors += [
            Exception(problem.what) for problem in open_store(place, encryption=encryption).verify("run").problems
        ]
    refused = [error for error in errors if isinstance(error, Exception)]

    assert len(refused) > 20
    assert not any(shows(error, *SECRETS) for error in refused)
