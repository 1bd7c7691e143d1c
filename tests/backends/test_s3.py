"""The S3 backend on moto: the conformance suite."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from ckptstore.testing import BackendTests, ComparingTests

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from ckptstore_backends.s3 import S3Backend

if TYPE_CHECKING:
    from collections.abc import Callable

    from bucket import Server


class TestS3Backend(BackendTests[S3Backend], ComparingTests[S3Backend]):
    """The suite, in threads: moto's server is one of this process."""

    race_rounds = 30

    @pytest.fixture
    def backend(self, s3_server: Server) -> S3Backend:
        """Give a bucket of its own."""
        self.bucket = s3_server.bucket()
        return S3Backend(f"{self.bucket.name}/some/prefix", storage_options=self.bucket.options())

    def opener(self, backend: S3Backend) -> Callable[[], S3Backend]:
        """Return what opens the same bucket once more."""
        return functools.partial(S3Backend, backend._name, storage_options=self.bucket.options())

    def peek(self, backend: S3Backend, key: str) -> bytes | None:
        """Ask the server."""
        return self.bucket.peek(backend._prefix + key)

    def poke(self, backend: S3Backend, key: str, data: bytes | None) -> None:
        """Tell the server."""
        self.bucket.poke(backend._prefix + key, data)
