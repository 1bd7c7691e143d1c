"""A large state written by bare loops of the same stages, and by restic: what our saves are measured against."""

from __future__ import annotations

import hmac
import os
import shutil
import subprocess
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyfastcdc import FastCDC
from zstandard import ZstdCompressor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from benchmarks.rounds import Call

UNIT = 2 * 1024 * 1024
_SIZES = {"min_size": 256 * 1024, "max_size": 1024 * 1024}
_AVERAGE = 512 * 1024
_AHEAD = 4  # units that are under way at once
_PASSWORD = "any will do"  # noqa: S105 - of a repository that is gone in a minute

_threads = threading.local()


def hashed(data: bytes, folder: str) -> None:
    """`data` in a file, with its digest known: durable, in three steps of one thread."""
    view, digest = memoryview(data), sha256()
    with open(os.path.join(folder, "bare"), "xb", buffering=0) as file:
        for at in range(0, len(view), UNIT):
            digest.update(view[at : at + UNIT])
            _write(file.fileno(), view[at : at + UNIT])
        os.fsync(file.fileno())
    _sync(folder)


def stages(data: bytes, folder: str, secret: bytes) -> None:
    """`data` cut, identified, compressed and encrypted by two threads, in order into one file, with one sync."""
    work = partial(_stages, secret[:16], secret[16:])
    with open(os.path.join(folder, "bare"), "xb", buffering=0) as file, ThreadPoolExecutor(2) as pool:
        begun: deque[Future[list[bytes]]] = deque()
        for unit in _units(data):
            begun.append(pool.submit(work, unit))
            if len(begun) > _AHEAD:
                _write_all(file.fileno(), begun.popleft())
        while begun:
            _write_all(file.fileno(), begun.popleft())
        os.fsync(file.fileno())
    _sync(folder)


def _units(data: bytes) -> Iterator[list[memoryview]]:
    view, at = memoryview(data), 0
    unit: list[memoryview] = []
    for piece in FastCDC(_AVERAGE, **_SIZES, normalized_chunking=2).cut_buf(view):
        unit.append(view[at : at + piece.length])
        at += piece.length
        if sum(map(len, unit)) >= UNIT:
            yield unit
            unit = []
    yield unit


def _stages(sign: bytes, secret: bytes, unit: list[memoryview]) -> list[bytes]:
    if not hasattr(_threads, "compress"):
        _threads.compress = ZstdCompressor(level=3).compress
    done: list[bytes] = []
    for piece in unit:
        identity, small = hmac.digest(sign, piece, "sha256"), _threads.compress(piece)
        best = small if len(small) < len(piece) else piece
        vector, fill = os.urandom(16), 16 - len(best) % 16
        cipher = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
        token = b"".join((vector, cipher.update(best), cipher.update(bytes([fill]) * fill)))
        done += (identity, token, hmac.digest(sign, token, "sha256"))
    return done


def _write_all(fd: int, done: Future[list[bytes]]) -> None:
    for piece in done.result():
        _write(fd, memoryview(piece))


def _write(fd: int, view: memoryview) -> None:
    while view:
        view = view[os.write(fd, view) :]


def _sync(folder: str) -> None:
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(at)
    os.close(at)


class Restic:
    """restic with a new repository below `folder`, which takes its time."""

    def __init__(self, program: str, folder: str) -> None:
        repository, cache = os.path.join(folder, "repository"), os.path.join(folder, "cache")
        self._command = [program, "--repo", repository, "--cache-dir", cache, "--quiet"]
        self._environment = {**os.environ, "RESTIC_PASSWORD": _PASSWORD}
        self._run("init")

    @classmethod
    def found(cls) -> str | None:
        """Where the program is; None where it is not installed."""
        return shutil.which("restic")

    def backup(self, path: str) -> Call:
        """What stores the file, and nothing else."""
        return partial(self._run, "backup", path)

    def dump(self, path: str) -> Call:
        """What reads it back, checked, into nothing."""
        return partial(self._run, "dump", "latest", path)

    def _run(self, *arguments: str) -> None:
        subprocess.run([*self._command, *arguments], check=True, env=self._environment, stdout=subprocess.DEVNULL)
