"""A file holds one idea and a function fits a screen."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from tests.house.source import Module, code_lines, modules

FILE_LINES = 500
FUNCTION_LINES = 60
LONGER: Mapping[str, str] = {
    "streams.log_messages.codes": "data: a row for each code",
    "streams.dsl.faces": "signatures: the classes of the DSL name each other, so they stand in one file",
}
"""Files that are data or signatures, and are long for that: each with the reason."""


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_files_stay_small(module: Module) -> None:
    if module.name not in LONGER:
        assert code_lines(module.path) <= FILE_LINES, f"{module.where}: find the second idea in it"


def test_room_is_made_for_those_who_need_it() -> None:
    lines = {module.name: code_lines(module.path) for module in modules()}
    assert [name for name in LONGER if lines.get(name, 0) <= FILE_LINES] == []


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
