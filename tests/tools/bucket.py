"""An S3 server in this process, and its buckets as seen without the backend that is tested."""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = {"key": "AKIDEXAMPLE", "secret": "a-secret-that-must-not-show"}
PATIENT = {"connect_timeout": 60, "read_timeout": 60}  # seconds: a busy machine is no dead server
_names = (f"bucket-{number}" for number in itertools.count())


def _items(keys: dict[str, list[Any]]) -> Iterator[tuple[str, Any]]:
    """What a listing looks at, in the place of moto's own: that fails where a key goes meanwhile."""
    return ((key, versions[-1]) for key, versions in dict(keys).items() if versions)


class Server:
    """moto's S3 on a free port of the loopback; its check-then-store of a conditional PUT is made atomic here."""

    def __init__(self) -> None:
        from aiobotocore.session import AioSession  # noqa: PLC0415 - heavy, and optional
        from botocore.config import Config  # noqa: PLC0415 - heavy, and optional
        from botocore.session import Session  # noqa: PLC0415 - heavy, and optional
        from moto import backends  # noqa: PLC0415 - heavy, and optional
        from moto.s3.responses import S3Response  # noqa: PLC0415 - heavy, and optional
        from moto.s3.utils import _VersionedKeyStore  # noqa: PLC0415 - heavy, and optional
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 - heavy, and optional

        self._patched = cast("Any", S3Response)
        self._real = self._patched.put_object
        lock = threading.Lock()

        def put_object(response: Any) -> Any:  # noqa: ANN401 - moto's own
            with lock:
                return self._real(response)

        self._patched.put_object = put_object
        cast("Any", _VersionedKeyStore).items = _items
        modules = [*backends.list_of_moto_modules()]
        cast("Any", backends).list_of_moto_modules = lambda: modules  # or 180 folders are looked at for each request
        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request
        self._moto: Any = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._moto.start()
        self.host, self.port = self._moto.get_host_and_port()
        self.url = f"http://{self.host}:{self.port}"
        self.session: Any = AioSession()  # shared: the first client of one reads megabytes of descriptions
        self.client: Any = Session().create_client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id="anybody",
            aws_secret_access_key="else",  # noqa: S106 - moto takes any
            region_name="us-east-1",
            config=Config(max_pool_connections=50),
        )

    def stop(self) -> None:
        """Shut it down."""
        self.client.close()
        self._moto.stop()
        self._patched.put_object = self._real

    def bucket(self) -> Bucket:
        """Make a new and empty bucket."""
        name = next(_names)
        self.client.create_bucket(Bucket=name)
        return Bucket(self, name)


class Bucket:
    """A bucket, read and written without the code that is tested."""

    def __init__(self, server: Server, name: str) -> None:
        self.name = name
        self.url = server.url
        self._client = server.client
        self._session = server.session

    def options(self, url: str | None = None, **config: object) -> dict[str, object]:
        """Return storage options that reach it, over `url` if given, with `config` for botocore."""
        endpoint = url or self.url
        return {
            **KEYS,
            "endpoint_url": endpoint,
            # Without verify each file system would read the certificates of the system first, even for http.
            "client_kwargs": {"region_name": "us-east-1", "verify": False},
            "config_kwargs": {**PATIENT, **config},
            "session": self._session,
        }

    def peek(self, key: str) -> bytes | None:
        """Return what is stored."""
        try:
            found: bytes = self._client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None
        return found

    def poke(self, key: str, data: bytes | None) -> None:
        """Store, or remove where `data` is None."""
        if data is None:
            self._client.delete_object(Bucket=self.name, Key=key)
        else:
            self._client.put_object(Bucket=self.name, Key=key, Body=data)

    def keys(self) -> list[str]:
        """Return all keys, those included that a backend hides."""
        return [item["Key"] for item in self._client.list_objects_v2(Bucket=self.name).get("Contents", ())]
