"""Where large states are cut: by content, in the same places however they come in."""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

import pytest

from ckptstore import cutting

if TYPE_CHECKING:
    from collections.abc import Iterable


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that nothing makes smaller."""
    return random.Random(seed).randbytes(size)


def test_windows_cut_as_one_piece() -> None:
    """However a stream comes in, it is cut as if it lay in memory, and nothing is lost."""
    data = noise(9 << 20) + bytes(3 << 20) + noise(100)
    whole = [bytes(piece) for piece in cutting.cut([data])]
    dice = random.Random(7)
    blocks, at = [], 0
    while at < len(data):
        size = dice.choice([0, 1, 1000, 300_000, 5 << 20])
        blocks.append(data[at : at + size])
        at += size

    assert [bytes(piece) for piece in cutting.cut([iter(blocks)])] == whole
    assert b"".join(whole) == data
    assert max(map(len, whole)) <= cutting.MOST


@pytest.mark.parametrize("flows", [False, True])
def test_what_goes_on_as_before_is_not_looked_at(monkeypatch: pytest.MonkeyPatch, *, flows: bool) -> None:
    """Behind a long stretch that did not change, however far it moved, the cutter sees only what did."""
    before = noise(20 << 20)
    cuts = [(str(hash(bytes(piece))), len(piece)) for piece in cutting.cut([before])]
    monkeypatch.setattr(cutting, "STEADY", 4 << 20)
    looked_at: list[int] = []
    cutter = cutting.make_cutter()

    def look(view: memoryview) -> Iterable[int]:
        for size in cutter(view):
            looked_at.append(size)
            yield size

    monkeypatch.setattr(cutting, "make_cutter", lambda: look)
    state = noise(1000, 2) + before[: 12 << 20] + noise(1 << 20, 3) + before[13 << 20 :]
    expected, at, pieces = cutting.Expected(cuts), 0, list[bytes]()
    for piece in cutting.cut([iter([state]) if flows else state], expected):
        pieces.append(bytes(piece))
        expected.found(at, str(hash(pieces[-1])), len(piece))
        at += len(piece)

    assert b"".join(pieces) == state
    assert 5 << 20 < sum(looked_at) < 14 << 20  # to begin with, and again where it changed
    new = {str(hash(piece)): len(piece) for piece in pieces}.keys() - dict(cuts).keys()
    assert len(new) <= 5


@pytest.mark.parametrize("flows", [False, True])
def test_a_wrong_guess_costs_little(monkeypatch: pytest.MonkeyPatch, *, flows: bool) -> None:
    """Where bytes were taken out, what was begun before that was noticed is cut anew, and the rest is found again."""
    before = noise(20 << 20)
    cuts = [(str(hash(bytes(piece))), len(piece)) for piece in cutting.cut([before])]
    monkeypatch.setattr(cutting, "STEADY", 4 << 20)
    state = before[: 10 << 20] + before[(10 << 20) + 1000 :]
    expected, at, known, late = cutting.Expected(cuts), 0, 0, deque[tuple[int, str, int]]()
    for piece in cutting.cut([iter([state]) if flows else state], expected):
        late.append((at, str(hash(bytes(piece))), len(piece)))
        known += len(piece) if late[-1][1] in dict(cuts) else 0
        at += len(piece)
        if len(late) > 4:  # as threads are at work on some
            expected.found(*late.popleft())

    assert at == len(state)
    assert known > at - 8 * cutting.MOST


def test_small_parts_are_cut_together() -> None:
    """Ten thousand small parts make no ten thousand chunks."""
    parts = [noise(1000, seed) for seed in range(3000)]
    pieces = [bytes(piece) for piece in cutting.cut(parts)]

    assert b"".join(pieces) == b"".join(parts)
    assert len(pieces) < 15


def test_where_the_cutter_is_missing_cuts_are_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyfastcdc large states are saved all the same, and what is changed in place is still found again."""
    monkeypatch.setitem(__import__("sys").modules, "pyfastcdc", None)
    cutting.make_cutter.cache_clear()
    state = noise(3 << 20)
    changed = state[: 1 << 20] + b"x" + state[(1 << 20) + 1 :]
    pieces, others = ([bytes(piece) for piece in cutting.cut([one])] for one in (state, changed))
    monkeypatch.undo()
    cutting.make_cutter.cache_clear()

    assert b"".join(pieces) == state
    assert {len(piece) for piece in pieces} == {cutting.AVERAGE}
    assert b"".join(others) == changed
    assert sum(one != other for one, other in zip(pieces, others, strict=True)) == 1
