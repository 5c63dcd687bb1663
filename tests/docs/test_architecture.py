"""The map of the house names every file of every room, and none that is not there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT

LABEL = re.compile(r"\*\*`([a-z_]+)/`\*\*")
PLACES = {"statestore": "statestore", "broker_local": "broker_local", "local": "streams/clients/local"}


def told() -> dict[str, set[str]]:
    """The files that the page names, by room. What stands in parentheses is an explanation."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    section = page.partition("## 2.")[2].partition("## 3.")[0]
    pieces = LABEL.split(section)[1:]
    rooms = zip(pieces[::2], pieces[1::2], strict=True)
    return {room: set(re.findall(r"`([a-z_0-9]+)`", re.sub(r"\([^()]*\)", "", text))) for room, text in rooms}


def there(room: str) -> set[str]:
    place = ROOT / PLACES.get(room, f"streams/{room}")
    return {path.stem for path in place.glob("*.py")} - {"__init__"}


def rooms() -> list[str]:
    found = [path.parent.name for path in (ROOT / "streams").rglob("__init__.py") if path.parent != ROOT / "streams"]
    return [*sorted(found), "statestore", "broker_local"]


@pytest.mark.parametrize("room", rooms())
def test_every_file_stands_on_the_map(room: str) -> None:
    assert told().get(room, set()) == there(room), f"docs/architecture.md, section 2: {room}"
