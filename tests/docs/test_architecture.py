"""The page of the house shows every folder and names only what there is; folders say what they hold."""

from __future__ import annotations

import ast
import re

import pytest

from tests.docs.pages import ROOT, blocks
from tests.house.source import PACKAGES, modules
from tests.house.test_glossary import names

PAGE = ROOT / "docs" / "architecture.md"
WALKS = ("a record", "a commit", "an abort", "a rebalance")
NAMED = re.compile(r"\b([\w/]+\.py): ([\w.]+(?:, [\w.]+)*)")


def folders() -> list[str]:
    return [path.parent.relative_to(ROOT).as_posix() for top in PACKAGES for path in (ROOT / top).rglob("__init__.py")]


def test_every_folder_stands_on_the_map() -> None:
    page = PAGE.read_text("utf-8")
    drawn = set(re.findall(r"(?<![\w/])([a-z_]+)/", page.partition("## 1.")[2].partition("| Floor")[0]))
    assert {folder.rpartition("/")[2] for folder in folders()} - drawn == set()


def test_every_folder_says_what_it_holds() -> None:
    silent = [f for f in folders() if not ast.get_docstring(ast.parse((ROOT / f / "__init__.py").read_text("utf-8")))]
    assert silent == []


def pictures() -> dict[str, str]:
    """The walks, by what walks."""
    page = PAGE.read_text("utf-8").splitlines()
    found = {}
    for block in blocks(PAGE, "text"):
        title = next(line for line in reversed(page[: block.line - 1]) if line.startswith("### "))
        found[title.removeprefix("### The walk of ")] = block.text
    return found


def missing(file: str, function: str) -> str:
    """What is wrong with `file: function`; "" where there is such a one."""
    found = [module for module in modules() if f"/{module.where}".endswith(f"/{file}")]
    if len(found) != 1:
        return f"{file} is {len(found)} files"
    home, _, name = function.rpartition(".")
    for node in ast.walk(found[0].tree()):
        own = node.name == home if isinstance(node, ast.ClassDef) else isinstance(node, ast.Module) and not home
        if own and any(name in names(each) for each in ast.iter_child_nodes(node)):
            return ""
    return f"{file} has no {function}"


def test_the_page_shows_four_walks() -> None:
    assert tuple(pictures()) == WALKS


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_names_files_and_functions_that_there_are(walk: str) -> None:
    steps = [(file, each) for file, functions in NAMED.findall(pictures()[walk]) for each in functions.split(", ")]
    assert len(steps) >= 8
    assert [wrong for step in steps if (wrong := missing(*step))] == []


def test_the_rule_sees_what_is_not_there() -> None:
    assert not missing("clients/api.py", "Reader.seek")
    assert not missing("config/clients.py", "is_bundled")
    assert missing("clients/api.py", "Reader.place")
    assert missing("clients/api.py", "seek")
    assert missing("clients/flow.py", "Flow")
    assert missing("api.py", "Reader.seek"), "two files end so"
