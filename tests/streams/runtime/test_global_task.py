"""What fills a global store."""

from __future__ import annotations

from typing import Any

import pytest

from statestore.memory import MemoryEngine
from streams.clients.api import Fetched
from streams.errors import StreamsException
from streams.exception_handlers import LogAndContinueProcessingExceptionHandler
from streams.metrics.registry import Metrics
from streams.operators.source_table import source_table
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.context import TaskContext
from streams.runtime.tasks.global_task import GlobalTask
from streams.topology.node import GlobalStore, ProcessorNode, StepNode
from streams.topology.store import StoreKind
from tests.streams.runtime.walking import DEFAULTS, STRING, source, step, table

ZERO, ONE = TopicPartition("names", 0), TopicPartition("names", 1)


def filler(
    processor: StepNode | ProcessorNode, kind: StoreKind = StoreKind.TIMESTAMPED_KEY_VALUE, **more: Any
) -> GlobalTask:
    metrics = more.pop("metrics", Metrics())
    context = TaskContext({**DEFAULTS, **more}, metrics, "app")
    store = GlobalStore(table("store", STRING, True, kind), source("names"), processor)
    made = GlobalTask(store, [ZERO, ONE], context, MemoryEngine(), lambda topic: 2)
    made.start(0)
    return made


def fetched(where: TopicPartition, first: int, *rows: tuple[bytes | None, bytes | None, int]) -> Fetched:
    keys, values, times = ([row[at] for row in rows] for at in range(3))
    end = first + len(rows)
    return Fetched(where, RecordBatch(keys, values, times, None, range(first, end), end), None, 0, 0)


def test_all_partitions_fill_the_store_as_they_come() -> None:
    metrics = Metrics()
    task = filler(step("fill", "names", source_table("store"), "store"), metrics=metrics)
    assert task.apply(fetched(ONE, 0, (b"b", b"2", 50)), 0) == 1
    assert task.apply(fetched(ZERO, 0, (b"a", b"1", 5), (None, b"x", 6), (b"b", b"3", 7)), 0) == 3
    positions = task.commit()
    assert {where.partition: position.offset for where, position in positions.items()} == {0: 3, 1: 1}
    store: Any = task.store.access.store
    assert store.get(b"b") == ("3", 7)
    assert not task.store.layers.logged
    assert metrics.total("dropped-records-total") == 1


class Refuses:
    def init(self, context: Any) -> None:
        self.store = context.get_state_store("store")

    def process(self, record: Any) -> None:
        if record.value == "bad":
            raise ValueError("refused")
        self.store.put(record.key, record.value.upper())


def test_the_users_processor_fills_it_its_own_way() -> None:
    task = filler(ProcessorNode("fill", ("names",), (), Refuses), StoreKind.KEY_VALUE)
    task.apply(fetched(ZERO, 0, (b"a", b"x", 5)), 0)
    store: Any = task.store.access.store
    assert store.get(b"a")[0] == "X"
    with pytest.raises(StreamsException):
        task.apply(fetched(ZERO, 1, (b"a", b"bad", 6)), 0)


def test_the_handler_is_asked_only_where_the_setting_says_so() -> None:
    node = ProcessorNode("fill", ("names",), (), Refuses)
    handler = {"processing.exception.handler": LogAndContinueProcessingExceptionHandler}
    with pytest.raises(StreamsException):
        filler(node, StoreKind.KEY_VALUE, **handler).apply(fetched(ZERO, 0, (b"a", b"bad", 6)), 0)
    task = filler(node, StoreKind.KEY_VALUE, **handler, **{"processing.exception.handler.global.enabled": True})
    assert task.apply(fetched(ZERO, 0, (b"a", b"bad", 6), (b"a", b"y", 7)), 0) == 2
    task.close(clean=True)
