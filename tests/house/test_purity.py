"""Files that are meant to be pure take input and the time, and give back what is to be done."""

from __future__ import annotations

import pytest

from tests.house.source import Module, imports, modules

WORLD = {"os", "time", "random", "uuid", "socket", "threading", "selectors", "subprocess", "datetime"}
MACHINE = {"time", "threading", "select", "selectors", "random", "secrets"}
WORLDS = {"streams.world": "the machine's", "streams.testing.world": "the simulated one"}
PURE = (
    "streams.operators",
    "streams.topology",
    "streams.runtime.group.assign",
    "streams.runtime.tasks.inbox",
    "streams.runtime.compile.code",
    "streams.clients.member",
    "streams.clients.assignors",
    "statestore.keys",
    "statestore.ordered",
    "statestore.merge",
    "broker_local.coordinator.group",
    "broker_local.coordinator.offsets",
    "broker_local.log.compaction",
    "broker_local.log.format",
    "broker_local.log.producers",
    "broker_local.protocol.requests",
)


def pure() -> list[Module]:
    return [m for m in modules() if any(m.name == p or m.name.startswith(p + ".") for p in PURE)]


def test_one_file_of_streams_takes_time_threads_and_chance_from_the_machine() -> None:
    """All others take them from the `World` that is handed in (`streams.world`)."""
    wrong = [
        f"{module.where}:{i.line} imports {i.target}"
        for module in modules()
        if module.name.startswith("streams.") and module.name not in WORLDS
        for i in imports(module)
        if i.target.split(".")[0] in MACHINE
    ]
    assert wrong == []


@pytest.mark.parametrize("module", pure(), ids=lambda module: module.name)
def test_pure_files_do_not_touch_the_world(module: Module) -> None:
    wrong = [f"{module.where}:{i.line} imports {i.target}" for i in imports(module) if i.target.split(".")[0] in WORLD]
    assert wrong == []


def test_every_pure_file_exists() -> None:
    names = {m.name for m in modules()}
    assert [name for name in PURE if name not in names] == []
