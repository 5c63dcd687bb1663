"""What happens in one named file only (docs/architecture.md, section 1; decision 19)."""

from __future__ import annotations

import ast

from tests.house.source import Module, imports, modules

KINDS = ("keyvalue", "window", "session", "versioned", "lru", "cached_lru", "buffer")
THREADS = {
    "streams.world": "those that a world starts",
    "streams.testing.world": "those that a simulated one starts, which work in turns",
    "broker_local.base.world": "fsync; in the child that compacts the one that ends with its engine",
}


def called(module: Module) -> set[str]:
    """The last names of what a file calls."""
    calls = [node.func for node in ast.walk(module.tree()) if isinstance(node, ast.Call)]
    return {f.attr if isinstance(f, ast.Attribute) else f.id for f in calls if isinstance(f, ast.Attribute | ast.Name)}


def test_one_file_builds_concrete_stores() -> None:
    concrete = {f"statestore.{kind}" for kind in KINDS}
    assert concrete <= {m.name for m in modules()}
    builders = {
        m.name
        for m in modules()
        if not m.name.startswith("statestore") and any(found.target in concrete for found in imports(m))
    }
    assert builders == {"streams.runtime.state.stores"}


def test_each_kind_of_thread_lives_in_one_file() -> None:
    threaded = {m.name for m in modules() if "Thread" in called(m)}
    assert threaded <= set(THREADS)
    assert "streams.world" in threaded
