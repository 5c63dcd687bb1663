"""A file holds one idea and a function fits a screen."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.source import Module, code_lines, modules

FILE_LINES = 500
FUNCTION_LINES = 60
ROOMY = {
    "streams.dsl.faces": "signatures: the classes of the DSL name each other, so they stand in one file",
}
"""Files that are data or signatures, which no bound on lines makes easier to read."""
BAD_WORDS = re.compile(r"(?i)(^|_)(manager|helper|helpers|util|utils|misc|common)($|_)|(Manager|Helper|Util)s?$")
KAFKAS = {"log_manager", "LogManager"}
"""Kafka's own words."""


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_files_stay_small(module: Module) -> None:
    assert code_lines(module.path) <= FILE_LINES or module.name in ROOMY, f"{module.where}: find the second idea in it"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_functions_fit_a_screen(module: Module) -> None:
    long = []
    for node in ast.walk(module.tree()):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            start = node.body[0].lineno if ast.get_docstring(node) is None else (node.body[0].end_lineno or 0) + 1
            length = (node.end_lineno or 0) - start + 1
            if length > FUNCTION_LINES:
                long.append(f"{module.where}:{node.lineno} {node.name} has {length} lines")
    assert long == []


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_names_say_what_things_are(module: Module) -> None:
    names = [module.path.stem]
    names += [n.name for n in ast.walk(module.tree()) if isinstance(n, (ast.ClassDef, ast.FunctionDef))]
    assert [f"{module.where}: {name}" for name in names if BAD_WORDS.search(name) and name not in KAFKAS] == []
