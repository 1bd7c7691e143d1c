"""
Claiming the next number: create the slot, see that the base still stands, and only then tell anyone.

A create alone proves nothing: retention empties slots, and a process that slept through that could create in one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ckptstore import layout
from ckptstore.backend import NotDurableError
from ckptstore.errors import BackendError, CheckpointConflict, shown
from ckptstore.format1 import encode_manifest
from ckptstore.manifest import Damaged, Manifest, names, new_id
from ckptstore.pointer import ComparingPointer

if TYPE_CHECKING:
    from ckptstore.history import History
    from ckptstore.manifest import Content, Header
    from ckptstore.pointer import Pointer

ATTEMPTS = 2


class Doubts(dict[str, int]):
    """Own attempts whose fate is unknown, by id, and the number of each: they may turn up there at any later time."""

    def own(self, manifest: Manifest) -> bool:
        """Whether `manifest` is one of these attempts."""
        return self.get(manifest.header.write_id) == manifest.number

    def settle(self, landed: Manifest) -> None:
        """Everything up to `landed`, and that itself, is decided."""
        self.pop(landed.header.write_id, None)
        if self:  # rare
            for write_id in [write_id for write_id, number in self.items() if number <= landed.number]:
                del self[write_id]


def claim(
    history: History, base: Content | None, new: tuple[Header, bytes], doubts: Doubts, pointer: Pointer
) -> tuple[Manifest, bytes | None]:
    """
    Commit `new`, a header and its state, behind `base`; -> the manifest, durable, visible and proven, and its bytes.

    None for the bytes where it is the manifest of an earlier save, which seemed to have failed: this one has to go on
    from there. `CheckpointConflict` when somebody else went on from `base`; `BackendError` when the storage does not
    say how it ended: then the ids of the attempts stay in `doubts`.
    """
    header, state = new
    number, cause = header.number, None
    attempts: list[tuple[Manifest, bytes]] = []
    for _ in range(ATTEMPTS):
        made = encode_manifest(header, state, history.codecs)
        doubts[header.write_id] = number
        try:
            history.backend.create(layout.slot(history.run, number), made[1])
        except NotDurableError as exc:
            raise in_doubt(history, number, exc) from exc
        except OSError as exc:
            cause = exc
        else:
            if not (isinstance(pointer, ComparingPointer) and pointer.move(history, *made)):
                prove(history, base, made[0])
            return made
        attempts.append(made)
        found = _turned_up(history, base, cause, attempts, doubts)
        if found is not None:
            return found
        header = msgspec.structs.replace(header, write_id=new_id())
    raise failed(history, number, cause) from cause


def _turned_up(
    history: History, base: Content | None, cause: OSError, attempts: list[tuple[Manifest, bytes]], doubts: Doubts
) -> tuple[Manifest, bytes | None] | None:
    """What `claim` returns where the last of `attempts` was refused or not answered; None where nothing is there."""
    number = attempts[-1][0].number
    content = _look(history, number, cause)
    if content is None and not isinstance(cause, FileExistsError):
        return None  # the request or its reply was lost
    if not isinstance(content, Manifest) or not doubts.own(content):
        raise conflict(history.run, number - 1, content)
    prove(history, base, content)
    mine = (made for made in attempts if made[0].ident == content.ident)
    return next(mine, (content.without_state(), None))


def _look(history: History, number: int, cause: OSError) -> Content | None:
    try:
        return history.get(number)
    except OSError as exc:
        raise in_doubt(history, number, cause) from exc


def prove(history: History, base: Content | None, manifest: Manifest) -> None:
    """
    Return when `manifest` is committed; withdraw it and raise `CheckpointConflict` when it came too late.

    It is the successor of `base` when `base` still stands after the create, when it is the highest slot, or when
    somebody has gone on from it: nobody does from a manifest that came too late.
    """
    try:
        if isinstance(base, Manifest) and history.stands(base):
            return
        if history.is_head(manifest.number):
            return
        above = history.get(manifest.number + 1, whole=False)
        if above is not None and names(above, manifest):
            return
        history.backend.delete([layout.slot(history.run, manifest.number)])
    except OSError as exc:
        raise in_doubt(history, manifest.number, exc) from exc
    raise conflict(history.run, manifest.number - 1, None)


def conflict(run: str, base: int, newer: Content | None) -> CheckpointConflict:
    """What to raise when `newer`, or something that is gone again (None), came after `base` (0: the empty run)."""
    if isinstance(newer, Damaged):
        after = f", or go on behind it with save(…, after={newer.number})" if newer.kind == "bytes" else ""
        return CheckpointConflict(
            f"run {run!r}: number {newer.number} is taken by what cannot be read ({newer.error}); nothing was saved. "
            f"Remove it if it is not yours{after}",
        )
    saved = f"{newer.number if newer else base + 1} was saved"
    if isinstance(newer, Manifest):
        header = newer.header
        saved += f" by {shown(header.writer.host)}, pid {header.writer.pid}, at {header.created_at.isoformat()}"
    return CheckpointConflict(
        f"run {run!r}: this save continues from {f'checkpoint {base}' if base else 'an empty run'}, but {saved}; "
        "nothing was overwritten. Another copy of the job is at work: stop one, or take over with load() and go on",
    )


def failed(history: History, number: int, cause: OSError | None) -> BackendError:
    """What to raise when no attempt at `number` is to be seen."""
    return BackendError(
        f"run {history.run!r}, checkpoint {number}: could not be saved: {cause}; what was saved before is untouched. "
        "Mend the storage and save again (should this attempt still turn up, the next save goes on from it)",
    )


def in_doubt(history: History, number: int, cause: OSError) -> BackendError:
    """What to raise when nobody can say whether `number` was saved."""
    return BackendError(
        f"run {history.run!r}, checkpoint {number}: the storage failed and did not say whether it was saved ({cause}); "
        "what was saved before is untouched. Save again: if this one did get through, the next goes on from it",
    )
