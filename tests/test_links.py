"""The documents point at what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if "](" in page.read_text(encoding="utf-8")]
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


@pytest.mark.skipif(not PAGES, reason="a source distribution under test may have no documents beside it")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """No relative link of a page is broken."""
    links = LINK.findall(page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
