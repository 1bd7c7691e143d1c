"""A program that reads small inputs meant to take all memory and time, with little of both; fails where it cannot."""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from harm import HINT
from places import InFolder, open_store, slot

from ckptstore import CheckpointError, history, untag
from ckptstore.serializers import JsonSerializer

MEMORY = 1536 * 2**20  # bytes more than the modules take: three times the largest object that a store reads
SECONDS = 60  # of the processor, for what takes two: what grows with the square of its input takes hours

_PRIME = 2**61 - 1  # of which Python's hash of a number is the rest
MB = 3_000_000
STATES = {
    "an int of 3 MB": b'{"$int":"0x' + b"f" * MB + b'"}',
    "a Decimal of 3 MB": b'{"$set":[{"$decimal":"' + b"9" * MB + b'"}]}',
    "all exponents": b'{"$set":[{"$decimal":"1E+999999999999999999"},{"$decimal":"1E-999999999999999999"},1,0.5]}',
    "a number of 3 MB": b"[" + b"9" * MB + b"]",
    "a fraction of 3 MB": b"[0." + b"9" * MB + b"]",
    "a zone of 3 MB": b'{"$datetime":"2024-01-01T00:00:00+00:00[' + b"A" * MB + b']"}',
    "dates of 3 MB": b'{"$datetime":"' + b"-11:11" * (MB // 6) + b'"}',
    "a key of 3 MB": b'{"$' + b"x" * MB + b'":1}',
    "3 million levels": b"[" * MB,
    "a shape of many elements": b'{"$ndarray":{"dtype":"<f8","shape":[1099511627776],"order":"C","data":""}}',
    "elements of no size": b'{"$ndarray":{"dtype":"|V0","shape":[1099511627776],"order":"C","data":""}}',
    "an element of many bytes": b'{"$ndarray":{"dtype":"|V2147483647","shape":[1],"order":"C","data":""}}',
    "a shape of 64 dimensions": b'{"$ndarray":{"dtype":"<f8","shape":[%b2],"order":"C","data":""}}'
    % (b"9999999999," * 63),
    "a type of 3 MB": b'{"$typed":[["or"' + b',"int"' * (MB // 6) + b"],1]}",
}
EQUAL_HASHES = b'{"$set":[' + b",".join(b'{"$int":"%#x"}' % (_PRIME * (n + 16)) for n in range(2000)) + b"]}"

WEAKENED = {
    "": lambda: None,
    "sizes": lambda: setattr(history, "SIZE_LIMIT", 2**50),
    "hashes": lambda: setattr(untag, "_check_spread", lambda _: None),
}


def main(weakened: str) -> None:
    """Read all, under limits of the system."""
    np.zeros(1)
    WEAKENED[weakened]()
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    for what, data in STATES.items() if not weakened else ():
        _refused(data, what)
    if not _refused(EQUAL_HASHES, "equal hashes"):
        raise SystemExit("equal hashes are taken")
    for key in slot(2), HINT:
        _sparse(key)


def _refused(data: bytes, what: str) -> bool:
    try:
        JsonSerializer().loads(data)
    except CheckpointError as exc:
        return bool(str(exc))
    except BaseException as exc:
        raise SystemExit(f"{what}: {type(exc).__name__}") from exc
    return False


def _sparse(key: str) -> None:
    """A file of a tebibyte, which takes no space of the disk."""
    with tempfile.TemporaryDirectory() as folder:
        place = InFolder(Path(folder))
        for n in (1, 2):
            open_store(place).save("run", n)
        with (place.root / key).open("ab") as file:
            file.truncate(2**40)
        problems = open_store(place).verify("run").problems
        if [problem.key for problem in problems] != [key] or open_store(place).load("run", at=1) != 1:
            raise SystemExit(f"{key}: {problems}")


if __name__ == "__main__":
    main(*sys.argv[1:])
