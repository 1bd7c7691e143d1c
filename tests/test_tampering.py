"""Rot and tampering in every object of a run: right or refused, and named; and proof that the checks are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import planted
import planted_checks
import pytest
from sealing import SETTINGS
from tampering import explore, objects

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("codecs", SETTINGS)
def test_no_harm_goes_unnoticed(codecs: str) -> None:
    """Bits, lengths, swaps, replays, plain text and edits: no wrong state, no forgery, and verify says what is hurt."""
    assert explore(codecs) is None


PLANTED = [
    planted_checks.no_digests,
    planted_checks.no_chunk_ids,
    planted_checks.no_owners,
    planted_checks.outside_believed,
    planted_checks.no_signatures,
    planted_checks.plain_text_read,
    planted_checks.hint_believed,
    planted_checks.rollback_believed,
    planted_checks.packs_not_named,
    planted.no_links,
]


@pytest.mark.parametrize("bug", PLANTED, ids=lambda bug: bug.__name__)
def test_a_check_left_out_is_noticed(
    bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With any one check of the reader left out, some harm goes unnoticed: the test above can fail."""
    for codecs in SETTINGS:
        objects(codecs)
    bug(monkeypatch)

    assert any(explore(codecs) for codecs in SETTINGS)
