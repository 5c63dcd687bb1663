"""Checkers understand what the pages, the examples and the files beside this show, and refuse what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, name
from tests.docs.test_pages import CODE
from tests.typing.checkers import CHECKERS, Complaints

HERE = Path(__file__).parent
MARK = "  # refused"


def program(code: Sequence[Block]) -> str:
    """The blocks of a page as one program, as a reader would type them, on the lines where they stand."""
    lines: list[str] = []
    for block in code:
        lines += [""] * (block.line - 1 - len(lines)) + block.text.splitlines()
    return "\n".join(lines) + "\n"


SHOWN = {f"pages/{re.sub(r'[-/.]', '_', name(page))}.py": program(code) for page, code in CODE}
"""Pages whose code runs (`tests.docs.test_pages`)."""
EXAMPLES = {
    f"examples/{path.relative_to(ROOT / 'examples').as_posix()}": path.read_text("utf-8")
    for path in sorted((ROOT / "examples").rglob("*.py"))
}
RIGHT = {path.name: path.read_text("utf-8") for path in sorted(HERE.glob("right_*.py"))}
WRONG = {path.name: path.read_text("utf-8") for path in sorted(HERE.glob("wrong_*.py"))}


@pytest.fixture(scope="module", params=CHECKERS)
def complaints(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Complaints:
    """One run of a checker over all of them."""
    directory = tmp_path_factory.mktemp(request.param)
    return CHECKERS[request.param](directory, SHOWN | EXAMPLES | RIGHT | WRONG)


def told(complaints: Complaints, files: Iterable[str]) -> list[str]:
    return [f"{file}:{line}: {why}" for file in files for line, why in complaints[file].items()]


def test_what_the_pages_show_passes(complaints: Complaints) -> None:
    assert told(complaints, SHOWN) == []


def test_the_examples_pass(complaints: Complaints) -> None:
    assert told(complaints, EXAMPLES) == []


def test_the_right_uses_pass(complaints: Complaints) -> None:
    assert len(RIGHT) > 0
    assert told(complaints, RIGHT) == []


@pytest.mark.parametrize("file", WRONG)
def test_each_wrong_line_is_refused_and_no_other(complaints: Complaints, file: str) -> None:
    lines = dict(enumerate(WRONG[file].splitlines(), 1))
    expected = {number: text for number, text in lines.items() if text.endswith(MARK)}
    refused = {number: lines[number] for number in complaints[file]}
    assert len(expected) > 10
    assert refused == expected
