"""The page of metrics is made from the tables."""

from __future__ import annotations

from pathlib import Path

from streams.metrics.docs_page import page

SHOWN = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_is_made_from_the_tables() -> None:
    assert SHOWN.read_text("utf-8") == page(), "python -m streams.metrics.docs_page > docs/metrics.md"
