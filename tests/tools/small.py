"""Sizes so small that states of a few hundred bytes are many chunks in several packs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckptstore import cutting, fetch, inline, packs, stream_writer

if TYPE_CHECKING:
    import pytest
    from places import Place

INLINE = 100
PACK = 1024  # bytes after which a pack is full


def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """States of a hundred bytes already go to packs."""
    monkeypatch.setattr(inline, "INLINE_JSON", INLINE)
    monkeypatch.setattr(inline, "INLINE_BASE64", INLINE)


def small_chunks(monkeypatch: pytest.MonkeyPatch, *, threads: int = 0) -> None:
    """
    Chunks of 64 to 1024 bytes, packs of `PACK`, and limits to match.

    Without `threads` all is done where it is begun, for tests that count or order what a save does.
    """
    small_limits(monkeypatch)
    for name, value in {"LEAST": 64, "AVERAGE": 256, "MOST": 1024, "WINDOW": 4096, "STEADY": 2048, "UNIT": 512}.items():
        monkeypatch.setattr(cutting, name, value)
    cutter = cutting.make_cutter.__wrapped__()  # not the one of another size that was made before
    monkeypatch.setattr(cutting, "make_cutter", lambda: cutter)
    monkeypatch.setattr(packs, "NEAR", PACK)
    monkeypatch.setattr(packs, "FAR", PACK)
    monkeypatch.setattr(fetch, "_SPAN", 700)
    monkeypatch.setattr(stream_writer, "BLOCK", 256)
    monkeypatch.setattr(packs, "UPLOADS", threads)
    monkeypatch.setattr(fetch, "_FAR_THREADS", threads)
    for module in (packs, fetch):
        monkeypatch.setattr(module, "THREADS", threads)


def pack_sizes(place: Place) -> dict[str, int]:
    """Every pack that is there, and its size."""
    return {key: len(data) for key, data in place.objects().items() if "/packs/" in key}
