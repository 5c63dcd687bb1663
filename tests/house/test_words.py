"""Nothing that is banned, and nothing left over."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.source import ROOT, Module, modules

BANNED = {
    "pickle": "a serde",
    "marshal": "a serde",
    "shelve": "a state store",
    "eval": "a parser",
    "exec": "nothing: only runtime/compile/fuse.py compiles text, and it is our own",
}
LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_no_banned_calls(module: Module) -> None:
    found = []
    for node in ast.walk(module.tree()):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
        named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in [called, *named]:
            if name in BANNED and not (name == "exec" and module.name == "streams.runtime.compile.fuse"):
                found.append(f"{module.where}:{node.lineno} {name}; use {BANNED[name]}")
    assert found == []


def test_yaml_is_loaded_safely() -> None:
    unsafe = re.compile(r"yaml\.(load|unsafe_load|full_load)\(")
    assert [m.where for m in modules() if unsafe.search(m.path.read_text("utf-8"))] == []


def test_nothing_is_left_over() -> None:
    files = [m.path for m in modules()]
    files += [p for place in ("tests", "examples", "benchmarks", "docs") for p in (ROOT / place).rglob("*.py")]
    own = {ROOT / "tests" / "house" / "test_words.py"}
    wrong = [str(p.relative_to(ROOT)) for p in files if p not in own and LEFT_OVER.search(p.read_text("utf-8"))]
    assert wrong == []
