"""No file needs a file that needs it, however far around; and what is imported is imported at the top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from tests.house.source import Import, Module, imports, modules

STARTING_TIME: Mapping[str, str] = {
    "streams.app": "importlib.metadata takes 15 ms, for who asks for the metric of the version",
    "streams.cli.connect": "a worker alone loads neither the group of workers nor dry runs",
    "streams.cli.entry": "the command answers `--help` before it loads the framework",
    "streams.cli.logs": "who has no terminal loads neither rich nor the runtime",
    "streams.cli.render": "rich takes 20 ms, for who prints a table",
    "streams.clients.connect": "a program that never connects loads no engine",
    "streams.clients.local.door": "the engine itself is loaded by who has it in his process",
    "streams.config.load": "yaml is loaded by who has a file of it",
    "streams.connect.jdbc.connection": "the driver of PostgreSQL is an extra, and a worker without it needs none",
    "streams.connect.rest.serve": "the extra `http` is loaded by who answers by REST",
    "streams.connect.settings_files": "yaml is loaded by who has a file of it",
    "streams.console.serve": "the extra `http` is loaded by who serves the live page",
    "streams.query.serve": "the extra `http` is loaded by who serves queries",
    "streams.runtime.compile.scope": "asyncio is loaded by applications with asynchronous steps",
    "streams.runtime.worker.make_worker": "RocksDB is loaded by applications with stores on disk",
    "streams.serdes": "msgspec and msgpack are loaded by who uses JSON or msgpack",
    "streams.topology.checks": "networkx takes 150 ms",
    "streams.topology.graph": "drawings are loaded by who draws",
    "streams.topology.tools.matching": "hashlib loads OpenSSL",
    "streams.topology.node": "hashlib loads OpenSSL",
    "streams.world": "what files take is loaded by who keeps state",
}
"""Files that import inside a function, and why."""


def circle(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """The files of one circle, each needing the next; none: []."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as found:
        around: list[str] = found.args[1]
        return around[::-1]
    return []


def needs(found: Iterable[tuple[Module, Import]]) -> dict[str, set[str]]:
    names = {module.name for module in modules()}
    all_needs: dict[str, set[str]] = {name: set() for name in names}
    for module, each in found:
        if each.target in names - {module.name}:
            all_needs[module.name].add(each.target)
    return all_needs


def every_import() -> list[tuple[Module, Import]]:
    return [(module, each) for module in modules() for each in imports(module)]


def test_there_are_no_circles_of_files() -> None:
    assert circle(needs(every_import())) == []


def test_a_planted_circle_is_found() -> None:
    low = next(m for m in modules() if m.name == "streams.dsl.refs")
    planted = circle(needs([*every_import(), (low, Import("streams.dsl.builder", 1, True))]))
    assert {"streams.dsl.refs", "streams.dsl.builder"} <= {*planted}


def test_what_is_imported_inside_a_function_would_cost_starting_time() -> None:
    inside = {module.name for module, each in every_import() if not each.top}
    assert inside == {*STARTING_TIME}
