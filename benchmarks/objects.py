"""A small save on S3: side by side with the same PUTs made bare, through s3fs and through obstore."""

from __future__ import annotations

import importlib
from itertools import count
from typing import TYPE_CHECKING, Any

from benchmarks import bucket, sample
from benchmarks.rounds import alternate, ratio, spread, steady
from benchmarks.tables import Section, at_least, cells
from ckptstore import CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.sizes import Sizes

_OURS, _BARE = "ckptstore", "s3fs, the same two PUTs bare"
_OBSTORE = "obstore, the same two PUTs bare"
_KEEPS, _SAME = "ckptstore, retention=5", "s3fs, two PUTs and a DELETE bare"
_TEXT = """\
The same state of 2 KiB. Bare: the manifest by a conditional PUT and the hint by another, one after the other; a save
sends the same two, the second on condition as well, which proves the first. With retention it sends a DELETE besides.
moto serves on this machine, so what is compared is the client's work. {rounds} rounds, {saves} saves a turn."""


def measure(_: str, sizes: Sizes) -> Section:
    """The rate of saves in steady state, the server on this machine."""
    with bucket.served() as options:
        savers = {
            _BARE: _bare(options),
            _OURS: _ours(options),
            _SAME: _bare(options, keep=5),
            _KEEPS: _ours(options, keep=5),
        }
        obstore = _obstore(options)
        if obstore is not None:
            savers[_OBSTORE] = obstore
        turns = alternate({name: steady(save) for name, save in savers.items()}, sizes.rounds // 2 or 1, sizes.saves)
    return Section(
        "A small save on S3",
        _TEXT.format(rounds=sizes.rounds // 2 or 1, saves=sizes.saves),
        ("one save", "ms", "middle half", "min to max", "rate, bare s3fs = 1", "middle half", "min to max"),
        [
            [name, *cells(spread(turn.wall for turn in own), 1e3), *cells(ratio(turns[_BARE], own))]
            for name, own in turns.items()
        ],
        [at_least("rate of small saves on S3, against the same PUTs bare", ratio(turns[_BARE], turns[_OURS]), 0.85)],
    )


def _ours(options: dict[str, Any], keep: int | None = None) -> Callable[[], object]:
    store = CheckpointStore(f"s3://{bucket.BUCKET}/ours-{keep}", storage_options=options, retention=keep)
    state, numbers = sample.state(), count(1)

    def save() -> None:
        state["step"] = next(numbers)
        store.save("run", state)

    return save


def _bodies() -> Callable[[], tuple[int, bytes]]:
    """Manifests as ckptstore writes them, made beforehand."""
    store = CheckpointStore("memory://")
    store.save("run", sample.state())
    data, numbers = store._backend.get("run/000000000001.json"), count(1)  # noqa: SLF001 - the very bytes
    return lambda: (next(numbers), data)


def _bare(options: dict[str, Any], keep: int | None = None) -> Callable[[], object]:
    from s3fs import S3FileSystem  # noqa: PLC0415 - this part alone needs it

    fs, body = S3FileSystem(**options, skip_instance_cache=True, use_listings_cache=False), _bodies()
    folder = f"{bucket.BUCKET}/bare-{keep}"

    def save() -> None:
        number, data = body()
        fs.pipe_file(f"{folder}/{number:012}.json", data, mode="create")
        fs.pipe_file(f"{folder}/latest.json", data)
        if keep is not None:
            fs.rm_file(f"{folder}/{max(0, number - keep):012}.json")

    return save


def _obstore(options: dict[str, Any]) -> Callable[[], object] | None:
    try:
        stores: Any = importlib.import_module("obstore.store")
    except ImportError:
        return None
    store: Any = stores.S3Store(
        bucket.BUCKET,
        endpoint=options["endpoint_url"],
        access_key_id="any",
        secret_access_key="any",  # noqa: S106 - any will do
        region="us-east-1",
        client_options={"allow_http": True},
    )
    body = _bodies()

    def save() -> None:
        number, data = body()
        store.put(f"obstore/{number:012}.json", data, mode="create")
        store.put("obstore/latest.json", data)

    return save
