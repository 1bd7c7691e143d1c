"""The S3 backend behind a network that fails: each verb gives its answer or an OSError, after few requests."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from ckptstore_backends import s3_session
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from bucket import Bucket
    from faulty_proxy import Fault, FaultyProxy

pytestmark = pytest.mark.usefixtures("impatient")

ONCE = ["reset before", "reset after", "503 SlowDown", "500 InternalError", "500 InternalError after", "slow"]
SILENT = ["hang", "hang after"]
FOR_EVER = [*ONCE[:-1], "409 ConditionalRequestConflict", "hang"]
MOST = 4  # two attempts, each of which aiohttp sends twice where a connection drops

CALLS: dict[str, Callable[[S3Backend], object]] = {
    "create": lambda backend: backend.create("run/new", b"mine"),
    "put": lambda backend: backend.put("run/new", b"mine"),
    "get": lambda backend: backend.get("run/old"),
    "list": lambda backend: [info.key for info in backend.list("run/old")],
    "delete": lambda backend: backend.delete(["run/old"]),
    "delete packs": lambda backend: backend.delete(["run/packs/1", "run/packs/2"]),
}
RIGHT = {"get": b"old", "list": ["run/old"]}


@pytest.fixture
def backend(bucket: Bucket, proxy: FaultyProxy) -> S3Backend:
    """Give a backend behind the proxy that knows its server."""
    options = bucket.options(proxy.url, retries={"mode": "standard", "total_max_attempts": 2})
    backend = S3Backend(f"{bucket.name}/p", storage_options=options)
    backend.create("run/other", b"x")  # and the probe before the first
    for name in ("old", "packs/1", "packs/2"):
        bucket.poke(f"p/run/{name}", b"old")
    return backend


def done(bucket: Bucket, call: str) -> bool:
    """Whether the server holds what `call` should have left."""
    return {
        "create": bucket.peek("p/run/new") == b"mine",
        "put": bucket.peek("p/run/new") == b"mine",
        "delete": bucket.peek("p/run/old") is None,
        "delete packs": bucket.peek("p/run/packs/1") is None and bucket.peek("p/run/packs/2") is None,
    }.get(call, True)


@pytest.mark.parametrize("fault", ONCE)
@pytest.mark.parametrize("call", [call for call in CALLS if call != "create"])
def test_a_short_fault_is_not_noticed(
    backend: S3Backend, bucket: Bucket, proxy: FaultyProxy, call: str, fault: Fault
) -> None:
    """A verb that may be repeated is repeated, and gives what it gives without the fault."""
    proxy.begin(lambda number, _: fault if number == 0 else None)

    assert CALLS[call](backend) == RIGHT.get(call)
    assert done(bucket, call)
    assert len(proxy.log) <= 2


@pytest.mark.parametrize("fault", SILENT)
@pytest.mark.parametrize("call", [call for call in CALLS if call != "create"])
def test_a_lost_reply_is_asked_for_again(
    backend: S3Backend, bucket: Bucket, proxy: FaultyProxy, call: str, fault: Fault
) -> None:
    """A server that falls silent once is asked once more."""
    proxy.begin(lambda number, _: fault if number == 0 else None)

    assert CALLS[call](backend) == RIGHT.get(call)
    assert done(bucket, call)
    assert len(proxy.log) == 2


@pytest.mark.parametrize("fault", ONCE)
def test_a_create_that_was_cut_short_is_there(
    backend: S3Backend, bucket: Bucket, proxy: FaultyProxy, fault: Fault
) -> None:
    """A create whose first reply was lost may say that the object exists, and then the object is its own."""
    proxy.begin(lambda number, _: fault if number == 0 else None)

    with contextlib.suppress(FileExistsError):
        backend.create("run/new", b"mine")
    assert bucket.peek("p/run/new") == b"mine"
    assert len(proxy.log) <= 2


@pytest.mark.parametrize("fault", SILENT)
def test_a_create_without_an_answer_is_sent_once(
    backend: S3Backend, bucket: Bucket, proxy: FaultyProxy, fault: Fault
) -> None:
    """A create that nobody answers is unanswered, and no twin of it is under way that could land at any later time."""
    proxy.begin(lambda number, _: fault if number == 0 else None)

    with pytest.raises(TimeoutError, match="did not answer"):
        backend.create("run/new", b"mine")
    assert proxy.log == ["create p/run/new"]
    assert (bucket.peek("p/run/new") is not None) == (fault == "hang after")


@pytest.mark.parametrize("fault", FOR_EVER)
@pytest.mark.parametrize("call", list(CALLS))
def test_a_lasting_fault_is_an_oserror(backend: S3Backend, proxy: FaultyProxy, call: str, fault: str) -> None:
    """A fault that stays is an `OSError` after few requests: never a verdict on what exists, never a wrong answer."""
    proxy.begin(lambda *_: fault)

    with pytest.raises(OSError, match=f"^{call.split(maxsplit=1)[0]} of s3://") as caught:
        CALLS[call](backend)
    own = call == "create" and fault == "reset after"
    assert not isinstance(caught.value, (FileNotFoundError, FileExistsError)) or own
    assert caught.value.__cause__ is not None
    assert 1 <= len(proxy.log) <= MOST


@pytest.mark.parametrize("fault", ["half", "flip"])
def test_a_broken_body_is_fetched_again(backend: S3Backend, proxy: FaultyProxy, fault: Fault) -> None:
    """An object that arrives short or changed is fetched once more; what goes on like that is an `OSError`."""
    proxy.begin(lambda number, _: fault if number == 0 else None)
    assert backend.get("run/other") == b"x"
    assert len(proxy.log) == 2

    proxy.begin(lambda *_: fault)
    with pytest.raises(OSError, match=r"get of s3://.*run/other"):
        backend.get("run/other")
    assert len(proxy.log) == 2


def test_a_listing_that_breaks_off_is_no_short_listing(
    backend: S3Backend, bucket: Bucket, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing has as many pages as it needs, and one that cannot be had is an `OSError`, not the end."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for number in range(5):
        bucket.poke(f"p/list/{number}", b"x")
    assert [info.key for info in backend.list("list/")] == [f"list/{number}" for number in range(5)]

    proxy.begin(lambda number, _: "503 SlowDown" if number else None)
    listing = backend.list("list/")
    assert [next(listing).key, next(listing).key] == ["list/0", "list/1"]
    with pytest.raises(OSError, match="overloaded"):
        next(listing)


def test_a_listing_out_of_order_is_refused(backend: S3Backend, proxy: FaultyProxy) -> None:
    """A server that does not list in key order would hide the newest checkpoint: an `OSError`."""
    line = "<Contents><Key>p/{}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>"
    page = f"<ListBucketResult>{line.format('b')}{line.format('a')}</ListBucketResult>".encode()
    proxy.begin(lambda *_: page)

    with pytest.raises(OSError, match="key order"):
        list(backend.list(""))


def test_a_key_that_was_not_deleted_is_an_oserror(backend: S3Backend, proxy: FaultyProxy) -> None:
    """What a request for many keys reports of one of them is not lost; one that was absent is fine."""
    error = "<DeleteResult><Error><Key>p/run/packs/2</Key><Code>{}</Code><Message>no</Message></Error></DeleteResult>"

    proxy.begin(lambda *_: error.format("AccessDenied").encode())
    with pytest.raises(PermissionError, match=r"p/run/packs/2: .*s3:DeleteObject"):
        backend.delete(["run/packs/1", "run/packs/2"])
    proxy.begin(lambda *_: error.format("InternalError").encode())
    with pytest.raises(OSError, match="p/run/packs/2"):
        backend.delete(["run/packs/1", "run/packs/2"])
    proxy.begin(lambda *_: error.format("NoSuchKey").encode())
    backend.delete(["run/packs/1", "run/packs/2"])


@pytest.mark.parametrize("answer", ["501 NotImplemented", "400 InvalidRequest"])
def test_a_server_that_deletes_one_at_a_time(
    backend: S3Backend, bucket: Bucket, proxy: FaultyProxy, answer: Fault
) -> None:
    """Where a server does not take a request for many keys, each goes by a request of its own."""
    proxy.begin(lambda number, _: answer if number == 0 else None)

    backend.delete(["run/packs/1", "run/packs/2"])
    assert proxy.log == ["delete ", "delete p/run/packs/1", "delete p/run/packs/2"]
    assert done(bucket, "delete packs")


def test_deletes_go_in_order(backend: S3Backend, bucket: Bucket, proxy: FaultyProxy) -> None:
    """A slot goes only when the one before it is gone; packs go together, after the slots that came before them."""
    proxy.begin()
    backend.delete(["run/1.json", "run/2.json", "run/packs/1", "run/packs/2"])
    assert proxy.log == ["delete p/run/1.json", "delete p/run/2.json", "delete "]

    bucket.poke("p/run/2.json", b"x")
    proxy.begin(lambda *_: "403 AccessDenied")
    with pytest.raises(PermissionError):
        backend.delete(["run/1.json", "run/2.json"])
    assert proxy.log == ["delete p/run/1.json"]


def test_an_upload_that_gets_stuck_ends(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes the connection and then no more bytes does not hold a save for ever."""
    monkeypatch.setattr(s3_session, "SLOWEST", 1 << 40)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        backend = S3Backend(bucket.name, storage_options=bucket.options(url))
        backend._session._patience = 1
        with pytest.raises(TimeoutError, match="did not answer"):
            backend.put("run/1", bytes(64 << 20))


def test_the_tries_are_few_where_nothing_else_is_said(bucket: Bucket, proxy: FaultyProxy) -> None:
    """Without `config_kwargs` an overloaded server is asked three times, and a silent one waited for a few seconds."""
    backend = S3Backend(bucket.name, storage_options=bucket.options(proxy.url))
    proxy.begin(lambda *_: "503 SlowDown")

    with pytest.raises(OSError, match="overloaded"):
        backend.put("run/1", b"x")
    assert proxy.verbs == ["put"] * 3
    waits = s3_session.CONFIG["connect_timeout"] + s3_session.CONFIG["read_timeout"]
    assert s3_session.CONFIG["retries"]["total_max_attempts"] * waits < 30


def test_nobody_there_is_an_oserror(bucket: Bucket) -> None:
    """Where nothing listens each verb is an `OSError` that tells to check the endpoint."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and never listens
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        backend = S3Backend(bucket.name, storage_options=bucket.options(url))

        for call in CALLS.values():
            with pytest.raises(OSError, match="cannot be reached: check endpoint_url"):
                call(backend)
