"""A whole store on S3: what a failing network may do to it, how many requests it sends, forks, threads and loops."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from bucket import KEYS, Bucket, Server
from faulty_proxy import FaultyProxy

from ckptstore.errors import BackendError, CheckpointNotFound
from ckptstore.store import CheckpointStore
from ckptstore.testing.race import PATIENCE
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faulty_proxy import Rule

pytestmark = pytest.mark.usefixtures("impatient")

FAULTS = ["reset before", "reset after", "hang", "hang after", "503 SlowDown", "500 InternalError after"]
FAULTS += ["409 ConditionalRequestConflict", "409 ConditionalRequestConflict after"]
LASTING = ["reset after", "hang", "503 SlowDown", "409 ConditionalRequestConflict after"]
BOTH = [pytest.param(fault, False, id=f"{fault} once") for fault in FAULTS]
BOTH += [pytest.param(fault, True, id=f"{fault} from then on") for fault in LASTING]
REQUESTS = 3  # of a save


def at_request(at: int, fault: str, *, lasting: bool) -> Rule:
    """Return the rule that request `at` meets `fault`, and if `lasting` every later one as well."""
    return lambda number, _: fault if number == at or (lasting and number > at) else None


def open_store(bucket: Bucket, url: str | None = None, retention: int | None = None) -> CheckpointStore:
    """Open a store in `bucket`, over `url` if given."""
    options = bucket.options(url, retries={"mode": "standard", "total_max_attempts": 2})
    return CheckpointStore(f"s3://{bucket.name}/p", retention=retention, storage_options=options)


@pytest.fixture(scope="module")
def faulty(s3_server: Server) -> Iterator[tuple[Bucket, FaultyProxy]]:
    """Give a bucket and a proxy in front of it; each test has runs of its own."""
    proxy = FaultyProxy(s3_server.host, s3_server.port)
    yield s3_server.bucket(), proxy
    proxy.stop()


@pytest.mark.parametrize(("fault", "lasting"), BOTH)
def test_a_fault_in_a_save_costs_nothing_that_was_acknowledged(
    faulty: tuple[Bucket, FaultyProxy], fault: str, lasting: bool
) -> None:
    """
    Whatever goes wrong at whichever request, a save is acknowledged and there, or a `BackendError`; never a conflict.

    A save that failed leaves the state before it or its own, and the same store goes on from there.
    """
    bucket, proxy = faulty
    store, witness = open_store(bucket, proxy.url, retention=2), open_store(bucket)
    run, newest = f"{fault.replace(' ', '-')}-{lasting}", 3
    proxy.begin()
    for state in (1, 2, 3):
        store.save(run, state)
    for at in range(REQUESTS):
        proxy.begin(at_request(at, fault, lasting=lasting))
        expected = {newest + 1}
        with warnings.catch_warnings(record=True):  # a hint or a prune that failed
            warnings.simplefilter("always")
            try:
                store.save(run, newest + 1)
            except BackendError:
                expected.add(newest)
        assert len(proxy.log) > at  # the fault was met
        proxy.begin()

        assert witness.load(run) in expected
        newest += 2
        store.save(run, newest)
        assert witness.load(run) == newest
    assert witness.verify(run).ok


@pytest.mark.parametrize(("fault", "lasting"), [*BOTH, ("half", False), ("flip", False), ("flip", True)])
def test_a_fault_in_a_load_is_no_verdict(faulty: tuple[Bucket, FaultyProxy], fault: str, lasting: bool) -> None:
    """Whatever goes wrong at whichever request, a load gives the state or a `BackendError`: not damage, not absence."""
    bucket, proxy = faulty
    run = f"load-{fault.replace(' ', '-')}-{lasting}"
    open_store(bucket).save(run, 1)
    store = open_store(bucket, proxy.url)
    for at in range(3):
        proxy.begin(at_request(at, fault, lasting=lasting))
        try:
            assert store.load(run) == 1
        except BackendError:
            assert lasting or fault.startswith("409") or fault in {"half", "flip"}  # of the words "no such key"


def test_requests_of_a_save_and_a_load(bucket: Bucket, proxy: FaultyProxy) -> None:
    """A save with retention sends three requests in the long run, and a load of the newest three as well."""
    store = open_store(bucket, proxy.url, retention=3)
    for state in range(5):
        store.save("run", state)

    proxy.begin()
    store.save("run", 5)
    assert proxy.verbs == ["create", "put", "delete"]

    proxy.begin()
    assert open_store(bucket, proxy.url).load("run") == 5
    assert proxy.verbs == ["get"] * 3


def test_each_verb_is_one_request(bucket: Bucket, proxy: FaultyProxy) -> None:
    """Every verb is one request, also for a large object, a range, nothing at all, and a thousand packs."""
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url))
    backend.create("run/1", b"")

    proxy.begin()
    backend.create("run/2", bytes(17 << 20))
    backend.put("run/1", b"12345")
    backend.get("run/2")
    backend.get("run/1", 1, 3)
    backend.get("run/1", 9)
    list(backend.list(""))
    backend.delete(["run/1"])
    backend.delete(f"run/packs/{number}" for number in range(1000))
    assert proxy.verbs == ["create", "put", "get", "get", "get", "list", "delete", "delete"]


def test_what_is_shown_holds_no_secret(bucket: Bucket) -> None:
    """A backend shows where it is, and nothing of how to get there."""
    backend = S3Backend("some-bucket/a/prefix/", storage_options={**bucket.options(), **KEYS})

    assert repr(backend) == "S3Backend('s3://some-bucket/a/prefix')"


def test_nothing_stays_of_a_store_that_is_gone(bucket: Bucket) -> None:
    """A store that nobody holds any more leaves no file system behind, and so no open connections."""
    backend = S3Backend(bucket.name, storage_options=bucket.options())
    backend.create("run/1", b"x")
    file_system = weakref.ref(backend._session._fs())

    del backend
    gc.collect()

    assert file_system() is None


@pytest.mark.parametrize("name", ["", "/", "/prefix", "bucket//prefix", "bucket/../other"])
def test_bad_names_are_refused(name: str) -> None:
    """A bucket and its prefix are written in one way only, and there is always a bucket."""
    with pytest.raises(ValueError, match=r"is not a key|names a bucket"):
        S3Backend(name, storage_options={})


def test_without_s3fs_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where s3fs is missing the error is there at once, with the command that helps."""
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(ImportError, match=r'pip install "ckptstore\[s3\]"'):
        S3Backend("bucket", storage_options={})


def test_inside_a_running_loop(bucket: Bucket) -> None:
    """A store may be used inside a coroutine: it blocks the loop as any other call does, and works."""

    async def job() -> object:
        """Save and load."""
        store = open_store(bucket)
        store.save("run", 1)
        return store.load("run")

    assert asyncio.run(job()) == 1
    assert asyncio.run(job()) == 1


def test_threads_share_a_store(bucket: Bucket) -> None:
    """Eight threads save to runs of their own through one store, and every state is there."""
    store = open_store(bucket, retention=2)

    def job(worker: int) -> None:
        for state in range(4):
            store.save(f"run-{worker}", [worker, state])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(job, range(8)))
    assert [open_store(bucket).load(f"run-{worker}") for worker in range(8)] == [[worker, 3] for worker in range(8)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_saves(bucket: Bucket) -> None:
    """A child uses the store that it inherited, in a file system of its own, and the parent's goes on working."""
    store = open_store(bucket)
    store.save("parent", 1)
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)  # kills a child that waits for ever
        store.save("child", 1)
        os._exit(0)
    store.save("parent", 2)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (store.load("parent"), store.load("child")) == (2, 1)
    with pytest.raises(CheckpointNotFound):
        store.load("nobody")
