"""The project's pages as tests see them: code blocks and tables of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "examples" / "README.md",
]
BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block, and the line its text begins at."""

    language: str
    text: str
    line: int


def blocks(page: Path, language: str) -> list[Block]:
    source = page.read_text("utf-8")
    return [
        Block(found["language"], found["text"], source.count("\n", 0, found.start("text")) + 1)
        for found in BLOCK.finditer(source)
        if found["language"] == language
    ]


def rows(page: Path) -> Iterator[list[str]]:
    """The rows of all tables, without heads."""
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("|") and not line.startswith("|---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()
