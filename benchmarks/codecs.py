"""What codecs cost: a small save with and without them, and Fernet's own way with a large piece against ours."""

from __future__ import annotations

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet

from benchmarks import sample
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import Section, at_least, cells
from ckptstore import CheckpointStore
from ckptstore.encryption import Key

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.sizes import Sizes

_PLAIN, _BOTH = "plain", "zstd and Fernet"
_LARGE = 4 * 1024 * 1024
_SEAL, _ENCRYPT, _OPEN, _DECRYPT = "Key.seal", "Fernet.encrypt", "Key.open", "Fernet.decrypt"


def measure(folder: str, sizes: Sizes) -> Section:
    """The rate of durable small saves with codecs, against one without."""
    key = Fernet.generate_key()
    stores = {
        _PLAIN: CheckpointStore(folder),
        "zstd": CheckpointStore(folder, compression="zstd"),
        "Fernet": CheckpointStore(folder, encryption=key),
        _BOTH: CheckpointStore(folder, compression="zstd", encryption=key),
    }
    savers = {name: steady(_saver(store, f"run-{n}")) for n, (name, store) in enumerate(stores.items())}
    turns = alternate(savers, sizes.rounds, sizes.saves)
    return Section(
        "A durable save through codecs",
        f"The same state of 2 KiB, every save kept. {sizes.rounds} rounds, {sizes.saves} saves a turn. A rate is "
        "the time of the plain save by the time of the contestant, in the same round.",
        ("one save", "ms", "middle half", "min to max", "rate, plain = 1", "middle half", "min to max"),
        [
            [name, *cells(spread(turn.wall for turn in own), 1e3), *cells(ratio(turns[_PLAIN], own))]
            for name, own in turns.items()
        ],
        [
            at_least(
                "rate of durable saves with zstd and Fernet, against plain", ratio(turns[_PLAIN], turns[_BOTH]), 0.8
            )
        ],
    )


def _saver(store: CheckpointStore, run: str) -> Callable[[], object]:
    state, numbers = sample.state(), count(1)

    def save() -> None:
        state["step"] = next(numbers)
        store.save(run, state)

    return save


def measure_tokens(_: str, sizes: Sizes) -> Section:
    """4 MiB sealed and opened, as bytes, against the library's tokens in base64."""
    secret, data = Fernet.generate_key(), os.urandom(_LARGE)
    own, theirs = Key(urlsafe_b64decode(secret)), Fernet(secret)
    token = bytes(own.seal(data))
    calls: dict[str, Callable[[], object]] = {
        _SEAL: partial(own.seal, data),
        _ENCRYPT: partial(theirs.encrypt, data),
        _OPEN: partial(own.open, token),
        _DECRYPT: partial(theirs.decrypt, urlsafe_b64encode(token)),
    }
    turns = alternate({name: steady(call) for name, call in calls.items()}, sizes.rounds, 1)
    against = {_SEAL: _ENCRYPT, _ENCRYPT: _ENCRYPT, _OPEN: _DECRYPT, _DECRYPT: _DECRYPT}
    return Section(
        "A Fernet token of 4 MiB",
        f"The same token both ways: its bytes, as in a pack, and the library's base64. {sizes.rounds} rounds.",
        ("one call", "ms", "middle half", "min to max", "rate, library = 1", "middle half", "min to max"),
        [
            [name, *cells(spread(turn.wall for turn in own_turns), 1e3), *cells(ratio(turns[against[name]], own_turns))]
            for name, own_turns in turns.items()
        ],
        [],
    )
