"""The glossary and the code use the same words."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import ROOT, rows
from tests.house.source import modules
from tests.house.test_words import RETIRED, words

GLOSSARY = {row[0]: "".join(row[2:]) for row in rows(ROOT / "docs" / "glossary.md") if row[0] != "Word"}


@cache
def defined() -> set[str]:
    """Names of classes, functions and constants, `Class.member` of what a class has, and paths of files."""
    found = set()
    for module in modules():
        parts = module.where.split("/")
        found |= {"/".join(parts[at:]) for at in range(len(parts))}
        for node in ast.walk(module.tree()):
            if isinstance(node, ast.ClassDef):
                found |= {f"{node.name}.{name}" for each in node.body for name in names(each)}
            found |= set(names(node))
    return found


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign | ast.Assign):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


@pytest.mark.parametrize("word", GLOSSARY)
def test_a_word_of_the_glossary_is_one_of_the_code(word: str) -> None:
    shown = re.findall(r"`([^`]+)`", GLOSSARY[word])
    assert shown
    assert set(shown) - defined() == set()


def test_the_glossary_is_in_order_and_free_of_retired_words() -> None:
    found = [word.replace("-", " ") for word in GLOSSARY]
    assert found == sorted(found)
    assert words(" ".join(found)) & set(RETIRED) == set()


def test_the_rule_sees_a_word_that_the_code_does_not_have() -> None:
    assert {"RecordBatch", "Fetched.caught_up_at", "clients/api.py", "copartition.py"} <= defined()
    assert not {"Seat", "Fetched.pulse", "clients/seat.py"} & defined()
