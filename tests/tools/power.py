"""
A disk at a power cut: what it holds for certain, and what may or may not have reached it.

What POSIX leaves open: bytes that were not synced are there, lost, torn, or zeros; each change of a folder that was not
synced has reached the disk or not, whatever became of the others, and a rename does so as a whole. A sync of a file
covers its bytes and not its name; a sync of a folder covers its own names. A sync that fails covers nothing. Of a
file, neither does the next one: the system takes the pages for clean. (Of a folder, journals keep what they could not
write, or stop for good.)
"""

from __future__ import annotations

import itertools
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from disk_log import ROOT, Enter, Leave, Move, Note, Op, Sync, Truncate, Write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

Files: TypeAlias = dict[str, bytes]
_Change: TypeAlias = Enter | Leave | Move
_BLOCK = 4096
SETTLED = "settled"  # the note of a moment by which the system has written everything by itself


class _File:
    """The bytes of one file."""

    def __init__(self) -> None:
        self.durable = b""
        self.pending: list[Write | Truncate] = []
        self.poisoned = False  # a sync has failed: no later one proves anything

    def sync(self, *, failed: bool) -> None:
        """Be durable from here on."""
        self.poisoned |= failed
        if not self.poisoned:
            self.durable, self.pending = self.now(), []

    def now(self) -> bytes:
        """What a reader sees while there is power."""
        content = self.durable
        for op in self.pending:
            content = _written(content, op)
        return content

    def variants(self) -> list[bytes]:
        """What may be found after a power cut: any earlier version, and on it any later write, whole or in part."""
        versions = [self.durable]
        for op in self.pending:
            versions.append(_written(versions[-1], op))
        found = dict.fromkeys(reversed(versions))
        for at, op in enumerate(self.pending):
            for version in versions[: at + 1]:
                found.update(dict.fromkeys(_written(version, part) for part in _parts(op)))
        return list(found)


def _written(content: bytes, op: Write | Truncate) -> bytes:
    if isinstance(op, Truncate):
        return content[: op.size].ljust(op.size, b"\0")
    return content[: op.at].ljust(op.at, b"\0") + op.data + content[op.at + len(op.data) :]


def _parts(op: Write | Truncate) -> Iterator[Write | Truncate]:
    """What may be left of one operation that has not come to its end."""
    yield op
    if isinstance(op, Write):
        size = len(op.data)
        middle = size // 2 // _BLOCK * _BLOCK or size // 2
        yield op._replace(data=op.data[:middle])
        yield op._replace(data=op.data[:1])
        yield op._replace(data=bytes(size))
        yield op._replace(data=bytes(middle) + op.data[middle:])


class _Folder:
    """The names in one folder."""

    def __init__(self) -> None:
        self.durable: dict[str, int] = {}
        self.changes: list[_Change] = []  # since the last sync

    def sync(self, *, failed: bool) -> None:
        """All that was changed until now is durable."""
        if not failed:
            self.durable, self.changes = self.names([True] * len(self.changes)), []

    def names(self, kept: Sequence[bool]) -> dict[str, int]:
        """The names where those changes are `kept` and the others lost."""
        names = dict(self.durable)
        for change in itertools.compress(self.changes, kept):
            if isinstance(change, Move):
                names.pop(change.source, None)
            if isinstance(change, Leave):
                names.pop(change.name, None)
            else:
                names[change.name] = change.target
        return names


class Disk:
    """What the operations of a log have come to so far."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._folders = {ROOT: _Folder()}

    def apply(self, op: Op) -> None:
        """One more operation is done."""
        if isinstance(op, Note):
            if op.what == SETTLED:
                for number in (*self._files, *self._folders):
                    self.apply(Sync(number))
        elif isinstance(op, (Write, Truncate)):
            self._files.setdefault(op.file, _File()).pending.append(op)
        elif isinstance(op, Sync):
            one = self._folders.get(op.what) or self._files.setdefault(op.what, _File())
            one.sync(failed=op.failed)
        else:
            if isinstance(op, Enter) and op.is_folder:
                self._folders[op.target] = _Folder()
            elif isinstance(op, Enter):
                self._files.setdefault(op.target, _File())
            self._folders[op.folder].changes.append(op)

    def now(self) -> Files:
        """What is there while there is power."""
        return self._files_of(self._all_kept(), {number: file.now() for number, file in self._files.items()})

    def states(self, random: Random, limit: int) -> Iterator[Files]:
        """What may be found after a power cut now: everything that is possible, or a sample of `limit` of it."""
        folders, files = self._reachable()
        variants = {number: self._files[number].variants() for number in files}
        sizes = [2 ** len(self._folders[number].changes) for number in folders] + [
            len(found) for found in variants.values()
        ]
        count = prod(sizes)
        choices: Iterator[Sequence[int]]
        if count <= limit:
            choices = iter(itertools.product(*map(range, sizes)))
        else:
            first, last = [0] * len(sizes), [size - 1 for size in sizes]
            sample = ([random.randrange(size) for size in sizes] for _ in range(limit - 2))
            choices = itertools.chain([first, last], sample)
        for choice in choices:
            names = {number: self._names(number, bits) for number, bits in zip(folders, choice, strict=False)}
            picks = zip(variants.items(), choice[len(folders) :], strict=True)
            yield self._files_of(names, {number: found[pick] for (number, found), pick in picks})

    def _names(self, folder: int, bits: int) -> dict[str, int]:
        one = self._folders[folder]
        return one.names([bool(bits >> at & 1) for at in range(len(one.changes))])

    def _all_kept(self) -> dict[int, dict[str, int]]:
        return {number: folder.names([True] * len(folder.changes)) for number, folder in self._folders.items()}

    def _reachable(self) -> tuple[list[int], list[int]]:
        """The folders and files that may still have a name."""
        folders, files = [ROOT], set()
        for number in folders:
            folder = self._folders[number]
            changed = [change.target for change in folder.changes if not isinstance(change, Leave)]
            for target in (*folder.durable.values(), *changed):
                if target not in self._folders:
                    files.add(target)
                elif target not in folders:
                    folders.append(target)
        return folders, sorted(files)

    def _files_of(self, names: dict[int, dict[str, int]], contents: dict[int, bytes]) -> Files:
        found: Files = {}
        left = [("", ROOT)]
        while left:
            path, folder = left.pop()
            for name, target in names[folder].items():
                if target in self._folders:
                    left.append((f"{path}{name}/", target))
                else:
                    found[path + name] = contents[target]
        return found
