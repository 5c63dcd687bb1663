"""The default of a setting stands in its table, and nowhere else."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping

import pytest

from streams.config.clients import ADMIN, CONSUMER, PRODUCER
from streams.config.streams import SETTINGS
from streams.config.table import Setting
from tests.house.source import Module, modules

TABLES: tuple[Mapping[str, Setting], ...] = (SETTINGS, CONSUMER, PRODUCER, ADMIN)
OUTSIDE = [m for m in modules() if m.name.startswith("streams.") and not m.name.startswith("streams.config.")]


def value_of(node: ast.AST | None) -> object:
    """A literal, or a product of literals; None for all else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = value_of(node.left), value_of(node.right)
        return left * right if isinstance(left, int) and isinstance(right, int) else None
    return None


def defaults(tree: ast.Module) -> Iterator[tuple[int, str, object]]:
    """Where a field, a parameter, a constant or a look-up by name has a literal default: line, name, default."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.lineno, node.target.id, value_of(node.value)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.lineno, node.targets[0].id, value_of(node.value)
        elif isinstance(node, ast.arguments):
            given_by_place = zip(reversed([*node.posonlyargs, *node.args]), reversed(node.defaults), strict=False)
            for parameter, given in (*given_by_place, *zip(node.kwonlyargs, node.kw_defaults, strict=True)):
                yield parameter.lineno, parameter.arg, value_of(given)
        elif isinstance(node, ast.Call):
            for name, given in itertools.pairwise(node.args):
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield node.lineno, name.value, value_of(given)


def written_twice(tree: ast.Module) -> list[str]:
    """Literals that say again what a table says: the name has three or more of the setting's words, or all of them."""
    found = []
    for line, name, value in defaults(tree):
        words = set(name.lower().replace("_", ".").strip(".").split("."))
        for setting in itertools.chain(*(table.values() for table in TABLES)):
            own = set(setting.name.split("."))
            alike = words == own or (len(words) >= 3 and words <= own)
            if alike and type(value) is int and value == setting.default:
                found.append(f"{line}: {name} = {value} is {setting.name}")
                break
    return found


@pytest.mark.parametrize("module", OUTSIDE, ids=lambda module: module.name)
def test_no_default_of_a_setting_stands_beside_its_table(module: Module) -> None:
    assert [f"{module.where}:{found}" for found in written_twice(module.tree())] == []


@pytest.mark.parametrize(
    "code",
    [
        "class Reads:\n    max_wait_ms: int = 500",
        "class Reads:\n    max_partition_bytes: int = 1024 * 1024",
        "def join(group, session_timeout_ms=45_000): ...",
        "def join(group, *, session_timeout_ms=45_000, other): ...",
        "METADATA_MAX_AGE_MS = 300_000",
        'number(settings, "delivery.timeout.ms", 120_000)',
        'settings.get("retry.backoff.ms", 100)',
    ],
)
def test_the_rule_sees_a_default_that_is_written_twice(code: str) -> None:
    assert len(written_twice(ast.parse(code))) == 1


@pytest.mark.parametrize("code", ["max_wait_ms = 501", "def send(linger_ms=0): ...", "RETRY_MS = 50", "limit = 500"])
def test_the_rule_lets_other_numbers_be(code: str) -> None:
    assert written_twice(ast.parse(code)) == []
