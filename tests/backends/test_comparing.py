"""Backends that compare before they replace, and servers that do not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from comparing import ComparingMemory

from ckptstore import CheckpointStore
from ckptstore.backend import as_comparing
from ckptstore.testing import ComparingTests
from ckptstore_backends import s3
from ckptstore_backends.local import LocalBackend
from ckptstore_backends.memory import MemoryBackend
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from pathlib import Path

    from bucket import Bucket
    from faulty_proxy import FaultyProxy


class TestComparingMemory(ComparingTests[ComparingMemory]):
    """The memory of the tests, by the suite; the bucket's is beside its other promises."""

    @pytest.fixture
    def backend(self) -> ComparingMemory:
        """Give an empty one."""
        return ComparingMemory()

    def peek(self, backend: ComparingMemory, key: str) -> bytes | None:
        """Look into the dictionary."""
        return backend._objects[key][0]

    def poke(self, backend: ComparingMemory, key: str, data: bytes | None) -> None:
        """Change the dictionary."""
        if data is None:
            del backend._objects[key]
        else:
            backend._objects[key] = (data, datetime.now(UTC))


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
def test_a_server_that_refuses_its_own_tags_is_found_out(bucket: Bucket, proxy: FaultyProxy) -> None:
    """Where the tag that a read gives does not do for an update, the save after the first goes without, and prunes."""
    proxy.begin(lambda *_: "mistagged")
    store = CheckpointStore(f"s3://{bucket.name}/p", retention=2, storage_options=bucket.options(proxy.url))
    for state in range(5):
        store.save("run", state)

    proxy.begin(lambda *_: "mistagged")
    store.save("run", 5)
    assert sorted(proxy.verbs) == ["create", "delete", "get", "put"]
    assert [record.number for record in store.checkpoints("run")] == [6, 5]
    assert b'"number": 6' in (bucket.peek("p/run/latest.json") or b"")


def test_what_goes_between_a_refusal_and_the_look_at_it_is_refused(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update that came too late for its tag is that also where the object has gone before anybody sees its tag."""
    backend, look = S3Backend(f"{bucket.name}/p", storage_options=bucket.options()), S3Backend.get_tagged
    stale = backend.update("run/latest.json", b"first", None)
    backend.update("run/latest.json", b"second", stale)

    def late(self: S3Backend, key: str, end: int) -> tuple[bytes, str]:
        backend.delete([key])
        return look(self, key, end)

    monkeypatch.setattr(S3Backend, "get_tagged", late)

    assert stale is not None
    assert backend.update("run/latest.json", b"third", stale) is None


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
