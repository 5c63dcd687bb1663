"""What a program takes from the machine comes in by one door; what decides takes it as arguments."""

from __future__ import annotations

from tests.house.source import Module, imports, modules

MACHINE = {"time", "threading", "select", "selectors", "random", "secrets"}
WORLDS = {
    "streams.world": "the machine's",
    "streams.testing.world": "the simulated one",
    "broker_local.base.world": "the machine's, for who has no `streams`",
}
OUTSIDE = {"os", "socket", "subprocess", "signal", "fcntl", "resource", "uuid"}
"""What makes files, processes and connections, or tells one machine from another."""
KEEPERS = {"broker_local.base.files", "broker_local.base.mem_files", "broker_local.base.world"}
"""Of the engine's files those that have them; the rooms `host` and `cli` run as processes."""
PURE_ROOMS = ("streams.operators", "streams.topology", "broker_local", "statestore")
HOSTS = ("broker_local.host", "statestore.rocks")


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def found_in(module: Module, banned: set[str]) -> list[str]:
    return [f"{module.where}:{i.line} imports {i.target}" for i in imports(module) if i.target.split(".")[0] in banned]


def test_one_file_a_package_takes_time_threads_and_chance_from_the_machine() -> None:
    """All others take them from the `World` that is handed in (`streams.world`, `broker_local.base.world`)."""
    told = [m for m in modules() if within(m.name, "streams") or within(m.name, "broker_local")]
    assert [wrong for m in told if m.name not in WORLDS for wrong in found_in(m, MACHINE)] == []


def test_what_decides_touches_no_file_and_no_process() -> None:
    """The engine below the room that runs it as a process, state stores above the disk, operators and topologies."""
    rooms = [m for m in modules() if any(within(m.name, room) for room in PURE_ROOMS)]
    pure = [m for m in rooms if m.name not in KEEPERS and not any(within(m.name, host) for host in HOSTS)]
    assert [wrong for m in pure for wrong in found_in(m, OUTSIDE)] == []
