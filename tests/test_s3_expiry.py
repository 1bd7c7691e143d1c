"""Credentials that expire while a large state is saved to S3, at whichever request."""

from __future__ import annotations

import contextlib
import random
import warnings
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from faulty_proxy import FaultyProxy
from places import InBucket, open_store, s3_server
from sealing import SETTINGS
from small import small_chunks

from ckptstore import BackendError, CheckpointConflict, CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = "run"
BESIDE = 4  # requests that others are just about to send, or that look whether the save went through


@pytest.fixture
def proxy() -> Iterator[FaultyProxy]:
    """Give a proxy in front of the server of all places."""
    proxy = FaultyProxy(s3_server().host, s3_server().port)
    yield proxy
    proxy.stop()


def save(store: CheckpointStore, way: str, state: bytes) -> int:
    """Save at once or as a stream; -> the number."""
    if way == "save":
        return store.save(RUN, state).number
    with store.open_writer(RUN) as file:
        file.write(state)
    assert file.checkpoint is not None
    return file.checkpoint.number


@pytest.mark.parametrize(("way", "codecs"), [("save", "plain"), ("stream", "zstd + fernet")])
def test_credentials_that_expire_during_a_large_save(
    proxy: FaultyProxy, way: str, codecs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The save is acknowledged and there, or soon says why not; with new credentials the same store goes on."""
    small_chunks(monkeypatch, threads=2)
    place = InBucket()
    settings = {"serializer": "bytes", "retention": 2, **SETTINGS[codecs]}
    witness = open_store(place, **settings)
    store = CheckpointStore(place.url, storage_options=place.bucket.options(proxy.url), **settings)
    for seed in range(3):
        save(store, way, random.Random(seed).randbytes(1500))
    proxy.begin()
    known = save(store, way, random.Random(3).randbytes(1500))
    requests = len(proxy.log)
    assert requests > 5  # packs among them
    refusals: list[str] = []

    for first in range(requests):
        state, expected = random.Random(first).randbytes(1500), {known, known + 1}
        proxy.begin(lambda number, _, first=first: "403 ExpiredToken" if number >= first else None)  # type: ignore[misc]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a hint or a prune that failed
            try:
                expected = {save(store, way, state)}
            except BackendError as exc:
                refusals.append(str(exc))
        assert len(proxy.log) <= first + 1 + BESIDE

        proxy.begin()
        latest = witness.latest(RUN)
        assert latest is not None
        assert latest.number in expected
        with contextlib.suppress(CheckpointConflict):  # a stream is told where the one before stands after all
            save(store, way, state)
        known = save(store, way, state + b"once more")
        assert witness.load(RUN) == state + b"once more"
    assert witness.verify(RUN).ok
    assert refusals
    assert all("the credentials have expired: renew them" in text for text in refusals)
