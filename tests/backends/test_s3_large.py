"""Large objects on S3: slow bodies are waited for, stuck ones are not, and packs are sent again."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from aiobotocore.httpsession import AIOHTTPSession

from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bucket import Bucket
    from faulty_proxy import FaultyProxy

pytestmark = pytest.mark.usefixtures("impatient")

PACK = f"run/packs/{1:012}-{'0' * 32}-0"
ATTEMPTS = 3


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """Give the URL of what answers each connection by `serve`, until the event is set."""
    over = threading.Event()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=answer, args=(client,), daemon=True).start()

    def answer(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            serve(client, over)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.skipif(not hasattr(AIOHTTPSession, "_get_request_timeout"), reason="aiobotocore 3.9.1 is what it takes")
def test_a_slow_upload_is_not_cut_off(bucket: Bucket) -> None:
    """While a slow line still sends what the system took over at once, no silence is counted."""
    size, taken = 16 << 20, [0]

    def slow_line(client: socket.socket, _: threading.Event) -> None:
        while taken[0] < size:
            taken[0] += len(client.recv(1 << 17))
            time.sleep(0.01)  # the slowness itself: 13 MB/s
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with listening(slow_line) as url:
        options = bucket.options(url, read_timeout=0.1, retries={"mode": "standard", "total_max_attempts": 1})
        S3Backend(bucket.name, storage_options=options).put("run/1", bytes(size))

    assert taken[0] >= size


def test_a_silent_server_is_given_up(bucket: Bucket) -> None:
    """A server that takes a request and says nothing holds nobody longer than the read timeout."""

    def silent(client: socket.socket, over: threading.Event) -> None:
        client.recv(1 << 16)
        over.wait()

    with listening(silent) as url:
        options = bucket.options(url, read_timeout=0.05, retries={"mode": "standard", "total_max_attempts": 2})
        with pytest.raises(TimeoutError, match="did not answer in time"):
            S3Backend(bucket.name, storage_options=options).get("run/1")


def test_a_body_that_trickles_ends(bucket: Bucket) -> None:
    """A server that sends a byte now and then, never silent for long, does not hold a load for ever."""

    def trickle(client: socket.socket, over: threading.Event) -> None:
        client.recv(1 << 16)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n")
        while not over.wait(0.01):
            client.sendall(b"x")

    with listening(trickle) as url:
        backend = S3Backend(bucket.name, storage_options=bucket.options(url))
        backend._session._patience = 0  # what remains is 0.3 seconds, for the size of the body
        with pytest.raises(TimeoutError, match="did not answer in time"):
            backend.get("run/1")


def test_bytes_are_sent_as_they_are(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack, one `bytes` object, is not copied again on its way; views and several buffers are, as botocore asks."""
    backend = S3Backend(bucket.name, storage_options=bucket.options())
    backend.create("run/0", b"")
    sent: list[Any] = []
    monkeypatch.setattr(backend._session, "call", lambda *_, **params: sent.append(params["Body"]))
    pack = bytes(1000)

    backend.create("run/1", pack)
    backend.put("run/2", memoryview(pack))
    backend.put("run/3", [pack[:500], memoryview(bytearray(500))])

    assert sent[0] is pack
    assert [(type(body), body == pack) for body in sent] == [(bytes, True)] * 3


@pytest.mark.parametrize("fault", ["hang", "hang after", "reset before", "reset after"])
@pytest.mark.parametrize("lasting", [False, True])
def test_a_pack_without_an_answer_is_sent_again(bucket: Bucket, proxy: FaultyProxy, fault: str, lasting: bool) -> None:
    """A pack is nobody else's, so one that got no answer is sent again, and stands; a few times at most."""
    options = bucket.options(proxy.url, retries={"mode": "standard", "total_max_attempts": ATTEMPTS})
    backend = S3Backend(bucket.name, storage_options=options)
    backend.create("run/other", b"x")
    proxy.begin(lambda number, _: fault if lasting or number == 0 else None)

    try:
        backend.create(PACK, b"chunks")
    except FileExistsError:
        assert fault.endswith("after")
    except OSError:
        assert lasting
    assert (bucket.peek(PACK) == b"chunks") or (lasting and not fault.endswith("after"))
    assert len(proxy.log) <= (2 * ATTEMPTS if lasting else 2)  # aiohttp sends twice where a connection drops


@pytest.mark.parametrize("prefix", ["", "some/packs/", "packs/"])
@pytest.mark.parametrize("run", ["run", "packs"])
def test_slots_go_in_order_wherever_they_are(bucket: Bucket, proxy: FaultyProxy, prefix: str, run: str) -> None:
    """Under any prefix and in any run, slots go one after the other, and only packs together."""
    backend = S3Backend(f"{bucket.name}/{prefix}", storage_options=bucket.options(proxy.url))
    proxy.begin()

    slots = [f"{run}/{number:012}.json" for number in (1, 2)]
    backend.delete([*slots, f"{run}/packs/1", f"{run}/packs/2"])

    assert proxy.log == [*(f"delete {prefix}{slot}" for slot in slots), "delete "]
