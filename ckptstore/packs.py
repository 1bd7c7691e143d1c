"""
Writing a large state: cut, hashed, compressed and encrypted by a few threads, and put into packs on the way.

Only what the checkpoint before does not hold is stored; for the rest the new table names the old packs. Every pack that
a manifest names is at least half alive in it, and there are few for its size: what would break that is stored again.
So a run never takes twice what its checkpoints need, and a load needs few requests.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from functools import partial
from hashlib import sha256
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ckptstore import layout
from ckptstore.chunks import Chunk, Table, identify, names, wrap
from ckptstore.cutting import WINDOW, Expected, cut, units
from ckptstore.errors import CheckpointError
from ckptstore.fetch import Chunked
from ckptstore.inline import Placed
from ckptstore.manifest import Manifest, Named, new_id
from ckptstore.pool import THREADS, Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ckptstore.backend import Buffer
    from ckptstore.cutting import AnyPart
    from ckptstore.fingerprints import Fingerprints
    from ckptstore.history import History
    from ckptstore.manifest import Content

NEAR, FAR = 64 * 1024 * 1024, 16 * 1024 * 1024  # bytes after which a pack is full: a file, a request
UPLOADS = 12  # packs under way at once to where requests take long: one connection to a bucket carries some 90 MB/s
SPARE = 3  # packs that a manifest may name beside one for each `FAR` bytes


class _Prepared(NamedTuple):
    """A chunk on its way: `stored` is None where its content is known already."""

    id: str
    size: int
    stored: Buffer | None


def write(
    history: History,
    base: Content | None,
    parts: Iterable[AnyPart],
    prints: Fingerprints,
    again: Callable[[int, int], Buffer] | None = None,
) -> Placed:
    """
    The state that `parts` make, in packs that are durable on return and aim at the number behind `base`.

    `prints` are of the save before, and of this one afterwards. `again` gives so many bytes from an offset once more;
    without it they are read back where they are needed.
    """
    number = layout.above(history.run, base.number if base else 0)
    old = _Old.of(history, base)
    packs = _Packs(history, number)
    return _Writer(history, old, packs, prints).write(parts, again)


class _Old:
    """What the checkpoint before holds, as far as this save can use it: chunks by id."""

    def __init__(self, source: Chunked | None, packs: tuple[str, ...] = ()) -> None:
        self.source = source
        self.packs = packs
        self.chunks = {chunk.id: chunk for chunk in source.table.chunks} if source else {}

    @classmethod
    def of(cls, history: History, base: Content | None) -> _Old:
        """Nothing where `base` is no manifest, has other codecs, or cannot be read: then all is stored anew."""
        if not isinstance(base, Manifest) or base.header.encoding != "chunks":
            return cls(None)
        if tuple(named.name for named in base.header.codecs) != names(history.codecs):
            return cls(None)
        found = base if base.state is not None else history.get(base.number)
        if not isinstance(found, Manifest) or found.ident != base.ident:
            return cls(None)
        try:
            return cls(Chunked(history.backend, found), found.header.packs)
        except (CheckpointError, ValueError):  # a save does not fail for what stood before
            return cls(None)

    def worn(self, needed: Iterable[Chunk], room: Callable[[int], int]) -> set[int]:
        """
        The packs to give up: mostly dead when only the `needed` chunks live, or too many.

        `room(moved)` may stay when so many bytes are stored again. Of those too many the smallest go, and each that is
        no larger than what goes already: so bytes are stored again not at each save, but seldom.
        """
        live: Counter[int] = Counter()
        for chunk in needed:
            live[chunk.pack] += chunk.stored_size
        sizes = self.source.table.packs if self.source else ()
        worn = {pack for pack, size in live.items() if 2 * size < sizes[pack]}
        moved = sum(live[pack] for pack in worn)
        left = sorted((size, pack) for pack, size in live.items() if pack not in worn)
        crowded = len(left) > room(moved)
        for index, (size, pack) in enumerate(left):
            if crowded and (len(left) - index > room(moved) or size <= moved):
                worn.add(pack)
                moved += size
        return worn


class _Packs:
    """Stored chunks -> packs, one after the other, and where each went."""

    def __init__(self, history: History, number: int) -> None:
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.places: dict[str, tuple[int, int, int]] = {}  # id -> pack, offset, stored size
        self._history = history
        self._name = partial(layout.pack_name, number, new_id())
        self._far = bool(getattr(history.backend, "far", False))
        self._limit = FAR if self._far else NEAR

    def write(self, stored: Iterator[tuple[str, Buffer]]) -> None:
        """All of `stored`; durable on return."""
        with Pool(UPLOADS) as uploads:
            waiting: list[Callable[[], None]] = []
            for first in stored:
                self.names.append(self._name(len(self.names)))
                self.sizes.append(0)
                taken = self._take(chain((first,), stored))
                if not self._far:
                    self._create(self.names[-1], taken)
                    continue
                pack = [_kept(buffer) for buffer in taken]
                waiting.append(uploads.begin(partial(self._create, self.names[-1], pack)))
                if len(waiting) > UPLOADS:
                    waiting.pop(0)()
            for wait in waiting:
                wait()

    def count(self, more: int) -> int:
        """How many there are when `more` bytes have come."""
        return len(self.names) - (-max(0, more - self._left) // self._limit)

    def _take(self, stored: Iterator[tuple[str, Buffer]]) -> Iterator[Buffer]:
        """As much of `stored` as goes into the pack that was begun."""
        for identity, buffer in stored:
            self.places[identity] = (len(self.names) - 1, self.sizes[-1], len(buffer))
            self.sizes[-1] += len(buffer)
            yield buffer
            if not self._left:
                return

    @property
    def _left(self) -> int:
        """How many bytes the last pack has room for."""
        return max(0, self._limit - self.sizes[-1]) if self.sizes else 0

    def _create(self, name: str, data: Iterable[Buffer]) -> None:
        with suppress(FileExistsError):  # nobody else has this name: sent twice below us, the first reply was lost
            self._history.backend.create(layout.pack(self._history.run, name), data)


def _kept(buffer: Buffer) -> Buffer:
    """`buffer`, to wait for its turn: a view of a window would keep all of that, of which the rest may be known."""
    of_window = isinstance(buffer, memoryview) and memoryview(buffer.obj).nbytes <= 2 * WINDOW
    return bytes(buffer) if of_window else buffer


class _Writer:
    """One state on its way into packs."""

    def __init__(self, history: History, old: _Old, packs: _Packs, prints: Fingerprints) -> None:
        self._codecs = history.codecs
        self._key = history.codecs.keys.newest if history.codecs.keys else None
        self._old = old
        self._packs = packs
        self._prints = prints
        self._ids: dict[bytes, str] = {}  # by fingerprint, of this state
        self._claims: dict[str, object] = {}
        self._order: list[tuple[str, int]] = []  # id and size of each chunk of the state
        before = old.source.table.chunks if old.source else ()
        self._expected = Expected((chunk.id, chunk.size) for chunk in before)

    def write(self, parts: Iterable[AnyPart], again: Callable[[int, int], Buffer] | None) -> Placed:
        """Store what has to be stored; what the manifest then says of it."""
        coming = units(cut(parts, self._expected))
        first = list(islice(coming, 2))
        with Pool(THREADS if len(first) > 1 else 0) as pool:  # for one unit a thread costs more than it saves
            prepared = pool.in_order(self._prepare, chain(first, coming), ahead=2 * THREADS)
            self._packs.write(chain(self._new(prepared), self._moved(pool, again)))
        self._prints.ids = self._ids
        return self._placed()

    def _prepare(self, unit: list[Buffer]) -> list[_Prepared]:
        return [self._prepare_one(piece) for piece in unit]

    def _prepare_one(self, piece: Buffer) -> _Prepared:
        identity = self._identify(piece)
        me = object()  # of two threads with equal pieces, one stores it
        known = identity in self._old.chunks or self._claims.setdefault(identity, me) is not me
        return _Prepared(identity, len(piece), None if known else wrap(self._codecs, piece))

    def _identify(self, piece: Buffer) -> str:
        """The id of `piece`: by its fingerprint where that is of a chunk of the save before, else by its digest."""
        fingerprint = self._prints.of(piece)
        known = self._prints.ids.get(fingerprint)
        identity = known if known is not None and known in self._old.chunks else identify(self._key, piece)
        self._ids[fingerprint] = identity
        return identity

    def _new(self, prepared: Iterable[list[_Prepared]]) -> Iterator[tuple[str, Buffer]]:
        at = 0
        for unit in prepared:
            for identity, size, stored in unit:
                self._order.append((identity, size))
                self._expected.found(at, identity, size)
                at += size
                if stored is not None:
                    yield identity, stored

    def _moved(self, pool: Pool, again: Callable[[int, int], Buffer] | None) -> Iterator[tuple[str, Buffer]]:
        """What lies in packs that this save gives up; begun when all else is on its way."""
        old, offsets, end = self._old, dict[str, int](), 0
        for identity, size in self._order:
            if identity in old.chunks:
                offsets[identity] = end
            end += size
        most = end // FAR + SPARE
        worn = old.worn(map(old.chunks.__getitem__, offsets), lambda moved: most - self._packs.count(moved))
        moving = [identity for identity in offsets if old.chunks[identity].pack in worn]
        lost = moving
        if again is not None:
            pieces = ((identity, again(offsets[identity], old.chunks[identity].size)) for identity in moving)
            lost = []
            for identity, stored in pool.in_order(self._rewrap, pieces, ahead=2 * THREADS):
                if stored is None:
                    lost.append(identity)
                else:
                    yield identity, stored
        if old.source is not None and lost:
            for chunk, content in old.source.contents(map(old.chunks.__getitem__, lost)):
                yield chunk.id, wrap(self._codecs, content)

    def _rewrap(self, piece: tuple[str, Buffer]) -> tuple[str, Buffer | None]:
        """The piece as it is stored; None where it is not any more what it was."""
        identity, content = piece[0], bytes(piece[1])
        return identity, wrap(self._codecs, content) if identify(self._key, content) == identity else None

    def _placed(self) -> Placed:
        packs, sizes = list(self._packs.names), list(self._packs.sizes)
        index: dict[int, int] = {}
        chunks = []
        for identity, size in self._order:
            place = self._packs.places.get(identity)
            if place is None:
                chunk = self._old.chunks[identity]
                if chunk.pack not in index:
                    index[chunk.pack] = len(packs)
                    packs.append(self._old.packs[chunk.pack])
                    sizes.append(self._old.source.table.packs[chunk.pack] if self._old.source else 0)
                place = (index[chunk.pack], chunk.offset, chunk.stored_size)
            chunks.append(Chunk(identity, size, *place))
        table = Table(tuple(sizes), tuple(chunks))
        state = msgspec.json.encode(table)
        total = sum(chunk.size for chunk in chunks)
        stored = sum({(chunk.pack, chunk.offset): chunk.stored_size for chunk in chunks}.values())
        codecs = tuple(map(Named, names(self._codecs)))
        return Placed("chunks", state, sha256(state).hexdigest(), total, stored, tuple(packs), codecs)
