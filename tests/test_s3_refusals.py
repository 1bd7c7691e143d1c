"""What a user of the store on S3 is told who gave the wrong bucket, rights, credentials, clock, region or URL."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from bucket import KEYS
from faulty_proxy import FaultyProxy
from places import InBucket, s3_server, slot

from ckptstore import BackendError, CheckpointStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPERATIONS: dict[str, Callable[[CheckpointStore], object]] = {
    "save": lambda store: store.save("run", 3),
    "load": lambda store: store.load("run"),
}
ANSWERS = {
    "404 NoSuchBucket": "there is no such bucket: create it, or correct the URL",
    "403 AccessDenied": "access is denied: allow s3:",
    "403 ExpiredToken": "the credentials have expired: renew them",
    "403 SignatureDoesNotMatch": "check key, secret and endpoint_url",
    "403 RequestTimeTooSkewed": "clock differs from the server's: set it right",
    "301 PermanentRedirect": "in another region, eu-north-7: give storage_options",
    "400 AuthorizationHeaderMalformed": "in another region, eu-north-7: give storage_options",
    "503 SlowDown": "the server is overloaded",
}
MOST = 6  # requests of an operation that gets nowhere


@pytest.fixture(scope="module")
def proxy() -> Iterator[FaultyProxy]:
    """Give a proxy in front of the server."""
    server = s3_server()
    proxy = FaultyProxy(server.host, server.port)
    yield proxy
    proxy.stop()


def opened(place: InBucket, retention: int | None = None) -> CheckpointStore:
    """Open a store with a connection of its own."""
    return CheckpointStore(place.url, storage_options=place.storage_options, retention=retention)


@pytest.fixture
def place(proxy: FaultyProxy) -> InBucket:
    """Give a place with two checkpoints, reached through the proxy, where nobody tries again."""
    proxy.begin()
    place = InBucket()
    once = {"mode": "standard", "total_max_attempts": 1}
    place.storage_options = place.bucket.options(proxy.url, retries=once)
    store = opened(place)
    for state in (1, 2):
        store.save("run", state)
    return place


def refused(operate: Callable[[], object]) -> str:
    """What the `BackendError` says that `operate` ends in."""
    with pytest.raises(BackendError) as caught:
        operate()
    said = str(caught.value)
    assert said.startswith(("run 'run': the storage failed: ", "run 'run', checkpoint 3: "))
    assert KEYS["secret"] not in said
    assert isinstance(caught.value.__cause__, OSError)
    return said


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_each_refusal_says_the_way_out(place: InBucket, proxy: FaultyProxy, answer: str, operation: str) -> None:
    """A refused save or load changes nothing, tells what to do, and the same store goes on when that is done."""
    store = opened(place)
    store.load("run")
    before = place.objects()
    proxy.begin(lambda *_: answer)

    assert ANSWERS[answer] in refused(lambda: OPERATIONS[operation](store))
    assert place.objects() == before
    assert len(proxy.log) <= MOST

    proxy.begin()
    assert store.save("run", 3).number == 3
    assert store.load("run") == 3


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_refusal_names_the_checkpoint(place: InBucket, proxy: FaultyProxy, operation: str) -> None:
    """The error names the object, and a save its number, of what could not be saved or loaded."""
    store = opened(place)
    store.load("run")
    proxy.begin(lambda *_: "403 AccessDenied")

    if operation == "save":
        said = refused(lambda: store.save("run", 3))
        assert said.startswith("run 'run', checkpoint 3: ")
    else:
        said = refused(lambda: store.load("run", at=1))
    assert f"/{place.prefix}{slot(3 if operation == 'save' else 1)}: " in said


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_absent_bucket_is_no_empty_store(place: InBucket, operation: str) -> None:
    """In a bucket that does not exist nothing is saved, and nothing is reported as not found."""
    store = CheckpointStore(f"s3://{place.bucket.name}-typo/p", storage_options=place.storage_options)

    assert "there is no such bucket" in refused(lambda: OPERATIONS[operation](store))


def denied(proxy: FaultyProxy, denied: str) -> None:
    """Let the server deny one verb."""
    proxy.begin(lambda _, verb: "403 AccessDenied" if verb == denied else None)


def test_who_may_not_create_may_load(place: InBucket, proxy: FaultyProxy) -> None:
    """Where creating is denied a save is refused and names the right; a load works."""
    store = opened(place)
    denied(proxy, "create")

    assert store.load("run") == 2
    assert "allow s3:PutObject" in refused(lambda: store.save("run", 3))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_who_may_not_read_may_do_nothing(place: InBucket, proxy: FaultyProxy, operation: str) -> None:
    """Where reading is denied a load is refused, and so is a save, which could not prove itself."""
    store = opened(place)
    denied(proxy, "get")

    assert "allow s3:GetObject" in refused(lambda: OPERATIONS[operation](store))


@pytest.mark.parametrize(("verb", "said"), [("put", "latest.json could not be"), ("delete", "could not be pruned")])
def test_who_may_not_tidy_up_is_warned(place: InBucket, proxy: FaultyProxy, verb: str, said: str) -> None:
    """Where replacing the hint or removing is denied, a save stands, and a warning says what is left to do."""
    store = opened(place, retention=2)
    store.load("run")
    denied(proxy, verb)

    with pytest.warns(RuntimeWarning, match=f"is saved, but .*{said}.*access is denied"):
        assert store.save("run", 3).number == 3
    proxy.begin()
    assert opened(place).load("run") == 3


def test_who_may_not_list_may_save_and_load(place: InBucket, proxy: FaultyProxy) -> None:
    """Where listing is denied, what asks for a list is refused, and the daily work goes on."""
    store = opened(place)
    denied(proxy, "list")

    assert store.load("run") == 2
    assert store.save("run", 3).number == 3
    assert "allow s3:ListBucket" in refused(lambda: store.prune("run"))
    with pytest.raises(BackendError, match="allow s3:ListBucket"):
        store.runs()


def test_without_the_extra_the_store_does_not_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where s3fs is missing the constructor says what to install."""
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(ImportError, match=r'pip install "ckptstore\[s3\]"'):
        CheckpointStore("s3://bucket/p")


@pytest.mark.parametrize("url", ["s4://bucket/p", "S3X://bucket", "https3://bucket/p"])
def test_an_unknown_scheme_is_refused(url: str) -> None:
    """A scheme that nothing serves is a `ValueError` of the constructor that lists what there is."""
    with pytest.raises(ValueError, match=r"no backend serves .*there are: .*s3://"):
        CheckpointStore(url)


@pytest.mark.parametrize("options", [{"key": "x"}, {"secret": "y"}])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_half_of_the_credentials_are_none(
    place: InBucket, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], operation: str
) -> None:
    """A key without its secret, or a secret alone, is refused with the ways to give both."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    store = CheckpointStore(place.url, storage_options={"endpoint_url": place.bucket.url, **options})

    assert "no usable credentials" in refused(lambda: OPERATIONS[operation](store))
