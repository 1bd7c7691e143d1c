"""
Objects in an S3 bucket, through s3fs.

What must be exclusive is one PUT with `If-None-Match: *`, never a multipart upload, whose conditions servers ignore.
Not every server honours it on a PUT either, and one that does not would let two writers overwrite each other without
a word. So before its first create a process creates an object of ours, `.ckptstore-probe`, until that is refused: one
request, two where nobody has done it before. It stays there, no listing shows it, and nothing of the user's is touched;
a look at the first create itself would come too late, when it had overwritten something. Likewise with `If-Match`,
which fewer servers honour: an update of the probe with a tag that no object has must be refused.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from ckptstore.backend import Data, NotExclusiveError, ObjectInfo
from ckptstore.filled import Filled
from ckptstore_backends.base import PROBE, PROBE_TEXT, check_key, check_prefix, is_pack
from ckptstore_backends.s3_errors import refused, reply
from ckptstore_backends.s3_session import LARGE, Session, fill, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ckptstore_backends.s3_session import Take

T = TypeVar("T")

BATCH = 1000  # keys in one DeleteObjects
ROOM = 64 * 1024 * 1024  # bytes that are made room for before it is known how many come

_exclusive: dict[tuple[str, str], bool] = {}
"""(endpoint, bucket) -> whether the server honours If-None-Match: a fact about the server, so a fork may inherit it."""

_compares: dict[tuple[str, str], bool] = {}
"""The same of If-Match."""

NO_TAG = '"00000000000000000000000000000000"'
"""No object has it: nobody knows bytes whose MD5 this is, and other ETags have other forms."""


class S3Backend:
    """
    Objects below `bucket_and_prefix` ("bucket/some/prefix"), as `storage_options` of s3fs reach them.

    A server that is silent, down or overloaded is an `OSError` within some 20 seconds, unless `config_kwargs` say
    otherwise. `ImportError` where s3fs is missing. `single_writer`: the caller promises one writer at a time, for
    servers that ignore conditions.
    """

    far = True

    def __init__(
        self, bucket_and_prefix: str, *, storage_options: Mapping[str, object], single_writer: bool = False
    ) -> None:
        self._name = bucket_and_prefix.removesuffix("/")
        if not self._name:
            raise ValueError("an s3:// URL names a bucket: s3://bucket/prefix")
        bucket, _, prefix = check_key(self._name).partition("/")
        self._prefix = prefix and f"{prefix}/"
        self._session = Session(bucket, storage_options)
        self._single_writer = single_writer

    def __repr__(self) -> str:
        return f"S3Backend('s3://{self._name}')"

    def create(self, key: str, data: Data) -> None:
        """
        Exclusive, atomic, durable on return; `FileExistsError` for everyone but the first.

        That may be this very call, where its first reply was lost and the request sent again below us: whoever has to
        know reads the object back, as a save does. What is large is sent as it lies in memory.
        """
        path, body = self._prefix + check_key(key), self._session.body(data)
        if not self._single_writer:
            self._refuse_inexclusive()
            self._put("create", path, body, IfNoneMatch="*")  # of an empty body too: s3fs's touch() is unconditional
            return
        try:
            self._get(path, 0, 1)
        except FileNotFoundError:
            self._put("put", path, body)
        else:
            raise FileExistsError(key)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:  # noqa: ARG002 - all that is stored is durable
        """Atomic replacement."""
        self._put("put", self._prefix + check_key(key), self._session.body(data))

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes, or a slice of them, by one request; `FileNotFoundError`."""
        if end is not None and LARGE <= end - (start or 0) <= ROOM:
            filled = Filled(end - (start or 0))  # aiohttp would join what comes, by a copy
            with filled.view() as view:
                size = self.read_into(key, start or 0, view)
            return filled.value()[:size]
        return self._get(self._prefix + check_key(key), start or 0, end)[0]

    def compares(self) -> bool:
        """Whether the server is known to honour If-Match; a request finds out, once in a process."""
        if self._single_writer:
            return False
        where = (self._session.endpoint, self._session.bucket)
        if where not in _compares:
            self._refuse_inexclusive()  # this made the probe, if nobody had
            _compares[where] = self._refuses_no_tag()
        return _compares[where]

    def get_tagged(self, key: str, end: int) -> tuple[bytes, str]:
        """As `get` up to `end`, with the object's ETag."""
        path = self._prefix + check_key(key)
        data, answer = self._get(path, 0, end)
        if "ETag" not in answer:  # an empty object has no range
            data, answer = self._get(path, 0, None)
        return data, answer.get("ETag", NO_TAG)

    def update(self, key: str, data: Data, tag: str | None) -> str | None:
        """Replacement of the object whose ETag is `tag`, or of none, by one request; -> its ETag, None if refused."""
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            answer = self._put("update", self._prefix + check_key(key), self._session.body(data), **condition)
        except FileNotFoundError:
            return None
        except FileExistsError:
            with suppress(FileNotFoundError):  # it was removed meanwhile
                if tag is not None and self.get_tagged(key, 1)[1] == tag:  # it refuses the very tag that it gives
                    _compares[self._session.endpoint, self._session.bucket] = False
            return None
        new: str = answer.get("ETag", NO_TAG)
        return new

    def read_into(self, key: str, start: int, *into: memoryview) -> int:
        """As `get`, by one request, into memory as it comes: how many bytes that were."""
        end = start + sum(map(len, into))
        found = self._fetch(self._prefix + check_key(key), start, end, partial(fill, start, into))
        return found[1] if found else 0

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with `prefix` and is above `after`, in key order; pages of 1000, when reached."""
        check_prefix(prefix)
        return self._list(self._prefix + prefix, self._prefix + after)

    def delete(self, keys: Iterable[str]) -> None:
        """
        Remove, in the order given; absent keys are fine.

        Packs that follow each other go by the thousand: nothing depends on their order, and S3 promises none within a
        request. Of anything else, an earlier key is gone before a later one goes.
        """
        for are_packs, group in groupby([check_key(key) for key in keys], is_pack):
            some = [self._prefix + key for key in group]
            step = BATCH if are_packs else 1
            for first in range(0, len(some), step):
                self._delete(some[first : first + step])

    def _put(self, verb: str, path: str, body: Any, **params: object) -> dict[str, Any]:  # noqa: ANN401 - bytes, or as them
        return self._session.call(verb, "put_object", path, Key=path, Body=body, size=len(body), **params)

    def _get(self, path: str, start: int, end: int | None) -> tuple[bytes, dict[str, Any]]:
        found = self._fetch(path, start, end, read)
        if found is None:
            return b"", {}
        answer, data = found
        if "ContentRange" not in answer:  # the whole of it, whatever was asked for
            return data[start:end], answer
        return (data if end is None else data[: max(0, end - start)]), answer

    def _fetch(self, path: str, start: int, end: int | None, take: Take[T]) -> tuple[dict[str, Any], T] | None:
        """The answer to a GET of a slice, and what `take` makes of it; None where the object ends before."""
        params = {}
        if start or end is not None:
            # An empty range cannot be asked for, and whether the object exists must be known all the same.
            params["Range"] = f"bytes={start}-" if end is None else f"bytes={start}-{max(start, end - 1)}"
        try:
            return self._session.fetch(path, take, **params)
        except OSError as exc:
            answered = reply(exc)
            if params and answered and (answered.status == 416 or answered.code == "InvalidRange"):
                return None
            raise

    def _list(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        last = after if after > prefix else ""
        more: dict[str, Any] = {"StartAfter": last} if last else {}
        while True:
            page = self._session.call("list", "list_objects_v2", prefix, Prefix=prefix, **more)
            for item in page.get("Contents", ()):
                if item["Key"] <= last:
                    raise OSError(
                        f"list of s3://{self._session.bucket}/{prefix}: the server does not list in key order"
                    )
                last = item["Key"]
                key = last.removeprefix(self._prefix)
                if key and not key.endswith("/") and key != PROBE:  # "a/" is what consoles make to show a folder
                    yield ObjectInfo(key, item["Size"], item["LastModified"].astimezone(UTC))
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page.get("NextContinuationToken")}

    def _delete(self, paths: Sequence[str]) -> None:
        if len(paths) == 1:
            with suppress(FileNotFoundError):  # most servers do not even say so
                self._session.call("delete", "delete_object", paths[0], Key=paths[0])
            return
        named = {"Objects": [{"Key": path} for path in paths], "Quiet": True}
        try:
            answer = self._session.call("delete", "delete_objects", paths[0], Delete=named)
        except OSError as exc:
            answered = reply(exc)
            if answered is None or answered.status not in {400, 405, 501}:
                raise
            for path in paths:  # not every server knows DeleteObjects, and some want an MD5 that botocore does not send
                self._delete([path])
            return
        for error in answer.get("Errors", ()):
            if error.get("Code") != "NoSuchKey":
                raise refused(error, self._session.bucket, str(error.get("Key")))

    def _refuse_inexclusive(self) -> None:
        """Return where the server is known to honour conditions; find it out where nothing is known."""
        where = (self._session.endpoint, self._session.bucket)
        if where not in _exclusive:
            _exclusive[where] = self._probe()
        if not _exclusive[where]:
            raise NotExclusiveError(
                f"{self._session.endpoint}, bucket {self._session.bucket!r}: this server (or a botocore before "
                "1.35.20) ignores If-None-Match, so two writers could overwrite each other: use another, or promise "
                "with single_writer=True that only one process saves at a time",
            )

    def _refuses_no_tag(self) -> bool:
        """Whether an update with a tag that fits no object is refused; an `OSError` where the server does not say."""
        try:
            self._put("update", self._prefix + PROBE, PROBE_TEXT, IfMatch=NO_TAG)
        except (FileExistsError, FileNotFoundError):
            return True
        except NotExclusiveError:
            pass
        return False

    def _probe(self) -> bool:
        """Whether the second of two creates is refused; an `OSError` where the server does not say."""
        for _ in range(2):
            try:
                self._put("create", self._prefix + PROBE, PROBE_TEXT, IfNoneMatch="*")
            except FileExistsError:
                return True
            except NotExclusiveError:
                return False
        return False
