"""What the S3 backend says when it is refused: the kind of error, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from bucket import KEYS, Bucket

from ckptstore.backend import NotExclusiveError
from ckptstore_backends import s3
from ckptstore_backends.base import PROBE
from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from faulty_proxy import FaultyProxy

pytestmark = pytest.mark.usefixtures("impatient")

CALLS: dict[str, Callable[[S3Backend], object]] = {
    "create": lambda backend: backend.create("run/new", b"x"),
    "put": lambda backend: backend.put("run/2", b"x"),
    "get": lambda backend: backend.get("run/1", 0, 9),
    "list": lambda backend: list(backend.list("run/")),
    "delete": lambda backend: backend.delete(["run/3"]),
}
ACTION = {"create": "PutObject", "put": "PutObject", "get": "GetObject", "list": "ListBucket", "delete": "DeleteObject"}
SAYINGS = {
    "404 NoSuchBucket": (OSError, "no such bucket"),
    "404 Nonsense": (OSError, "is not S3"),
    "403 ExpiredToken": (PermissionError, "have expired: renew"),
    "400 ExpiredToken": (PermissionError, "have expired: renew"),
    "403 InvalidAccessKeyId": (PermissionError, "check key, secret"),
    "403 SignatureDoesNotMatch": (PermissionError, "check key, secret"),
    "403 RequestTimeTooSkewed": (PermissionError, "clock"),
    "301 PermanentRedirect": (OSError, "another region, eu-north-7: .*region_name"),
    "400 IllegalLocationConstraintException": (OSError, "another region, eu-north-7"),
    "503 SlowDown": (OSError, "overloaded"),
    "429 Whatever": (OSError, "overloaded"),
    "500 InternalError": (OSError, "server failed .500 InternalError the proxy says so"),
    "411 MissingContentLength": (OSError, "request_checksum_calculation"),
    "418 Teapot": (OSError, "server refuses that .418 Teapot"),
}


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know of no server whether it honours conditions."""
    monkeypatch.setattr(s3, "_exclusive", {})


@pytest.fixture
def backend(bucket: Bucket, proxy: FaultyProxy) -> S3Backend:
    """Give a backend behind the proxy that has seen its server work."""
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url))
    backend.create("run/0", b"x")
    return backend


@pytest.mark.parametrize("answer", list(SAYINGS))
def test_an_error_says_what_to_do(backend: S3Backend, proxy: FaultyProxy, answer: str) -> None:
    """Each answer has its kind of `OSError` and its advice, in every verb, and never passes for an absent object."""
    kind, saying = SAYINGS[answer]
    proxy.begin(lambda *_: answer)

    for call in CALLS.values():
        with pytest.raises(kind, match=saying) as caught:
            call(backend)
        assert type(caught.value) is kind
        assert KEYS["secret"] not in str(caught.value)


@pytest.mark.parametrize("verb", list(CALLS))
def test_a_denied_verb_names_its_permission(backend: S3Backend, bucket: Bucket, proxy: FaultyProxy, verb: str) -> None:
    """Where access is denied to one verb alone the error names what to allow for it, and the others work."""
    bucket.poke("p/run/1", b"x")
    proxy.begin(lambda _, used: "403 AccessDenied" if used == verb else None)

    for name in CALLS.keys() - {verb}:
        CALLS[name](backend)
    with pytest.raises(PermissionError, match=f"allow s3:{ACTION[verb]} ") as caught:
        CALLS[verb](backend)
    assert ("allow s3:ListBucket: without it" in str(caught.value)) == (verb == "get")


def test_an_absent_bucket_is_no_absent_object(bucket: Bucket) -> None:
    """A bucket that does not exist is an `OSError` that names it, in every verb: not an empty store."""
    backend = S3Backend(f"{bucket.name}-typo/p", storage_options=bucket.options())

    for call in CALLS.values():
        with pytest.raises(OSError, match=f"{bucket.name}-typo.*no such bucket") as caught:
            call(backend)
        assert type(caught.value) is OSError


def test_without_credentials(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no credentials at all the error tells how to give some."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    backend = S3Backend(bucket.name, storage_options={"endpoint_url": bucket.url})

    for call in CALLS.values():
        with pytest.raises(PermissionError, match=r"no usable credentials: give storage_options=\{\"key\""):
            call(backend)


@pytest.mark.parametrize(
    ("options", "name"),
    [({"profile": "no-such-profile"}, "bucket"), ({**KEYS, "endpoint_url": "http://127.0.0.1:1"}, "Not_A_Bucket!")],
)
def test_wrong_settings_are_oserrors(options: dict[str, object], name: str) -> None:
    """What botocore itself refuses is an `OSError` as well, and points to the URL and the options."""
    backend = S3Backend(name, storage_options=options)

    for call in CALLS.values():
        with pytest.raises(OSError, match="check the URL and storage_options"):
            call(backend)


@pytest.mark.usefixtures("unknown")
def test_the_probe_costs_little_and_leaves_no_trace_in_listings(bucket: Bucket, proxy: FaultyProxy) -> None:
    """The first create at all asks twice, a process's first once, any other not at all; no listing shows the probe."""
    options = bucket.options(proxy.url)
    for seen in (["probe", "probe", "create"], ["create"]):
        proxy.begin()
        S3Backend(f"{bucket.name}/p", storage_options=options).create(f"run/{len(seen)}", b"x")
        assert proxy.verbs == seen

    s3._exclusive.clear()
    proxy.begin()
    backend = S3Backend(f"{bucket.name}/p", storage_options=options)
    backend.create("run/9", b"x")
    assert proxy.verbs == ["probe", "create"]
    assert [info.key for info in backend.list("")] == ["run/1", "run/3", "run/9"]
    assert bucket.keys() == [f"p/{PROBE}", "p/run/1", "p/run/3", "p/run/9"]


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("fault", ["unconditional", "501 NotImplemented"])
def test_a_server_without_conditions_is_refused(bucket: Bucket, proxy: FaultyProxy, fault: str) -> None:
    """A server that ignores or refuses If-None-Match is found out before it overwrites anything, and told so."""
    bucket.poke("p/run/1", b"first")
    proxy.begin(lambda *_: fault)
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url))

    for _ in range(2):
        with pytest.raises(NotExclusiveError, match="single_writer=True"):
            backend.create("run/1", b"second")
    assert bucket.peek("p/run/1") == b"first"
    assert set(proxy.verbs) == {"probe"}
    assert len(proxy.log) <= 3


@pytest.mark.usefixtures("unknown")
def test_a_single_writer_needs_no_conditions(bucket: Bucket, proxy: FaultyProxy) -> None:
    """With `single_writer` a create looks whether the object exists, sends no condition, and tries none out."""
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url), single_writer=True)

    backend.create("run/1", b"first")
    with pytest.raises(FileExistsError):
        backend.create("run/1", b"second")
    assert bucket.peek("p/run/1") == b"first"
    assert proxy.verbs == ["get", "put", "get"]


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("fault", ["403 AccessDenied", "500 InternalError"])
def test_a_probe_that_fails_is_no_verdict(bucket: Bucket, proxy: FaultyProxy, fault: str) -> None:
    """Where the probe gets no answer nothing is known of the server: an `OSError`, and the next create asks again."""
    proxy.begin(lambda *_: fault)
    backend = S3Backend(f"{bucket.name}/p", storage_options=bucket.options(proxy.url))
    with pytest.raises(OSError, match=r"create of s3://.*probe") as caught:
        backend.create("run/1", b"x")
    assert not isinstance(caught.value, (NotExclusiveError, FileExistsError))

    proxy.begin()
    backend.create("run/1", b"x")
    assert bucket.peek("p/run/1") == b"x"


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint_url": "127.0.0.1:9000"},
        {"endpoint_url": 5},
        {"endpont_url": "http://127.0.0.1:9000"},
        {"config_kwargs": {"nonsense": 1}},
        {"client_kwargs": "text"},
    ],
)
def test_options_that_nobody_takes_are_an_error_of_the_storage(options: dict[str, object]) -> None:
    """What s3fs or botocore refuse, such as a misspelt option, is an OSError that says where to look."""
    backend = S3Backend("bucket", storage_options={"key": "any", "secret": "any", **options})

    with pytest.raises(OSError, match=r"refuse these storage_options.*endpoint_url begins with http"):
        backend.get("run/1")


@pytest.mark.parametrize("given", ["text", 5, {"read_timeout": "x"}, {"connect_timeout": True}])
def test_config_that_cannot_be_is_refused_at_once(given: object) -> None:
    """Config of the wrong type is a TypeError that names it, before any request."""
    with pytest.raises(TypeError, match="config_kwargs"):
        S3Backend("bucket", storage_options={"config_kwargs": given})
