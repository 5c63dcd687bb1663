"""Walks the tree that `parse` makes. What names mean is handed in as a `World`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from tests.goldens.java.parse import Tree


class World(Protocol):
    """What Java's names mean in Python."""

    def lookup(self, name: str) -> Any: ...
    def create(self, name: str, arguments: list[Any]) -> Any: ...
    def call(self, target: Any, method: str, arguments: list[Any]) -> Any: ...
    def function(self, method: str, arguments: list[Any]) -> Any: ...
    def field(self, target: Any, name: str) -> Any: ...
    def reference(self, target: Any, method: str) -> Any: ...
    def error(self, thrown: Any) -> Exception: ...


class Returned(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


def run(program: list[Tree], world: World, names: dict[str, Any]) -> Any:
    """Runs the statements; `names` are the variables, changed in place. Gives the last statement's value."""
    last = None
    for statement in program:
        last = execute(statement, world, names)
    return last


def execute(tree: Tree, world: World, names: dict[str, Any]) -> Any:
    match tree:
        case ("set" | "assign", name, value):
            names[name] = evaluate(value, world, names)
            return names[name]
        case ("do", value):
            return evaluate(value, world, names)
        case ("block", body):
            for statement in body:
                execute(statement, world, names)
        case ("return", value):
            raise Returned(evaluate(value, world, names))
        case ("throw", value):
            raise world.error(evaluate(value, world, names))
        case ("if", test, then, otherwise):
            execute(then if evaluate(test, world, names) else otherwise, world, names)
        case ("for", name, items, body):
            for item in evaluate(items, world, names):
                names[name] = item
                execute(body, world, names)
        case _:
            raise SyntaxError(f"statement {tree[0]}")
    return None


def evaluate(tree: Tree, world: World, names: dict[str, Any]) -> Any:
    match tree:
        case ("value", value):
            return value
        case ("null",):
            return None
        case ("name", name):
            return names[name] if name in names else world.lookup(name)
        case ("cast", _, inner):
            return evaluate(inner, world, names)
        case ("assign", name, value):
            names[name] = evaluate(value, world, names)
            return names[name]
        case ("lambda", parameters, body):
            return function(parameters, body, world, names)
        case ("choose", test, then, otherwise):
            return evaluate(then if evaluate(test, world, names) else otherwise, world, names)
        case ("binary", operator, left, right):
            return BINARY[operator](evaluate(left, world, names), evaluate(right, world, names))
        case ("unary", "-", inner):
            return -evaluate(inner, world, names)
        case ("unary", "!", inner):
            return not evaluate(inner, world, names)
        case ("increment", ("name", name)):
            names[name] += 1
            return names[name] - 1
        case ("index", target, place):
            return evaluate(target, world, names)[evaluate(place, world, names)]
        case ("array", items):
            return [evaluate(item, world, names) for item in items]
        case ("bytes", size):
            return bytes(evaluate(size, world, names))
        case ("new", name, arguments):
            return world.create(name, [evaluate(a, world, names) for a in arguments])
        case ("call", None, method, arguments):
            return world.function(method, [evaluate(a, world, names) for a in arguments])
        case ("call", target, method, arguments):
            on = evaluate(target, world, names)
            return world.call(on, method, [evaluate(a, world, names) for a in arguments])
        case ("field", target, name):
            return world.field(evaluate(target, world, names), name)
        case ("reference", target, method):
            return world.reference(evaluate(target, world, names), method)
    raise SyntaxError(f"expression {tree[0]}")


def text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def add(left: Any, right: Any) -> Any:
    return text(left) + text(right) if isinstance(left, str) or isinstance(right, str) else left + right


def divide(left: Any, right: Any) -> Any:
    """Whole numbers are cut towards zero."""
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    whole = abs(left) // abs(right)
    return whole if (left < 0) == (right < 0) else -whole


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": divide,
    "%": lambda a, b: a - b * divide(a, b),
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
    "&&": lambda a, b: a and b,
    "||": lambda a, b: a or b,
}


def function(parameters: list[str], body: Tree, world: World, names: dict[str, Any]) -> Callable[..., Any]:
    """A lambda as a function whose signature can be read: arity decides the overload here as in Java."""

    def call(*arguments: Any) -> Any:
        inner = {**names, **dict(zip(parameters, arguments, strict=True))}
        try:
            execute(body, world, inner)
        except Returned as returned:
            return returned.value
        return None

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    call.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in parameters]
    )
    return call
