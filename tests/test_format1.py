"""What the parser of format 1 does with objects that no store of this version writes."""

from __future__ import annotations

from hashlib import sha256

import pytest

from ckptstore import (
    CheckpointConflict,
    CheckpointCorrupt,
    CheckpointStore,
    DecryptionError,
    VersionMismatch,
    inline,
    layout,
    packs,
)
from ckptstore.format1 import parse
from ckptstore.manifest import Damaged

RUN = "run"


def _stored(store: CheckpointStore) -> bytes:
    return store._backend.get(layout.slot(RUN, 1))


def _with_digest(body: bytes) -> bytes:
    """`body`, everything behind the first line, under the digest that a forger would compute."""
    head = body.partition(b'"state": ')[0]
    return b'{"sha256": "%b",\n%b' % (sha256(head).hexdigest().encode(), body)


@pytest.fixture
def data() -> bytes:
    """A sound manifest."""
    store = CheckpointStore("memory://")
    store.save(RUN, 1, metadata={"a": 1})
    return _stored(store)


def test_a_line_end_inside_metadata_is_damage(data: bytes) -> None:
    """A crafted header with a fitting digest is reported, never an exception that hides the other checkpoints."""
    body = data.partition(b"\n")[2].replace(b'{"a":1}', b'{"a":\n1}')

    content = parse(_with_digest(body), RUN, 1)

    assert isinstance(content, Damaged)
    assert isinstance(content.error, CheckpointCorrupt)


def test_a_sealed_manifest_is_refused_as_what_it_is(data: bytes) -> None:
    """What is encrypted is no damage: the message says that a key is due."""
    body = data.partition(b"\n")[2]
    sealed = body[: body.index(b'"run": ')] + b'"packs": [],\n"sealed": "gAAAA"}\n'

    content = parse(_with_digest(sealed), RUN, 1)

    assert isinstance(content, Damaged)
    assert isinstance(content.error, DecryptionError)
    assert "encryption=" in str(content.error)


def test_deleting_a_run_spares_the_pack_of_a_save_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large save whose pack is written while the run is deleted is refused or loads; it never stands without it."""
    monkeypatch.setattr(inline, "INLINE_JSON", 10)
    store, other = CheckpointStore("memory://shared-delete"), CheckpointStore("memory://shared-delete")
    store.save(RUN, "x" * 20)
    write = packs.write

    def write_then_delete(*args: object) -> inline.Placed:
        placed = write(*args)  # type: ignore[arg-type]
        other.delete_run(RUN)
        return placed

    monkeypatch.setattr(packs, "write", write_then_delete)
    try:
        checkpoint = store.save(RUN, "y" * 20)
    except CheckpointConflict:
        return
    assert other.load(RUN, at=checkpoint) == "y" * 20


def test_a_refused_save_does_not_bind_the_store(data: bytes) -> None:
    """Once what a newer program left is out of the way, the store that was refused saves."""
    store = CheckpointStore("memory://")
    key = layout.slot(RUN, 1)
    store._backend.create(key, data.replace(b'"format": 1,', b'"format": 2,'))
    with pytest.raises(VersionMismatch):
        store.save(RUN, 1)
    store._backend.delete([key])

    assert store.save(RUN, 1).number == 1
