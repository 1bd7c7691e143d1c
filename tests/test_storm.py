"""A server that misbehaves, with large states and small: a short storm of each kind; `storm.run` makes long ones."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

import storm
from planted import losers_clean_up, no_readback

from ckptstore import commit, packs, prune
from ckptstore_backends import s3_session
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable


def failed_is_absent(patch: pytest.MonkeyPatch) -> None:
    """What cannot be read is taken for something that is not there."""
    get = S3Backend.get

    def hasty(backend: S3Backend, key: str, *place: Any) -> bytes:  # noqa: ANN401 - whatever a get takes
        try:
            return get(backend, key, *place)
        except OSError as exc:
            raise FileNotFoundError(key) from exc

    patch.setattr(S3Backend, "get", hasty)


def packs_may_fail(patch: pytest.MonkeyPatch) -> None:
    """A pack that was not stored is named all the same."""
    create = packs._Packs._create

    def careless(self: Any, *pack: Any) -> None:  # noqa: ANN401 - whatever it takes
        with contextlib.suppress(OSError):
            create(self, *pack)

    patch.setattr(packs._Packs, "_create", careless)


def doubts_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What stands in the slot is another's, whoever wrote it."""
    patch.setattr(commit.Doubts, "own", lambda *_: False)


def packs_stay(patch: pytest.MonkeyPatch) -> None:
    """A prune leaves the packs that nobody names."""
    patch.setattr(prune, "collect", lambda *_: [])


def patient(patch: pytest.MonkeyPatch) -> None:
    """A request is tried as often as the clients of clouds do it where nobody says how often."""
    patch.setitem(s3_session.CONFIG, "retries", {"mode": "standard", "total_max_attempts": 8})


def tireless(patch: pytest.MonkeyPatch) -> None:
    """What cannot be read is asked for five times, each time with all attempts."""
    get = S3Backend.get

    def again(backend: S3Backend, key: str, *place: Any) -> bytes:  # noqa: ANN401 - whatever a get takes
        for _ in range(4):
            with contextlib.suppress(TimeoutError):
                return get(backend, key, *place)
        return get(backend, key, *place)

    patch.setattr(S3Backend, "get", again)


# Each with a seed that finds it early.
PLANTED: dict[Callable[[pytest.MonkeyPatch], None], int] = {
    failed_is_absent: 8,
    packs_may_fail: 3,
    doubts_forgotten: 3,
    packs_stay: 1,
    no_readback: 3,
    losers_clean_up: 1,
    patient: 1,
    tireless: 1,
}


def test_nothing_is_lost_in_a_storm() -> None:
    """Whatever the network does, an operation succeeds or is a `BackendError`, and nothing acknowledged is lost."""
    assert storm.run(seed=11, seconds=0, least=40) == 40


@pytest.mark.parametrize("bug", PLANTED)
def test_a_storm_finds(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """With one rule broken, a storm shows what is lost, and says by which seed."""
    bug(monkeypatch)

    with pytest.raises(AssertionError, match=f"^seed {PLANTED[bug]}, after "):
        storm.run(PLANTED[bug], seconds=0, least=100)
