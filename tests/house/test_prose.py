"""Docstrings are whole: what an automatic reflow does to them is found."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.source import Module, modules

SHORT = 20
"""A line of a paragraph that is shorter was broken off: the next word would have had room."""
ITEM = re.compile(r"\s*(?:[*-] |\d+\.? |>>> |\.\.\. |\||[\w`*./()]+(?:, [\w`*./()]+)*:(?:\s|$))")
"""What stands for itself: a bullet, a number, an example, a row, a name with its meaning."""
DRAWN = re.compile(r"[│├└┌─▶▼→‖]|\S {2,}\S|[=(\[{]$|^\s{8,}")
"""No running text: a picture, columns, code."""
RUN_ON = re.compile(r"[;.] \* \w")
"""Bullets that have become one line."""


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Those of definitions, and those behind attributes; with the line each begins at."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            value = child.value if isinstance(child, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield child.lineno, value.value


def broken(tree: ast.Module) -> list[int]:
    """The lines at which docstrings were broken."""
    found = []
    for first, text in docstrings(tree):
        head, *rest = text.splitlines()
        margin = min((indent(line) for line in rest if line.strip()), default=0)
        lines = [head.lstrip(), *(line[margin:] for line in rest)]
        example = False  # its output stands as it comes
        for number, (line, after) in enumerate(zip(lines, [*lines[1:], ""], strict=True)):
            example = line.lstrip().startswith(">>> ") or (example and bool(line.strip()))
            deeper = indent(after) - indent(line)
            short = 0 < len(line.strip()) < SHORT and not line.endswith((":", "/"))
            stands = ITEM.match(line) or DRAWN.search(line) or ITEM.match(after) or (not deeper and DRAWN.search(after))
            if RUN_ON.search(line) or (not example and short and not stands and after.strip() and deeper >= 0):
                found.append(first + number)
    return found


def indent(line: str) -> int:
    return len(line) - len(line.lstrip())


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_no_docstring_is_broken(module: Module) -> None:
    assert [f"{module.where}:{line}" for line in broken(module.tree())] == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Keeps what it is given, and gives it back to whoever asks for\n    it\n    again, as often as he does.", 2),
        ("What it has, as it was read, and as nobody can have changed it that\nmay\nstand for it: no more.", 2),
        ("Of a sort:\n\n    * one comes first, as\n      said; * another comes second\n    ", 4),
        ("Listed:\n\n    * one, of which there is more to say than there is room\n    for\n      it;\n    ", 4),
        ("Of an attribute, which says in more than one line what it would\ncost\nmore than all the rest.", 2),
    ],
)
def test_the_rule_sees_a_broken_docstring(text: str, line: int) -> None:
    heads = ("", "def kept() -> None:\n    ", "class Kept:\n    at: int\n    ")
    for code in (f'{head}"""{text}"""' for head in heads):
        before = code.partition('"""')[0].count("\n")
        assert broken(ast.parse(code)) == [before + line]


@pytest.mark.parametrize(
    "text",
    [
        "Sends it.\n\n    Args:\n        it: what is sent.\n        to: where.\n    ",
        "In order:\n\n    * first;\n    * second.\n    ",
        "Drawn:\n\n    a ──▶ b\n    b ──▶ c\n    ",
        ">>> one\n    1\n    1\n    >>> two\n    2\n    ",
    ],
)
def test_the_rule_lets_lists_and_pictures_be(text: str) -> None:
    assert broken(ast.parse(f'def kept() -> None:\n    """{text}"""')) == []
