"""Objects in one SQLite file, `example:///path/to/file`: a backend of somebody else's, in five verbs."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ckptstore.backend import Data, ObjectInfo, buffers
from ckptstore_backends.base import check_key, check_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PAGE = 1000


class ExampleBackend:
    """A table of objects; `timeout`, the one option, is how many seconds to wait for another writer."""

    def __init__(self, url: str, *, storage_options: Mapping[str, object], single_writer: bool) -> None:
        self.path = url.removeprefix("example://")
        self.timeout = float(str({"timeout": 60, **storage_options}["timeout"]))
        with self._open() as db:
            db.execute("CREATE TABLE IF NOT EXISTS objects (key TEXT PRIMARY KEY, data BLOB, modified REAL)")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on a connection that no other thread or process has; an `OSError` for what goes wrong."""
        try:
            with closing(sqlite3.connect(self.path, timeout=self.timeout)) as db, db:
                db.execute("PRAGMA synchronous = EXTRA")  # durable when the transaction ends
                yield db
        except sqlite3.Error as exc:
            raise OSError(f"{self.path}: {exc}") from exc

    def create(self, key: str, data: Data) -> None:
        """Exclusive, by the primary key."""
        row = (check_key(key), b"".join(buffers(data)), time.time())
        with self._open() as db:
            if not db.execute("INSERT INTO objects VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row).rowcount:
                raise FileExistsError(key)

    def put(self, key: str, data: Data, *, durable: bool = True) -> None:
        """Replace in one transaction."""
        row = (check_key(key), b"".join(buffers(data)), time.time())
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", row)

    def get(self, key: str, start: int | None = None, end: int | None = None) -> bytes:
        """The bytes, or a slice of them."""
        with self._open() as db:
            found = db.execute("SELECT data FROM objects WHERE key = ?", [check_key(key)]).fetchone()
        if found is None:
            raise FileNotFoundError(key)
        return bytes(found[0][start:end])

    def list(self, prefix: str, after: str = "") -> Iterator[ObjectInfo]:
        """A page at a time: a transaction left open would keep writers waiting."""
        check_prefix(prefix)
        return self._list(prefix, after)

    def _list(self, prefix: str, after: str) -> Iterator[ObjectInfo]:
        query = f"SELECT key, length(data), modified FROM objects WHERE key >= ? AND key > ? ORDER BY key LIMIT {PAGE}"  # noqa: S608 - a constant
        page: list[tuple[str, int, float]] | None = None
        while page is None or len(page) == PAGE:
            with self._open() as db:
                page = db.execute(query, [prefix, after]).fetchall()
            for after, size, modified in page:  # noqa: PLR1704 - the next page goes on from here
                if not after.startswith(prefix):
                    return
                yield ObjectInfo(after, size, datetime.fromtimestamp(modified, UTC))

    def delete(self, keys: Iterable[str]) -> None:
        """Remove all of them in one transaction."""
        rows = [(check_key(key),) for key in keys]
        with self._open() as db:
            db.executemany("DELETE FROM objects WHERE key = ?", rows)
