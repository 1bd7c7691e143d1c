"""Hostile input, as much of it as there is time for: whatever is stored, only our errors leave a store."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import cache, partial
from importlib import import_module
from pkgutil import walk_packages
from random import Random
from typing import TYPE_CHECKING, Any, cast

import tampering
from everything import Everything, Fill
from harm import HINT
from hostile_inputs import KNOWN, corpus, item, known, state
from places import InMemory, open_store, slot, through
from sealing import SETTINGS
from watching import Within, watched

from ckptstore import CheckpointError
from ckptstore.layout import MAX_NUMBER
from ckptstore.serializers import JsonSerializer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ckptstore import CheckpointStore
    from ckptstore.backend import Backend

TYPES: list[Any] = [Everything, Fill, dict[str, float], list[int | str], set[str], dict[int, Any]]
_ROOM, _FACTOR = 32 * 2**20, 60  # bytes that any input may take, and more for each byte of it: 56 for an empty list

_json = JsonSerializer()


def run(seed: int, seconds: float) -> int:
    """How many inputs were tried in about `seconds`; AssertionError, with the seed that `states` or `runs` takes."""
    end, tried = time.monotonic() + seconds, 0
    while tried == 0 or time.monotonic() < end:
        for explore in states, runs:
            violation = explore(seed + tried)
            assert violation is None, f"seed {seed + tried}: {violation}"
        tried += 1
    return 2 * tried


def states(seed: int) -> str | None:
    """What promise a hostile state breaks, the same one for each `seed`; None where all are kept."""
    rng, sound = Random(seed), warm()
    return _violation(check_state, state(rng, sound), rng.choice(TYPES))


def runs(seed: int) -> str | None:
    """As `states`, for a run with a hostile object or two; of each thousand, the first are known attacks."""
    rng, sound = Random(seed), warm()
    return _violation(check_run, *(_attacked(seed % 1000) if seed % 1000 < len(KNOWN) else _harmed(rng, sound)))


def _violation(check: Callable[..., None], *given: Any) -> str | None:  # noqa: ANN401 - an input
    try:
        check(*given)
    except AssertionError as exc:
        return str(exc)
    return None


@cache
def warm() -> list[bytes]:
    """Sound states; at the first call, all is imported that is imported where it is used."""
    sound = corpus()
    for data in sound:
        _json.loads(data)
        for type_ in TYPES:
            leaves(partial(_json.loads_as, data, type_), "loads_as")
    for codecs in SETTINGS:
        check_run(codecs, tampering.objects(codecs).sealed, watch=False)
    # A time zone that the system does not have is looked for in a package for each part of the world.
    for package in walk_packages(import_module("tzdata").__path__, "tzdata."):
        import_module(package.name)
    leaves(lambda: _json.loads(b'{"$datetime":"2024-01-01T00:00:00+00:00[Europe/Nowhere]"}'), "loads")
    return sound


def leaves(do: Callable[[], Any], what: str) -> Any:  # noqa: ANN401 - whatever it gives
    """What `do` gives, or its error, if that is ours; AssertionError for any other."""
    try:
        return do()
    except CheckpointError as exc:
        if len(str(exc)) > 3000:
            raise AssertionError(f"{what}: a message of {len(str(exc))} characters") from exc
        return exc
    except AssertionError:
        raise
    except BaseException as exc:
        raise AssertionError(f"{what}: {type(exc).__name__}: {exc!s:.200}") from exc


def check_state(data: bytes, type_: Any) -> None:  # noqa: ANN401 - what a load may ask for
    """What is read can be saved again, or is refused, in memory that its length allows."""
    with watched(_ROOM + _FACTOR * len(data)):
        found = leaves(lambda: _json.loads(data), "loads")
        leaves(lambda: _json.loads_as(data, type_), f"loads_as {type_}")
        # Where no tag is in it, nobody walks through it, and it may be nested as deeply as msgspec reads it.
        if not isinstance(found, CheckpointError) and b'{"$' in data:
            leaves(lambda: _json.dumps(found), "dumps of what was loaded")


OPERATIONS: dict[str, Callable[[CheckpointStore], Any]] = {
    "load": lambda store: store.load("run"),
    "load typed": lambda store: store.load("run", type=Fill),
    "load at 1": lambda store: store.load("run", at=1),
    "load at 5": lambda store: store.load("run", at=5),
    "load at the last": lambda store: store.load("run", at=MAX_NUMBER),
    "latest": lambda store: store.latest("run"),
    "checkpoints": lambda store: store.checkpoints("run"),
    "verify": lambda store: store.verify("run"),
    "runs": lambda store: store.runs(),
    "open_reader": lambda store: store.open_reader("run").read(),
    "prune": lambda store: store.prune("run", dry_run=True),
    "save": lambda store: store.save("run", "next"),
    "prune for good": lambda store: store.prune("run"),
    "delete_run": lambda store: store.delete_run("run"),
}


def _attacked(index: int) -> tuple[str, dict[str, bytes]]:
    objects = dict(tampering.objects("plain").sealed)
    data = known(objects[slot(5)], index)
    key = slot(MAX_NUMBER) if b'"number": %d' % MAX_NUMBER in data else slot(5)
    return "plain", {**objects, key: data, HINT: data}


def _harmed(rng: Random, sound: list[bytes]) -> tuple[str, dict[str, bytes]]:
    codecs = rng.choice([*SETTINGS])
    objects = dict(tampering.objects(codecs).sealed)
    for _ in range(rng.choice([1, 1, 2])):
        key = rng.choice([*objects])
        data = objects[key]
        bad = (
            item(rng, data, sound)
            if "/packs/" not in key
            else rng.choice([data[: rng.randrange(70_000)], b"", data * 2])
        )
        aim = [key, key, HINT, slot(rng.choice([1, 6, 7, MAX_NUMBER]))]
        objects[rng.choice(aim if "/packs/" not in key else [key])] = bad
    if rng.random() < 0.5:
        objects.pop(HINT, None)
    return codecs, objects


def check_run(codecs: str, objects: Mapping[str, bytes], *, watch: bool = True) -> None:
    """Whatever is asked of a store ends well or in our errors, within the run, in memory that its size allows."""
    place = InMemory()
    for key, data in objects.items():
        place.poke(key, data)
    stored = sum(map(len, objects.values()))
    store = through(
        open_store(place, retention=3, **SETTINGS[codecs]), lambda backend: cast("Backend", Within(backend))
    )
    for what, do in OPERATIONS.items():
        with watched(_ROOM + _FACTOR * stored) if watch else nullcontext():
            leaves(partial(do, store), what)
