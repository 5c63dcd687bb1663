"""Each kind of store is in each table; a step that asks for another kind is told so."""

from __future__ import annotations

from typing import Any

import pytest

from statestore.memory import MemoryEngine
from streams.errors import ConfigException
from streams.operators.base import StoreAccess
from streams.runtime.compile.scope import NodeScope
from streams.runtime.state.stores import LAYERS, Engines, open_store
from streams.state.iterators import Lease
from streams.state.kinds import KINDS, face
from streams.state.store import Caller
from streams.testing import TopologyTestDriver
from streams.topology.store import StoreKind
from tests.streams.runtime.walking import LONGS, table

KEYED = {StoreKind.KEY_VALUE, StoreKind.TIMESTAMPED_KEY_VALUE, StoreKind.LRU}
FITTING = {
    "key_value_store": KEYED | {StoreKind.OUTER_JOIN, StoreKind.JOIN_BUFFER},
    "table_store": KEYED | {StoreKind.OUTER_JOIN, StoreKind.JOIN_BUFFER, StoreKind.VERSIONED},
    "window_store": {StoreKind.WINDOW, StoreKind.TIMESTAMPED_WINDOW},
    "session_store": {StoreKind.SESSION},
    "suppress_buffer": {StoreKind.SUPPRESS_BUFFER},
}


def access(kind: StoreKind) -> StoreAccess[object]:
    spec = table("kept", LONGS, kind=kind, retention_ms=1_000, window_ms=10, max_entries=5)
    return open_store(spec, Engines(MemoryEngine(), MemoryEngine()), {}, "log", True).access


class Host:
    """All that a scope asks of its task for a store."""

    def __init__(self, kind: StoreKind) -> None:
        self._access = access(kind)

    def access(self, name: str) -> StoreAccess[object] | None:
        return self._access if name == "kept" else None


def scope(kind: StoreKind) -> Any:
    host: Any = Host(kind)
    return NodeScope(host, "THE-NODE", frozenset(), False)


@pytest.mark.parametrize("kind", StoreKind)
def test_each_kind_can_be_built_and_shown(kind: StoreKind) -> None:
    spec = table("kept", LONGS, kind=kind)
    assert kind in LAYERS and kind in KINDS
    shown = face(spec, access(kind), Caller(Lease(), lambda: 0))
    assert shown.name == "kept" and shown.is_open


@pytest.mark.parametrize("kind", [kind for kind in StoreKind if KINDS[kind].words is not None])
def test_the_test_driver_has_a_getter_for_each_kind_of_users(kind: StoreKind) -> None:
    assert callable(getattr(TopologyTestDriver, KINDS[kind].getter))


@pytest.mark.parametrize("asked", FITTING)
@pytest.mark.parametrize("kind", StoreKind)
def test_a_step_gets_a_store_of_the_kind_it_asks_for_or_is_told(asked: str, kind: StoreKind) -> None:
    ask = getattr(scope(kind), asked)
    if kind in FITTING[asked]:
        assert ask("kept").name == "kept"
        return
    with pytest.raises(ConfigException) as refused:
        ask("kept")
    assert all(name in str(refused.value) for name in ("THE-NODE", "kept", kind.value))


def test_a_store_that_is_not_connected_is_no_store_of_the_step() -> None:
    with pytest.raises(ConfigException, match="THE-NODE has no access to StateStore other"):
        scope(StoreKind.KEY_VALUE).window_store("other")
