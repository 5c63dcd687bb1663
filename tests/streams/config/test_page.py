"""The page of settings says what the tables say."""

from __future__ import annotations

from pathlib import Path

from streams.config.docs_page import page
from streams.config.streams import SETTINGS

SHOWN = Path(__file__).parents[3] / "docs" / "settings.md"


def test_the_page_is_made_from_the_tables() -> None:
    assert SHOWN.read_text("utf-8") == page(), "python -m streams.config.docs_page > docs/settings.md"


def test_every_public_setting_is_on_the_page() -> None:
    text = page()
    assert [name for name in SETTINGS if not name.startswith("__") and f"| `{name}` |" not in text] == []
