"""Docstrings are prose: no line of a paragraph is left with a word or two in the middle of a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.source import Module, modules

ORPHAN = 20
"""A line of fewer characters, in a sentence that goes on, was left over when a paragraph was wrapped anew."""
_goes_on = re.compile(r"[a-z(`]").match


def orphans(text: str) -> Iterator[str]:
    lines = text.split("\n")
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if "  " in before.strip():
            continue  # a picture
        indents = [len(each) - len(each.lstrip()) for each in (before, line, after)]
        said, short = line.strip(), len(before.strip()) > 60 and 0 < len(line.strip()) < ORPHAN
        prose = said[-1:] not in ".:;|" and not said.startswith((">>>", "..."))
        if short and prose and sorted(indents) == indents and _goes_on(after.strip()):
            yield said


def docstrings(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree()):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_no_line_is_left_with_a_word_or_two(module: Module) -> None:
    assert [f"{module.where}: {said!r}" for text in docstrings(module) for said in orphans(text)] == []


def test_a_broken_paragraph_is_found() -> None:
    broken = (
        "What.\n\n    `key` is the key's bytes. Read it when it is needed, not when the\n    entry\n    is made.\n"
    )
    assert [*orphans(broken)] == ["entry"]
    assert [*orphans(broken.replace("    entry\n    is made", "    entry is made"))] == []
