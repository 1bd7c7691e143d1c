"""Backends that compare before they replace: the promises of `Comparing`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from comparing import ComparingMemory

from ckptstore import CheckpointStore
from ckptstore.backend import as_comparing
from ckptstore_backends import s3
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.memory import MemoryBackend
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from pathlib import Path

    from bucket import Bucket
    from faulty_proxy import FaultyProxy

    from ckptstore.backend import Comparing

KEY = "run/latest.json"
WRITERS = 6


@pytest.fixture(params=["memory", "bucket"])
def comparing(request: pytest.FixtureRequest, bucket: Bucket) -> Comparing:
    """Give one that is empty."""
    backend = as_comparing(
        ComparingMemory()
        if request.param == "memory"
        else S3Backend(f"{bucket.name}/p", storage_options=bucket.options())
    )
    assert backend is not None
    return backend


def test_only_what_was_seen_is_replaced(comparing: Comparing) -> None:
    """An update replaces the object whose tag it names, gives the new tag, and leaves any other object alone."""
    assert comparing.compares()
    first = comparing.update(KEY, b"first", None)
    assert first is not None

    second = comparing.update(KEY, [b"sec", b"ond"], first)

    assert comparing.get_tagged(KEY, 100) == (b"second", second)
    assert comparing.get_tagged(KEY, 3) == (b"sec", second)
    assert comparing.update(KEY, b"third", first) is None
    assert comparing.update(KEY, b"third", None) is None
    assert comparing.get(KEY) == b"second"


def test_what_is_not_there_is_not_replaced(comparing: Comparing) -> None:
    """An update of an object that is gone is refused, and to read its tag is `FileNotFoundError`."""
    tag = comparing.update(KEY, b"first", None)
    comparing.delete([KEY])

    assert comparing.update(KEY, b"second", tag) is None
    with pytest.raises(FileNotFoundError):
        comparing.get_tagged(KEY, 100)


def test_whoever_wrote_it_the_tag_is_that_of_the_content(comparing: Comparing) -> None:
    """What was put, empty or not, has a tag like what was updated; other content has another."""
    tags = []
    for data in (b"", b"one", b"two"):
        comparing.put(KEY, data)
        read, tag = comparing.get_tagged(KEY, 100)
        assert read == data
        tags.append(tag)

    assert len(set(tags)) == 3
    assert comparing.update(KEY, b"next", tags[-1]) is not None


def test_of_several_updates_one_is_made(comparing: Comparing) -> None:
    """Of writers that have seen the same object one replaces it, in every round."""
    tag = comparing.update(KEY, b"0", None)
    barrier = Barrier(WRITERS)

    def write(writer: int, round_: int, seen: str | None) -> str | None:
        """Try at the same moment as the others."""
        barrier.wait()
        return comparing.update(KEY, b"%d by %d" % (round_, writer), seen)

    with ThreadPoolExecutor(WRITERS) as pool:
        for round_ in range(10):
            new = list(pool.map(write, range(WRITERS), [round_] * WRITERS, [tag] * WRITERS))
            (winner,) = (writer for writer in range(WRITERS) if new[writer] is not None)
            tag = new[winner]
            assert comparing.get_tagged(KEY, 100) == (b"%d by %d" % (round_, winner), tag)


def test_a_backend_of_five_verbs_does_not_compare(tmp_path: Path) -> None:
    """A backend without these methods is used by the five verbs alone."""
    assert as_comparing(MemoryBackend()) is None
    assert as_comparing(LocalBackend(str(tmp_path))) is None


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be known of any server."""
    for facts in "_exclusive", "_compares":
        monkeypatch.setattr(s3, facts, {})


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("fault", ["unmatched", "501 NotImplemented"])
def test_a_server_that_does_not_compare_is_found_out(bucket: Bucket, proxy: FaultyProxy, fault: str) -> None:
    """Where If-Match is ignored or refused a save proves itself by a look at the one before, in four requests."""
    S3Backend(f"{bucket.name}/p", storage_options=bucket.options()).create("other/1", b"which leaves the probe")
    proxy.begin(lambda number, _: fault if number >= 1 else None)  # from the second probe on
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url))
    assert not backend.compares()
    assert proxy.verbs == ["probe", "probe"]

    store = CheckpointStore(f"s3://{bucket.name}/p", retention=2, storage_options=bucket.options(proxy.url))
    proxy.begin()
    for state in range(4):
        store.save("run", state)
    proxy.begin()
    store.save("run", 4)

    assert sorted(proxy.verbs) == ["create", "delete", "get", "put"]


@pytest.mark.usefixtures("unknown")
def test_a_comparison_without_an_answer_is_no_verdict(bucket: Bucket, proxy: FaultyProxy) -> None:
    """Where the server does not say whether it compares nothing is known: an `OSError`, and next time it is asked."""
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url))
    backend.create("run/1", b"x")
    proxy.begin(lambda *_: "403 AccessDenied")
    with pytest.raises(PermissionError, match="allow s3:PutObject"):
        backend.compares()

    proxy.begin()
    assert backend.compares()


@pytest.mark.usefixtures("unknown")
def test_a_single_writer_compares_nothing(bucket: Bucket, proxy: FaultyProxy) -> None:
    """With `single_writer` nothing is asked of a server that may know no conditions."""
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url), single_writer=True)

    assert not backend.compares()
    assert proxy.verbs == []
