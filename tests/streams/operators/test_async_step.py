"""Values made by asynchronous functions: order, bounds, errors, and what stands around the step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from statestore.memory import MemoryEngine
from streams import Response, StreamsBuilder
from streams.clients.api import Fetched
from streams.config.application import StreamsConfig
from streams.errors import IllegalArgumentException, StreamsException, TimeoutException, TopologyException
from streams.exception_handlers import LogAndContinueProcessingExceptionHandler
from streams.metrics.registry import Metrics
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.context import TaskContext
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.task import StreamTask, output_of
from streams.topology.node import TaskId
from tests.streams.operators.running import DEFAULTS, UNCACHED, Running

IN = TopicPartition("in", 0)


class Runs:
    """A task fed with a whole batch, so that its runs are longer than the test driver's."""

    def __init__(self, build: Callable[[StreamsBuilder], None], **config: Any) -> None:
        builder = StreamsBuilder()
        build(builder)
        settings = StreamsConfig({**DEFAULTS, **UNCACHED, **config})
        built = builder.build(settings).built(settings)
        self.metrics = Metrics()
        context = TaskContext(settings, self.metrics, "app")
        self.state = TaskState(TaskId(0, 0), built.subtopologies[0], context, MemoryEngine())
        self.output = output_of(lambda topic: 1)
        self.begin()

    def begin(self) -> None:
        self.task = StreamTask(self.state, [IN], self.output)
        self.task.start(0)

    def send(self, *rows: tuple[str, str], start: int = 0) -> int:
        """Processes rows as one batch; timestamps are their offsets. The number of records of the first run."""
        keys, values = ([row[at].encode() for row in rows] for at in (0, 1))
        end = start + len(rows)
        times = list(range(start, end))
        self.task.add(Fetched(IN, RecordBatch(keys, values, times, None, range(start, end), end), end, 0, 0))
        return self.task.run(0)

    def out(self) -> list[str]:
        """What was written to `out`, as `key=value@timestamp`."""
        found = []
        for batch in (each.batch for each in self.task.outbox.due(0, idle=True) if each.partition.topic == "out"):
            for key, value, ts in zip(batch.keys, batch.values, batch.timestamps, strict=True):
                found.append(f"{(key or b'').decode()}={(value or b'').decode()}@{ts}")
        return found


def test_a_run_is_awaited_together_and_goes_on_in_order() -> None:
    """All calls are in flight at once: each waits for the one that comes last in the input."""
    arrived: list[str] = []

    async def answer(value: str) -> str:
        arrived.append(value)
        while len(arrived) < 3:
            await asyncio.sleep(0)
        return value.upper()

    runs = Runs(lambda b: b.stream("in").map_values_async(answer).to("out"))
    assert runs.send(("k", "a"), ("l", "b"), ("k", "c")) == 3
    assert runs.out() == ["k=A@0", "l=B@1", "k=C@2"]


def test_no_more_are_in_flight_than_said() -> None:
    flying = most = 0

    async def answer(key: str, value: str) -> str:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0)
        flying -= 1
        return key + value

    runs = Runs(lambda b: b.stream("in").map_values_async(answer, max_in_flight=3).to("out"))
    runs.send(*(("k", str(at)) for at in range(20)))
    assert runs.out() == [f"k=k{at}@{at}" for at in range(20)]
    assert most == 3


def test_records_pass_what_is_before_all_at_once_then_what_is_after() -> None:
    seen: list[str] = []

    async def same(value: str) -> str:
        seen.append(f"call {value}")
        return value

    def build(builder: StreamsBuilder) -> None:
        stream = builder.stream("in").peek(lambda k, v: seen.append(f"before {v}"))
        stream.map_values_async(same).map_values_async(same).foreach(lambda k, v: seen.append(f"after {v}"))

    Runs(build).send(("k", "a"), ("k", "b"))
    assert seen == ["before a", "before b", *["call a", "call b"] * 2, "after a", "after b"]


def test_an_error_goes_to_the_handler_with_its_record() -> None:
    asked: list[str] = []

    async def answer(value: str) -> str:
        if value == "bad":
            raise ValueError("no such thing")
        return value

    def resume(context: Any, record: Any, error: Exception) -> Response:
        asked.append(f"{context.processor_node_id} {context.offset} {record.key}={record.value} {error}")
        return Response.resume()

    runs = Runs(
        lambda b: b.stream("in").map_values_async(answer, name="ask").to("out"),
        **{"processing.exception.handler": resume},
    )
    runs.send(("k", "a"), ("l", "bad"), ("m", "c"))
    assert runs.out() == ["k=a@0", "m=c@2"]
    assert asked == ["ask 1 l=bad no such thing"]


@pytest.mark.parametrize(("steps", "bad"), [(1, "b"), (2, "bb")])
def test_what_cannot_be_answered_is_buried_as_it_was_read(steps: int, bad: str) -> None:
    async def answer(value: str) -> str:
        if value == bad:
            raise ValueError("no such thing")
        return value * 2

    def build(builder: StreamsBuilder) -> None:
        stream = builder.stream("in")
        for _ in range(steps):
            stream = stream.map_values_async(answer)
        stream.to("out")

    handler = LogAndContinueProcessingExceptionHandler
    config = {"errors.dead.letter.queue.topic.name": "dead", "processing.exception.handler": handler}
    runs = Runs(build, **config)
    runs.send(("k", "a"), ("l", "b"), ("m", "c"))
    letters = [each.batch for each in runs.task.dead_letters.due(0, idle=True)]
    assert [(batch.keys, batch.values) for batch in letters] == [([b"l"], [b"b"])]


def test_a_failure_names_node_and_offset() -> None:
    async def answer(value: str) -> str:
        raise ValueError(value)

    runs = Runs(lambda b: b.stream("in").filter(lambda k, v: v != "a").map_values_async(answer, name="ask").to("out"))
    with pytest.raises(StreamsException, match="processor=ask, topic=in, partition=0, offset=1") as raised:
        runs.send(("k", "a"), ("k", "b"), ("k", "c"))
    assert isinstance(raised.value.__cause__, ValueError)


def test_what_fails_after_the_step_is_the_later_nodes() -> None:
    async def same(value: str) -> str:
        return value

    def fail(value: str) -> str:
        raise ValueError(value)

    runs = Runs(lambda b: b.stream("in").map_values_async(same).map_values(fail, name="later").to("out"))
    with pytest.raises(StreamsException, match="processor=later, topic=in, partition=0, offset=0"):
        runs.send(("k", "a"))


def test_no_answer_in_time_is_an_error() -> None:
    cancelled: list[bool] = []

    async def never(value: str) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise
        return value

    runs = Runs(lambda b: b.stream("in").map_values_async(never, timeout=1).to("out"))
    with pytest.raises(StreamsException) as raised:
        runs.send(("k", "a"))
    assert isinstance(raised.value.__cause__, TimeoutException)
    assert "within 1 ms" in str(raised.value.__cause__)
    assert cancelled == [True]


def test_what_cannot_be_awaited_is_said() -> None:
    runs = Runs(lambda b: b.stream("in").map_values_async(lambda v: v).to("out"))
    with pytest.raises(StreamsException) as raised:
        runs.send(("k", "a"))
    assert "gave str, which cannot be awaited" in str(raised.value.__cause__)


def test_after_an_abort_nothing_of_it_is_left() -> None:
    failing = [True]

    async def answer(value: str) -> str:
        if value == "b" and failing[0]:
            raise ValueError(value)
        return value

    runs = Runs(lambda b: b.stream("in").map_values_async(answer).to("out"))
    with pytest.raises(StreamsException):
        runs.send(("k", "a"), ("k", "b"))
    runs.task.abandon()
    runs.state.abort()
    runs.begin()
    failing[0] = False
    runs.send(("k", "a"), ("k", "b"))
    assert runs.out() == ["k=a@0", "k=b@1"]


def test_runs_stay_long_enough_to_be_awaited_together() -> None:
    async def same(value: str) -> str:
        return value

    runs = Runs(lambda b: b.stream("in").map_values_async(same, max_in_flight=50).to("out"))
    rows = [("k", "v")] * 400
    keys, values = ([row[at].encode() for row in rows] for at in (0, 1))
    runs.task.add(Fetched(IN, RecordBatch(keys, values, list(range(400)), None, range(400), 400), 400, 0, 0))
    assert runs.task.run(0, 100) == 100
    assert runs.task.run(60_000) == 50  # a minute for a hundred: shorter, but not below what flies together


@pytest.mark.parametrize("cached", [True, False])
def test_the_driver_awaits_too_and_flushes_come_through(cached: bool) -> None:
    async def double(value: str) -> str:
        return value * 2

    def build(builder: StreamsBuilder) -> None:
        counts = builder.stream("in").map_values_async(double).group_by_key().reduce(lambda a, b: a + b)
        counts.to_stream().map_values_async(double).to_table().to_stream().to("out")

    with Running(build, {} if cached else UNCACHED) as running:
        assert running.send("in", "k", "a", 1) == ["k=aaaa@1"]
        assert running.send("in", "k", "b", 2) == ["k=aabbaabb@2"]


def test_what_a_punctuation_forwards_is_awaited() -> None:
    from streams import PunctuationType, Record

    class Ticking:
        def init(self, context: Any) -> None:
            context.schedule(10, PunctuationType.WALL_CLOCK_TIME, lambda now: context.forward(Record("t", "x", now)))

        def process(self, record: Any) -> None:
            pass

    async def shout(value: str) -> str:
        return value + "!"

    with Running(lambda b: b.stream("in").process(Ticking).map_values_async(shout).to("out")) as running:
        running.driver.advance_wall_clock_time(10)
        assert running.send("in", "k", "a", 1) == ["t=x!@10"]


def test_headers_and_context_are_the_records_own() -> None:
    contexts: list[tuple[int, Any]] = []

    class Looking:
        def init(self, context: Any) -> None:
            self.context = context

        def process(self, record: Any) -> None:
            contexts.append((self.context.record_metadata.offset, record.headers))
            self.context.forward(record)

    async def same(value: str) -> str:
        return value

    runs = Runs(lambda b: b.stream("in").map_values_async(same).process(Looking).to("out"))
    headers = [(("h", b"0"),), (("h", b"1"),)]
    runs.task.add(Fetched(IN, RecordBatch([b"k"] * 2, [b"v"] * 2, [5, 6], headers, range(7, 9), 9), 9, 0, 0))
    runs.task.run(0)
    assert [(offset, tuple(found)) for offset, found in contexts] == [(7, headers[0]), (8, headers[1])]
    assert [each.batch.headers for each in runs.task.outbox.due(0, idle=True)] == [headers]


async def _same(value: str) -> str:
    return value


async def _several(value: str) -> Any:
    yield value


async def _three(a: str, b: str, c: str) -> str:
    return a


@pytest.mark.parametrize(
    ("mapper", "options", "kind"),
    [
        (_same, {"max_in_flight": 0}, IllegalArgumentException),
        (_same, {"max_in_flight": True}, IllegalArgumentException),
        (_same, {"timeout": 0}, IllegalArgumentException),
        (_several, {}, TopologyException),
        (_three, {}, TopologyException),
    ],
)
def test_misuse_is_told_when_it_is_written(mapper: Any, options: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        StreamsBuilder().stream("in").map_values_async(mapper, **options)


def test_one_thread_serves_all() -> None:
    import threading

    threads: set[int] = set()

    async def where(value: str) -> str:
        threads.add(threading.get_ident())
        return value

    for _ in range(2):
        Runs(lambda b: b.stream("in").map_values_async(where).to("out")).send(("k", "a"))
    assert len(threads) == 1
    assert [each.name for each in threading.enumerate()].count("streams-asyncio") == 1
