"""What S3, botocore, aiohttp and s3fs raise, as the standard library's own errors that say what to do: one table."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ckptstore.backend import NotExclusiveError

ACTIONS = {
    "create": "s3:PutObject",
    "update": "s3:PutObject",
    "put": "s3:PutObject",
    "get": "s3:GetObject",
    "list": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
"""Each verb and the IAM action that it needs."""


class Reply(NamedTuple):
    """What the server answered: its status and error code, and what it says of itself."""

    status: int
    code: str
    message: str
    region: str


_NO_KEYS = (
    'no usable credentials: give storage_options={"key": …, "secret": …}, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID '
    "and AWS_SECRET_ACCESS_KEY"
)
_RENEW = "the credentials have expired: renew them (a store that is told none finds renewed ones by itself)"
_KEYS = "the server does not accept these credentials: check key, secret and endpoint_url"
_REGION = 'the bucket is in another region{region}: give storage_options={{"client_kwargs": {{"region_name": "…"}}}}'
_BUSY = (
    "the server is overloaded or limits the rate of requests: save less often, or allow more attempts, with "
    'storage_options={{"config_kwargs": {{"retries": {{"mode": "standard", "total_max_attempts": 10}}}}}}'
)

_CHECKSUMS = (
    "the server does not understand the checksums that botocore sends: give "
    'storage_options={{"config_kwargs": {{"request_checksum_calculation": "when_required"}}}}'
)

# By code, because gateways differ in the status they send with it.
_BY_CODE: dict[str, tuple[type[OSError], str]] = {
    "NoSuchBucket": (OSError, "there is no such bucket: create it, or correct the URL or endpoint_url"),
    "ExpiredToken": (PermissionError, _RENEW),
    "ExpiredTokenException": (PermissionError, _RENEW),
    "TokenRefreshRequired": (PermissionError, _RENEW),
    "InvalidAccessKeyId": (PermissionError, _KEYS),
    "InvalidToken": (PermissionError, _KEYS),
    "SignatureDoesNotMatch": (PermissionError, _KEYS),
    "RequestTimeTooSkewed": (PermissionError, "this machine's clock differs from the server's: set it right"),
    "PermanentRedirect": (OSError, _REGION),
    "TemporaryRedirect": (OSError, _REGION),
    "AuthorizationHeaderMalformed": (OSError, _REGION),
    "IllegalLocationConstraintException": (OSError, _REGION),
    "SlowDown": (OSError, _BUSY),
    "Throttling": (OSError, _BUSY),
    "ThrottlingException": (OSError, _BUSY),
    "RequestLimitExceeded": (OSError, _BUSY),
    "TooManyRequests": (OSError, _BUSY),
    "EntityTooLarge": (OSError, "the server does not take objects of this size in one request"),
    "MissingContentLength": (OSError, _CHECKSUMS),
}
_BY_STATUS: dict[int, tuple[type[OSError], str]] = {
    301: (OSError, _REGION),
    307: (OSError, _REGION),
    401: (PermissionError, _KEYS),
    404: (OSError, "what answers there is not S3, or has no such bucket: check the URL and endpoint_url"),
    409: (OSError, "another request for it was under way: try again"),
    411: (OSError, _CHECKSUMS),
    429: (OSError, _BUSY),
    503: (OSError, _BUSY),
}


@cache
def failures() -> tuple[type[Exception], ...]:
    """What a request may raise; botocore's and aiohttp's errors are no OSErrors, and ResponseParserError is neither."""
    import aiohttp  # noqa: PLC0415 - heavy, and loaded by s3fs already
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - heavy
    from botocore.parsers import ResponseParserError  # noqa: PLC0415 - heavy

    return (OSError, BotoCoreError, ClientError, ResponseParserError, aiohttp.ClientError)


def reply(exc: BaseException | None) -> Reply | None:
    """What the server answered; None where no answer came, or none that is understood."""
    while exc is not None:
        response: dict[str, Any] | None = getattr(exc, "response", None)
        if isinstance(response, dict):
            error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
            headers = meta.get("HTTPHeaders", {})
            region = error.get("Region") or headers.get("x-amz-bucket-region") or ""
            return Reply(
                meta.get("HTTPStatusCode", 0), str(error.get("Code", "")), str(error.get("Message") or ""), region
            )
        exc = exc.__cause__
    return None


def translated(exc: Exception, verb: str, bucket: str, key: str) -> OSError:
    """
    What to raise for `exc`, met by `verb` on `key` of `bucket`.

    `FileExistsError` only where the server says that a condition failed, `FileNotFoundError` only where it says that
    there is no such key; never by errno, which s3fs sets to EINVAL for a lost create and for a bad range alike.
    """
    where = f"{verb} of s3://{bucket}/{key}"
    answer = reply(exc)
    if answer is None:
        return _unanswered(exc, where)
    conditional = verb in {"create", "update"}
    if conditional and (answer.status == 412 or answer.code == "PreconditionFailed"):
        return FileExistsError(f"{where}: another one is there")
    if conditional and (answer.status == 501 or answer.code == "NotImplemented"):
        return NotExclusiveError(f"{where}: the server refuses conditions ({_said(answer)})")
    if verb in {"get", "delete", "update"} and answer.code == "NoSuchKey":
        return FileNotFoundError(f"{where}: there is none")
    kind, advice = _advice(answer, verb)
    region = f", {answer.region}" if answer.region else ""
    return kind(f"{where}: {advice.format(region=region)} ({_said(answer)})")


def refused(error: dict[str, Any], bucket: str, key: str) -> OSError:
    """What to raise for an `error` that a request for many keys reports of one."""
    answer = Reply(0, str(error.get("Code", "")), str(error.get("Message") or ""), "")
    kind, advice = _advice(answer, "delete")
    return kind(f"delete of s3://{bucket}/{key}: {advice.format(region='')} ({_said(answer)})")


def _advice(answer: Reply, verb: str) -> tuple[type[OSError], str]:
    if found := _BY_CODE.get(answer.code):
        return found
    if answer.status == 403 or answer.code == "AccessDenied":
        advice = f"access is denied: allow {ACTIONS[verb]} to these credentials"
        if verb == "get":  # S3 does not tell those who may not list whether a key exists
            advice += "; if that is allowed, allow s3:ListBucket: without it S3 denies what does not exist"
        return PermissionError, advice
    failed = "the server refuses that" if 400 <= answer.status < 500 else "the server failed"
    return _BY_STATUS.get(answer.status, (OSError, failed))


def _said(answer: Reply) -> str:
    return " ".join(filter(None, [str(answer.status or ""), answer.code, answer.message]))


def _unanswered(exc: Exception, where: str) -> OSError:
    """No answer of the server: what stopped the request, or the reply."""
    for kinds, error, advice in _stops():
        if isinstance(exc, kinds):
            return error(f"{where}: {advice} ({str(exc) or type(exc).__name__})")
    return OSError(f"{where}: the connection broke off ({exc!r})")


@cache
def _stops() -> list[tuple[tuple[type[Exception], ...], type[OSError], str]]:
    """What stops a request before there is an answer, the first that fits."""
    from botocore import exceptions as boto  # noqa: PLC0415 - heavy, and loaded by s3fs already

    keys = (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError)
    tokens = (boto.NoAuthTokenError, boto.TokenRetrievalError, boto.SSOError)
    unreached = (boto.EndpointConnectionError, boto.ConnectTimeoutError, boto.ProxyConnectionError)
    wrong = (boto.ParamValidationError, boto.ValidationError, boto.ProfileNotFound, boto.NoRegionError)
    return [
        ((*keys, *tokens), PermissionError, _NO_KEYS),
        ((boto.SSLError,), OSError, "no secure connection: check endpoint_url and the certificates"),
        (unreached, OSError, "the server cannot be reached: check endpoint_url and the network"),
        ((boto.ReadTimeoutError, TimeoutError), TimeoutError, "the server did not answer in time"),
        ((boto.FlexibleChecksumError,), OSError, "what came is not what its checksum says"),
        (wrong, OSError, "the request could not be made: check the URL and storage_options"),
    ]
