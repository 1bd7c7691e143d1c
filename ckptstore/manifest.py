"""The commit record as a value: what a slot of a run can hold. Its bytes are in `format1`."""

from __future__ import annotations

import os
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias

import msgspec

from ckptstore.checkpoint import Checkpoint, Writer
from ckptstore.errors import CheckpointError
from ckptstore.layout import MAX_NUMBER

if TYPE_CHECKING:
    from ckptstore.encryption import Key  # noqa: TC004 - a Manifest is never decoded, so its annotations are not read

FORMAT: Final = 1
TABLE = 4 * 1024 * 1024  # bytes of a table that are remembered: that of a state of 20 GiB

# \Z, for $ also stands before a line end
Hex32 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
Hex64 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Size = Annotated[int, msgspec.Meta(ge=0, le=2**60)]
Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_NUMBER)]
PackName = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{12}-[0-9a-f]{32}-[0-9]{1,9}\Z")]
Encoding: TypeAlias = Literal["json", "base64", "chunks"]


class Ident(msgspec.Struct, frozen=True):
    """What tells one object of a slot from every other that ever stood there."""

    number: int
    write_id: str
    sha256: str
    removed: bool


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The predecessor as a successor names it."""

    write_id: Hex32
    sha256: Hex64


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A serializer or codec: its name, and the settings that a reader needs."""

    name: str
    settings: dict[str, int | str | bool] = {}


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a manifest before its state, in the order in which they are written."""

    format: Literal[1]
    number: Number
    write_id: Hex32
    parent: Link | None
    run: str
    created_at: Annotated[datetime, msgspec.Meta(tz=True)]
    version: int | str | None
    writer: Writer
    serializer: Named
    codecs: tuple[Named, ...]
    size: Size
    stored_size: Size
    packs: tuple[PackName, ...]
    metadata: msgspec.Raw
    encoding: Encoding
    state_sha256: Hex64


class Tombstone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of a marker: what its neighbours and the collector need of the manifest it replaced."""

    format: Literal[1]
    number: Number
    write_id: Hex32
    removed: bool
    parent: Link | None
    packs: tuple[PackName, ...]
    replaced: Hex64

    def __post_init__(self) -> None:
        if not self.removed:  # Literal[True] takes msgspec 0.22
            raise ValueError('"removed" must be true')


class Manifest(msgspec.Struct, frozen=True):
    """
    A checkpoint as it is stored. `state` is what stands last in the file; None where only the header was read.

    `key`: where it is sealed, the one that opens it, and its chunks.
    """

    header: Header
    sha256: str
    metadata: dict[str, object]
    state: bytes | None
    key: Key | None = None

    @property
    def number(self) -> int:
        """The slot's number."""
        return self.header.number

    @property
    def ident(self) -> Ident:
        """What tells this manifest from any other."""
        return Ident(self.header.number, self.header.write_id, self.sha256, removed=False)

    @property
    def link(self) -> Link:
        """How a successor names it."""
        return Link(self.header.write_id, self.sha256)

    def is_of(self, record: Checkpoint) -> bool:
        """Whether `record` speaks of this very checkpoint, and not of another that had its number."""
        header = self.header
        return (header.run, header.number, header.state_sha256, header.created_at) == (
            record.run,
            record.number,
            record.digest,
            record.created_at,
        )

    def without_state(self) -> Manifest:
        """The same manifest, small enough to remember."""
        return Manifest(self.header, self.sha256, self.metadata, None, self.key)

    def with_state(self, state: bytes) -> Manifest:
        """The same manifest with what stands last in its file."""
        return Manifest(self.header, self.sha256, self.metadata, state, self.key)

    def to_remember(self) -> Manifest:
        """The same manifest without its state, unless that is a table of chunks: the next save compares with it."""
        return self if self.header.encoding == "chunks" and len(self.state or b"") <= TABLE else self.without_state()

    def record(self) -> Checkpoint:
        """The record that callers get."""
        header = self.header
        return Checkpoint(
            run=header.run,
            number=header.number,
            created_at=header.created_at,
            version=header.version,
            size=header.size,
            stored_size=header.stored_size,
            digest=header.state_sha256,
            metadata=self.metadata,
            writer=header.writer,
        )


class Marker(msgspec.Struct, frozen=True):
    """What is left in the slot of a removed checkpoint."""

    header: Tombstone

    @property
    def number(self) -> int:
        """The slot's number."""
        return self.header.number

    @property
    def link(self) -> Link:
        """How a successor names what stood here."""
        return Link(self.header.write_id, self.header.replaced)


class Damaged(msgspec.Struct, frozen=True):
    """
    What stands in a slot and is neither; `error` says why, and is what a load raises.

    `kind`: bytes that cannot be read; a folder, which no listing shows; or a sound object that this program must leave
    alone, as it is a newer program's or, on a disk that ignores case, another run's.
    """

    number: int
    error: CheckpointError
    kind: Literal["bytes", "folder", "not ours"] = "bytes"


Content: TypeAlias = Manifest | Marker | Damaged


def new_id() -> str:
    """A name for one attempt, never used before."""
    return os.urandom(16).hex()


def names(successor: Content, predecessor: Manifest) -> bool:
    """Whether `successor` stands in the slot above `predecessor` and was built on it."""
    return (
        not isinstance(successor, Damaged)
        and successor.number == predecessor.number + 1
        and successor.header.parent == predecessor.link
    )
