"""The map of the house shows every folder, and each folder says what it holds."""

from __future__ import annotations

import ast
import re

from tests.docs.pages import ROOT
from tests.house.source import PACKAGES


def folders() -> list[str]:
    return [path.parent.relative_to(ROOT).as_posix() for top in PACKAGES for path in (ROOT / top).rglob("__init__.py")]


def test_every_folder_stands_on_the_map() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    drawn = set(re.findall(r"(?<![\w/])([a-z_]+)/", page.partition("## 1.")[2].partition("| Floor")[0]))
    assert {folder.rpartition("/")[2] for folder in folders()} - drawn == set()


def test_every_folder_says_what_it_holds() -> None:
    silent = [f for f in folders() if not ast.get_docstring(ast.parse((ROOT / f / "__init__.py").read_text("utf-8")))]
    assert silent == []
