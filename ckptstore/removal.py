"""Removing what the user names: one checkpoint, or a whole run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptstore import layout
from ckptstore.errors import CheckpointNotFound
from ckptstore.format1 import encode_marker
from ckptstore.manifest import Damaged, Manifest, Marker

if TYPE_CHECKING:
    from ckptstore.history import History


def delete(history: History, number: int) -> None:
    """Put a marker in the place of checkpoint `number`; what only it needed goes with the next prune."""
    newest = history.find().newest
    if newest is not None and newest.number == number:
        raise ValueError(
            f"run {history.run!r}: {number} is the newest checkpoint and is not deleted: "
            f"to go back, load an older one and save it as {number + 1}",
        )
    standing = history.standing(number)
    if standing is None:
        raise CheckpointNotFound(f"run {history.run!r} has no checkpoint {number}")
    if isinstance(standing.content, Damaged):
        raise standing.content.error
    history.backend.put(layout.slot(history.run, number), encode_marker(standing.content)[1])
    hint = history.hint().manifest
    if hint is None or hint.number == number:  # it repeats the state
        history.backend.delete([history.hint_key])


def delete_run(history: History) -> None:
    """
    Remove all of ours but a marker in the head slot: a copy of the job that still runs stays fenced out.

    Checkpoints go from the bottom up, so that what a crash leaves is a sound run.
    """
    head = history.find().head
    if isinstance(head, Damaged) and head.kind == "not ours":
        raise head.error
    top = head.number if head else 0
    slots: list[str] = []
    rest: list[str] = []
    for info in history.backend.list(f"{history.run}/"):
        kind, number = layout.parse(history.run, info.key)
        if kind == "slot" and number < top:
            slots.append(info.key)
        elif kind in {"hint", "pack", "unfinished"} and number <= top:  # above it, a save is at work
            rest.append(info.key)
    if not slots and not rest and (head is None or isinstance(head, Marker)):
        raise CheckpointNotFound(f"there is no run {history.run!r}")
    # First, and in a delete of its own: of the slots a crash may leave any, and the hint could name one of those.
    history.backend.delete([history.hint_key])
    history.backend.delete(slots)
    if isinstance(head, (Manifest, Damaged)):
        history.backend.put(layout.slot(history.run, top), encode_marker(head)[1])
    history.backend.delete(rest)
