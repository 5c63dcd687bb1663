"""The source as the house rules see it: files, their imports, their sizes."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("streams", "statestore", "broker_local")


class Module(NamedTuple):
    """A source file and the dotted name it is imported by."""

    path: Path
    name: str
    root: Path = ROOT

    @property
    def where(self) -> str:
        return self.path.relative_to(self.root).as_posix()

    def tree(self) -> ast.Module:
        return parsed(self.path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@cache
def modules(root: Path = ROOT) -> tuple[Module, ...]:
    """The product's files, of this tree or of another."""
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(path, name, root))
    return tuple(found)


class Import(NamedTuple):
    """One import: what is imported, and whether at the file's top (not inside a function)."""

    target: str
    line: int
    top: bool


def imports(module: Module) -> Iterator[Import]:
    """All imports of a file, those under `if TYPE_CHECKING` and inside functions too."""
    inside = {
        id(node)
        for function in ast.walk(module.tree())
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
    }
    names = {m.name for m in modules(module.root)}
    for node in ast.walk(module.tree()):
        top = id(node) not in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, top)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield Import(full if full in names else node.module, node.lineno, top)


class Doors(NamedTuple):
    """The doors out of the type system, counted by their words."""

    any: int
    cast: int
    ignore: int


def doors(path: Path) -> Doors:
    text = path.read_text("utf-8")
    any_ = cast = 0
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and before != ".":  # a method of that name is another thing
            any_ += token.string == "Any"
            cast += token.string == "cast"
        before = token.string
    return Doors(any_, cast, len(re.findall(r"#\s*type:\s*ignore", text)))


def comment_lines(path: Path) -> int:
    """Lines that hold a comment and nothing else."""
    return sum(line.lstrip().startswith("#") for line in path.read_text("utf-8").splitlines())


def code_lines(path: Path) -> int:
    """Lines that hold code: docstrings, comments and blank lines are free."""
    text = path.read_text("utf-8")
    lines: set[int] = set()
    free = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in free:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            lines -= docstring_lines(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def docstring_lines(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    if ast.get_docstring(node, clean=False) is None:
        return set()
    first = node.body[0]
    return set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
