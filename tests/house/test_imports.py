"""No import runs uphill, and each foreign library has one door (docs/architecture.md, section 1)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.source import Import, Module, imports, modules

# Every room and what it may know besides itself. `streams.cli` and such name whole rooms.
GROUND = {
    f"streams.{name}"
    for name in (
        *("durations", "record", "errors", "clock", "world", "disk", "names", "validation", "functions", "spelling"),
        *("type_variables", "signatures", "html_table"),
    )
}
SEVENTH = GROUND | {
    f"streams.{name}"
    for name in (
        *("metrics", "dropped", "troubles", "partition", "exception_handlers", "processor", "serdes", "config"),
        *("arguments", "supervisor", "health", "systemd", "log_messages"),
    )
}
INTERFACES = {"statestore.api"}
RUNTIME = ("state", "compile", "tasks", "group", "worker")
"""Its rooms, bottom up: each knows those before it."""
SIXTH = {"streams.topology", "streams.operators", "streams.clients"} | SEVENTH
ROOMS: dict[str, set[str]] = {
    "streams.cli": {"streams", "statestore", "broker_local"},
    "streams.app": {"streams", "statestore"},
    "streams.shown": {"streams", "statestore"},
    "streams.testing": {"streams", "statestore"},
    "streams.http": SEVENTH,
    "streams.query": SIXTH | INTERFACES | {"streams.runtime.worker.mailbox", "streams.state", "streams.http"},
    "streams.console": SIXTH | {"streams.http", "streams.query"},
    "streams.connect": SIXTH,
    "streams.connect.rest": SIXTH | {"streams.connect", "streams.http"},
    "streams.connect.data": GROUND | {"streams.connect.errors"},
    "streams.runtime": SIXTH | {"statestore", "streams.state"},
    **{
        f"streams.runtime.{room}": SIXTH
        | {"statestore", "streams.state"}
        | {f"streams.runtime.{below}" for below in RUNTIME[:floor]}
        for floor, room in enumerate(RUNTIME)
    },
    "streams.state": {"streams.topology", "streams.operators"} | SEVENTH | INTERFACES,
    "streams.dsl": {"streams.topology", "streams.operators"} | SEVENTH,
    "streams.topology": SEVENTH,
    "streams.operators": SEVENTH | INTERFACES,
    "streams.clients.local": {"streams.clients", "broker_local"} | SEVENTH,
    "streams.clients": SEVENTH,
    "streams.metrics": GROUND,
    "streams.health": GROUND,
    "streams.log_messages": GROUND,
    "streams.systemd": GROUND,
    "streams.dropped": GROUND,
    "streams.troubles": GROUND,
    "streams.partition": GROUND,
    "streams.exception_handlers": SEVENTH,
    "streams.supervisor": GROUND | {"streams.systemd"},
    "streams.processor": SEVENTH,
    "streams.arguments": SEVENTH,
    "streams.serdes": SEVENTH,
    "streams.config": SEVENTH,
    "streams.record": GROUND,
    "streams.errors": GROUND,
    "streams.clock": GROUND,
    "streams.world": GROUND,
    "streams.disk": GROUND,
    "streams.durations": GROUND,
    "streams.names": GROUND,
    "streams.html_table": GROUND,
    "streams.validation": GROUND,
    "streams.functions": GROUND,
    "streams.spelling": GROUND,
    "streams.type_variables": GROUND,
    "streams.signatures": GROUND,
    "statestore": set(),
    "broker_local": set(),
    "broker_local.base": set(),
    "broker_local.log": {"broker_local.base"},
    "broker_local.protocol": {"broker_local.base"},
    "broker_local.coordinator": {f"broker_local.{name}" for name in ("base", "log", "protocol")},
    "broker_local.broker": {f"broker_local.{name}" for name in ("base", "log", "protocol", "coordinator")},
    "broker_local.host": {"broker_local"},
}
LIBRARIES: dict[str, tuple[str, ...]] = {
    "rocksdict": ("statestore.rocks",),
    "networkx": ("streams.topology.checks",),
    "confluent_kafka": ("streams.clients.kafka",),
    "cramjam": ("streams.clients.kafka.compression",),
    "google_crc32c": ("streams.clients.kafka.record_batch",),
    "lz4": ("streams.clients.kafka.compression",),
    "kafka": ("streams.clients.kafka",),
    "click": ("streams.cli", "broker_local.host.cli"),
    "rich": ("streams.cli.render", "streams.cli.terminal"),
    "yaml": ("streams.config.load", "streams.connect.settings_files"),
    "typing_extensions": ("streams.type_variables",),  # for checkers, which bring it
    "msgspec": ("streams.serdes", "streams.connect.converters.json", "streams.console", "broker_local.log.payload"),
    "msgpack": ("broker_local", "streams.serdes"),
    "murmurhash2": ("streams.partition",),
    "psycopg": ("streams.connect.jdbc.postgres",),
    "starlette": ("streams.http", "streams.query", "streams.connect.rest", "streams.console"),
    "uvicorn": ("streams.http.server", "streams.query.serve", "streams.connect.rest.serve"),
    "mmh3": ("streams.serdes.murmur3",),
}
LAZY = ("networkx",)
"""Libraries that are imported inside functions only: they cost more than `import streams` may."""


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def room_of(name: str) -> str | None:
    fitting = [room for room in ROOMS if within(name, room)]
    return max(fitting, key=len) if fitting else None


def uphill(module: Module, found: Import) -> bool:
    """Does this import go where the module's room may not?"""
    room = room_of(module.name)
    if room is None or not any(within(found.target, top) for top in ("streams", "statestore", "broker_local")):
        return False
    allowed = ROOMS[room] | {room}
    return not any(within(found.target, place) for place in allowed)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_no_import_runs_uphill(module: Module) -> None:
    wrong = [found for found in imports(module) if uphill(module, found)]
    assert [f"{module.where}:{found.line} imports {found.target}" for found in wrong] == []


def test_every_file_belongs_to_a_room() -> None:
    rootless = {"streams"}
    assert [m.name for m in modules() if room_of(m.name) is None and m.name not in rootless] == []


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_foreign_libraries_have_one_door(module: Module) -> None:
    own = {"streams", "statestore", "broker_local", *sys.stdlib_module_names}
    wrong = []
    for found in imports(module):
        library = found.target.split(".")[0]
        if library in own:
            continue
        doors = LIBRARIES.get(library, ())
        if not any(within(module.name, door) for door in doors):
            wrong.append(f"{module.where}:{found.line} imports {library}")
        if library in LAZY and found.top:
            wrong.append(f"{module.where}:{found.line} imports {library} outside a function")
    assert wrong == []


def test_the_rule_sees_a_wrong_import() -> None:
    low = next(m for m in modules() if m.name == "streams.record")
    assert uphill(low, Import("streams.runtime", 1, True))
    assert uphill(Module(low.path, "statestore.api"), Import("streams.record", 1, True))
    assert not uphill(Module(low.path, "streams.runtime.tasks.task"), Import("statestore.api", 1, True))
    assert uphill(Module(low.path, "streams.runtime.state.stores"), Import("streams.runtime.tasks.task", 1, True))


def test_importing_streams_is_light() -> None:
    heavy = ("networkx", "rocksdict", "msgspec", "click", "rich", "yaml")
    program = f"import streams, sys; print([m for m in {heavy} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
