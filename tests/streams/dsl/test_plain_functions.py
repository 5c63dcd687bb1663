"""What is called and not awaited must be a plain function: else it would never run, and nobody would be told."""

from __future__ import annotations

import functools
import gc
import types
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from streams import (
    Branched,
    Consumed,
    JoinWindows,
    KStream,
    KTable,
    Materialized,
    Named,
    Printed,
    Produced,
    PunctuationType,
    Repartitioned,
    Response,
    Serdes,
    SessionWindows,
    Stores,
    StreamsBuilder,
    TableJoined,
    TimeWindows,
    Topology,
    Windows,
)
from streams.errors import KafkaException, StreamsException, TopologyException
from streams.testing import TopologyTestDriver

TEXT = Serdes.string()
TEXTS = Consumed.with_(TEXT, TEXT)
Wrong = Callable[..., Any]


async def one(a: object) -> bool:
    return False


async def two(a: object, b: object) -> bool:
    return False


async def three(a: object, b: object, c: object) -> bool:
    return False


async def four(a: object, b: object, c: object, d: object) -> bool:
    return False


async def none() -> bool:
    return False


ASYNC: dict[int, Wrong] = {0: none, 1: one, 2: two, 3: three, 4: four}


def s(b: StreamsBuilder) -> KStream[Any, Any]:
    return b.stream("in", TEXTS)


def t(b: StreamsBuilder) -> KTable[Any, Any]:
    return b.table("table", TEXTS)


def any2(a: object, b: object) -> object:
    return a


def any3(a: object, b: object, c: object) -> object:
    return a


DAY = TimeWindows.of_size_with_no_grace(1)
GAP = SessionWindows.of_inactivity_gap_with_no_grace(1)

OPERATORS: dict[str, tuple[int, Callable[[StreamsBuilder, Wrong], object]]] = {
    "filter": (2, lambda b, fn: s(b).filter(fn)),
    "filter_not": (2, lambda b, fn: s(b).filter_not(fn)),
    "map": (2, lambda b, fn: s(b).map(fn)),
    "map_values": (1, lambda b, fn: s(b).map_values(fn)),
    "flat_map": (2, lambda b, fn: s(b).flat_map(fn)),
    "flat_map_values": (1, lambda b, fn: s(b).flat_map_values(fn)),
    "peek": (2, lambda b, fn: s(b).peek(fn)),
    "foreach": (2, lambda b, fn: s(b).foreach(fn)),
    "select_key": (2, lambda b, fn: s(b).select_key(fn)),
    "group_by": (2, lambda b, fn: s(b).group_by(fn)),
    "branch": (2, lambda b, fn: s(b).split().branch(fn)),
    "branch of old": (2, lambda b, fn: s(b).branch(fn)),
    "function of a branch": (1, lambda b, fn: s(b).split().default_branch(Branched.with_function(fn))),
    "consumer of a branch": (1, lambda b, fn: s(b).split().default_branch(Branched.with_consumer(fn))),
    "print": (2, lambda b, fn: s(b).print(Printed.to_sys_out().with_key_value_mapper(fn))),
    "to": (3, lambda b, fn: s(b).to(fn)),
    "partitioner of to": (4, lambda b, fn: s(b).to("out", Produced.stream_partitioner(fn))),
    "partitioner by keyword": (4, lambda b, fn: s(b).to("out", partitioner=fn)),
    "partitioner of a repartition": (4, lambda b, fn: s(b).repartition(Repartitioned.stream_partitioner(fn))),
    "timestamp extractor": (2, lambda b, fn: b.stream("other", timestamp_extractor=fn)),
    "timestamp extractor of Consumed": (2, lambda b, fn: Consumed().with_timestamp_extractor(fn)),
    "join of streams": (2, lambda b, fn: s(b).join(b.stream("b"), fn, JoinWindows.of(1))),
    "left_join of streams": (3, lambda b, fn: s(b).left_join(b.stream("b"), fn, JoinWindows.of(1))),
    "outer_join of streams": (2, lambda b, fn: s(b).outer_join(b.stream("b"), fn, JoinWindows.of(1))),
    "join with a table": (2, lambda b, fn: s(b).join(t(b), fn)),
    "join with a global table": (2, lambda b, fn: s(b).join(b.global_table("g"), any2, fn)),
    "key selector of that": (2, lambda b, fn: s(b).join(b.global_table("g"), fn, any2)),
    "reduce": (2, lambda b, fn: s(b).group_by_key().reduce(fn)),
    "initializer": (0, lambda b, fn: s(b).group_by_key().aggregate(fn, any3)),
    "aggregator": (3, lambda b, fn: s(b).group_by_key().aggregate(list, fn)),
    "windowed reduce": (2, lambda b, fn: s(b).group_by_key().windowed_by(DAY).reduce(fn)),
    "windowed initializer": (0, lambda b, fn: s(b).group_by_key().windowed_by(DAY).aggregate(fn, any3)),
    "windowed aggregator": (3, lambda b, fn: s(b).group_by_key().windowed_by(DAY).aggregate(list, fn)),
    "merger of sessions": (3, lambda b, fn: s(b).group_by_key().windowed_by(GAP).aggregate(list, any3, fn)),
    "cogroup": (3, lambda b, fn: s(b).group_by_key().cogroup(fn)),
    "initializer of a cogroup": (0, lambda b, fn: s(b).group_by_key().cogroup(any3).aggregate(fn)),
    "merger of a cogroup": (
        3,
        lambda b, fn: s(b).group_by_key().cogroup(any3).windowed_by(GAP).aggregate(list, fn),
    ),
    "table filter": (2, lambda b, fn: t(b).filter(fn)),
    "table filter_not": (2, lambda b, fn: t(b).filter_not(fn)),
    "table map_values": (1, lambda b, fn: t(b).map_values(fn)),
    "table group_by": (2, lambda b, fn: t(b).group_by(fn)),
    "to_stream": (2, lambda b, fn: t(b).to_stream(fn)),
    "table join": (2, lambda b, fn: t(b).join(b.table("b"), fn)),
    "table outer_join": (2, lambda b, fn: t(b).outer_join(b.table("b"), fn)),
    "foreign key": (1, lambda b, fn: t(b).join(b.table("b"), fn, any2)),
    "foreign key by keyword": (1, lambda b, fn: t(b).join(b.table("b"), any2, foreign_key=fn)),
    "joiner by foreign key": (2, lambda b, fn: t(b).left_join(b.table("b"), lambda v: v, fn)),
    "partitioner of a foreign-key join": (4, lambda b, fn: TableJoined.with_(fn)),
    "adder": (2, lambda b, fn: t(b).group_by(any2).reduce(fn, any2)),
    "subtractor": (2, lambda b, fn: t(b).group_by(any2).reduce(any2, fn)),
    "adder of an aggregate": (3, lambda b, fn: t(b).group_by(any2).aggregate(list, fn, any3)),
    "subtractor of an aggregate": (3, lambda b, fn: t(b).group_by(any2).aggregate(list, any3, fn)),
    "table initializer": (0, lambda b, fn: t(b).group_by(any2).aggregate(fn, any3, any3)),
    "supplier of processors": (0, lambda b, fn: s(b).process(fn)),
    "supplier of fixed-key processors": (0, lambda b, fn: s(b).process_values(fn)),
    "supplier of transformers": (0, lambda b, fn: t(b).transform_values(fn)),
    "sink by hand": (4, lambda b, fn: Topology().add_source("s", "in").add_sink("k", "out", fn, "s")),
    "topic of a sink by hand": (3, lambda b, fn: Topology().add_source("s", "in").add_sink("k", fn, "s")),
    "source by hand": (2, lambda b, fn: Topology().add_source(fn, "s", "in")),
    "source by hand, by keyword": (2, lambda b, fn: Topology().add_source("s", "in", timestamp_extractor=fn)),
    "processor by hand": (0, lambda b, fn: Topology().add_source("s", "in").add_processor("p", fn, "s")),
}
YIELDING = ("flat_map", "flat_map_values", "partitioner", "sink by hand")
"""What may be a generator: its values are taken one by one."""


@pytest.mark.parametrize("what", OPERATORS)
def test_an_async_function_is_refused_where_it_is_written(what: str) -> None:
    parameters, build = OPERATORS[what]
    with pytest.raises(TopologyException, match=r"async def.*map_values_async") as refused:
        build(StreamsBuilder(), ASYNC[parameters])
    assert ASYNC[parameters].__name__ in str(refused.value)


@pytest.mark.parametrize("what", [what for what in OPERATORS if not any(y in what for y in YIELDING)])
def test_a_function_with_yield_is_refused_where_nobody_iterates(what: str) -> None:
    _, build = OPERATORS[what]

    def yields(*given: object) -> Iterator[object]:
        yield given

    with pytest.raises(KafkaException, match="yield"):
        build(StreamsBuilder(), yields)


@pytest.mark.parametrize("what", OPERATORS)
def test_what_is_no_function_is_refused_where_it_is_written(what: str) -> None:
    _, build = OPERATORS[what]
    for wrong in (5, True, [len]):
        with pytest.raises(KafkaException):
            build(StreamsBuilder(), wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("what", OPERATORS)
def test_too_many_parameters_are_refused_where_they_are_written(what: str) -> None:
    _, build = OPERATORS[what]
    with pytest.raises(KafkaException):
        build(StreamsBuilder(), lambda a, b, c, d, e: a)


class Called:
    async def __call__(self, key: object, value: object) -> bool:
        return False

    async def method(self, key: object, value: object) -> bool:
        return False

    @staticmethod
    async def static(key: object, value: object) -> bool:
        return False


def says_so(key: object, value: object) -> Awaitable[bool]:
    return two(key, value)


def says_so_in_text(key: object, value: object) -> Awaitable[bool]:
    return two(key, value)


async def iterates(key: object, value: object) -> AsyncIterator[bool]:
    yield False


@types.coroutine
def of_old(key: object, value: object) -> Iterator[object]:
    yield key


SHAPES: dict[str, Wrong] = {
    "partial": functools.partial(three, 1),
    "partial of a partial": functools.partial(functools.partial(four, 1), 2),
    "object": Called(),
    "bound method": Called().method,
    "static method": Called.static,
    "cached": functools.lru_cache(two),
    "annotated": says_so,
    "annotated in text": says_so_in_text,
    "generator": iterates,
    "of old": of_old,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_an_async_function_is_seen(shape: str) -> None:
    with pytest.raises(TopologyException, match="map_values_async"):
        s(StreamsBuilder()).filter(SHAPES[shape])


def test_a_wrapper_that_runs_the_coroutine_is_a_plain_function() -> None:
    @functools.wraps(two)
    def runs(key: object, value: object) -> bool:
        try:
            two(key, value).send(None)
        except StopIteration as end:
            return not end.value
        raise AssertionError("it waits for something")

    builder = StreamsBuilder()
    s(builder).filter(runs).to("out", Produced.with_(TEXT, TEXT))
    assert piped(builder) == [("k", "v")]


def test_flat_map_takes_generators() -> None:
    def twice(key: str, value: str) -> Iterator[tuple[str, str]]:
        yield key, value
        yield key, value

    builder = StreamsBuilder()
    s(builder).flat_map(twice).to("out", Produced.with_(TEXT, TEXT))
    assert piped(builder) == [("k", "v")] * 2


def piped(builder: StreamsBuilder, topic: str = "in", **config: object) -> list[tuple[str, str]]:
    with TopologyTestDriver(builder.build(), config) as driver:
        driver.create_input_topic(topic, TEXT, TEXT).pipe_input("k", "v")
        return [(r.key, r.value) for r in driver.create_output_topic("out", TEXT, TEXT).read_records_to_list()]


def late(key: object, value: object) -> Any:
    """It cannot be seen that this gives a coroutine."""
    return two(key, value)


OUT = Produced.with_(TEXT, TEXT)
MADE = Materialized("kept", key_serde=TEXT, value_serde=TEXT)


class Late:
    def init(self, context: Any) -> None:
        self.context = context

    def process(self, record: Any) -> object:
        return one(record)


class Punctual:
    def init(self, context: Any) -> None:
        context.schedule(1, PunctuationType.STREAM_TIME, lambda now: one(now))

    def process(self, record: Any) -> None:
        pass


LATER: dict[str, Callable[[StreamsBuilder], object]] = {
    "filter": lambda b: s(b).filter(late).to("out", OUT),
    "filter_not": lambda b: s(b).filter_not(late).to("out", OUT),
    "peek": lambda b: s(b).peek(late).to("out", OUT),
    "foreach": lambda b: s(b).foreach(late),
    "branch": lambda b: s(b).branch(late)[0].to("out", OUT),
    "second branch": lambda b: s(b).branch(lambda k, v: False, late)[1].to("out", OUT),
    "process": lambda b: s(b).process(Late),
    "punctuation": lambda b: s(b).process(Punctual),
    "map": lambda b: s(b).map(late).to("out", OUT),
    "map_values": lambda b: s(b).map_values(lambda value: one(value)).to("out", OUT),
    "flat_map": lambda b: s(b).flat_map(late).to("out", OUT),
    "select_key": lambda b: s(b).select_key(late).to("out", OUT),
    "topic": lambda b: s(b).to(lambda k, v, c: one(k), OUT),
    "partitioner": lambda b: s(b).to("out", OUT.with_stream_partitioner(lambda t, k, v, n: one(k))),
    "table filter": lambda b: b.table("in", TEXTS).filter(late).to_stream().to("out", OUT),
    "stored table filter": lambda b: b.table("in", TEXTS).filter(late, MADE),
    "reduce": lambda b: s(b).group_by_key().aggregate(lambda: one(1), lambda k, v, a: a, value_serde=TEXT),
    "printed": lambda b: s(b).print(Printed.to_sys_out().with_key_value_mapper(late)),
}


@pytest.mark.parametrize("what", LATER)
@pytest.mark.parametrize("handler", ["LogAndFail", "LogAndContinue"])
def test_a_coroutine_that_comes_at_run_time_ends_the_application_at_the_first_record(what: str, handler: str) -> None:
    builder = StreamsBuilder()
    LATER[what](builder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(StreamsException) as failed:
            piped(builder, **{"processing.exception.handler": f"{handler}ProcessingExceptionHandler"})
        gc.collect()
    assert "KSTREAM-" in str(failed.value) or "KTABLE-" in str(failed.value) or "topic" in str(failed.value)


def test_it_is_said_which_operator_gave_the_coroutine() -> None:
    builder = StreamsBuilder()
    s(builder).filter(late, Named.as_("only-good")).to("out", OUT)
    with pytest.raises(StreamsException, match="processor=only-good") as failed:
        piped(builder)
    assert "coroutine" in str(failed.value.__cause__) and "map_values_async" in str(failed.value.__cause__)


def test_predicates_may_say_anything_that_is_true_or_false() -> None:
    builder = StreamsBuilder()
    s(builder).filter(lambda k, v: v).filter_not(lambda k, v: 0).peek(lambda k, v: 5).to("out", OUT)
    assert piped(builder) == [("k", "v")]


class AsyncInit(Late):
    async def init(self, context: Any) -> None:  # type: ignore[override]
        pass


class AsyncProcess:
    async def process(self, record: Any) -> None:
        pass


class YieldingProcess:
    def process(self, record: Any) -> Iterator[Any]:
        yield record


class AsyncClose(Late):
    async def close(self) -> None:
        pass


class TwoParameters:
    def process(self, key: object, value: object) -> None:
        pass


class NoInit:
    def init(self) -> None:
        pass

    def process(self, record: object) -> None:
        pass


class AsyncTransform:
    async def transform(self, key: object, value: object) -> object:
        return value


@pytest.mark.parametrize("processor", [AsyncInit, AsyncProcess, AsyncClose, YieldingProcess, TwoParameters, NoInit])
def test_the_methods_of_a_processor_are_looked_at_when_it_is_written(processor: type) -> None:
    by_hand = Topology().add_source("s", "in")
    calls: list[Callable[[], object]] = [
        lambda: s(StreamsBuilder()).process(processor),
        lambda: s(StreamsBuilder()).process(lambda: processor()),
        lambda: s(StreamsBuilder()).process_values(processor),
        lambda: by_hand.add_processor("p", processor, "s"),
    ]
    for call in calls:
        with pytest.raises(TopologyException, match=processor.__name__):
            call()


def test_the_methods_of_a_transformer_are_looked_at_too() -> None:
    with pytest.raises(TopologyException, match=r"AsyncTransform.*async def"):
        t(StreamsBuilder()).transform_values(AsyncTransform)


@pytest.mark.parametrize("wrong", [lambda: 5, lambda: None, list, dict])
def test_a_supplier_of_what_is_no_processor_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(KafkaException, match=r"process\(record\)"):
        s(StreamsBuilder()).process(wrong)


class GetsItLater:
    def __init__(self) -> None:
        self.process = lambda record: None


def test_a_method_that_an_object_gets_when_it_is_made_is_a_method() -> None:
    s(StreamsBuilder()).process(GetsItLater)


class Odd(Windows):
    async def windows_for(self, timestamp: int) -> Any:  # type: ignore[override]
        return {}

    def size(self) -> int:
        return 1

    def grace_period_ms(self) -> int:
        return 0


def test_windows_of_ones_own_are_looked_at() -> None:
    with pytest.raises(TopologyException, match=r"windows_for.*async def"):
        s(StreamsBuilder()).group_by_key().windowed_by(Odd())


def test_the_functions_of_a_serde_are_looked_at() -> None:
    for serialize, deserialize in ((one, bytes), (bytes, one)):
        with pytest.raises(KafkaException, match="async def"):
            Serdes.of(serialize, deserialize)


def test_stores_of_a_supplier_are_asked_by_a_plain_function() -> None:
    class Bringing(Late):
        @classmethod
        async def stores(cls) -> object:
            return [Stores.key_value_store_builder(Stores.in_memory_key_value_store("x"), TEXT, TEXT)]

    with pytest.raises(TopologyException, match=r"stores.*async def"):
        s(StreamsBuilder()).process(Bringing)


def test_punctuations_are_looked_at_when_they_are_scheduled() -> None:
    class Schedules(Late):
        def init(self, context: Any) -> None:
            context.schedule(1, PunctuationType.STREAM_TIME, one)

    builder = StreamsBuilder()
    s(builder).process(Schedules)
    with pytest.raises(StreamsException, match="failed to initialize processor") as failed:
        piped(builder)
    assert "async def" in str(failed.value.__cause__)


async def answers(context: object, record: object, error: object) -> Response:
    return Response.RESUME


class Answers:
    async def handle_error(self, context: object, record: object, error: object) -> Response:
        return Response.RESUME


@pytest.mark.parametrize("handler", [answers, Answers, Answers(), lambda: None])
@pytest.mark.parametrize("which", ["deserialization", "processing", "production"])
def test_handlers_are_looked_at_before_the_first_record(which: str, handler: object) -> None:
    builder = StreamsBuilder()
    s(builder).foreach(lambda k, v: None)
    with pytest.raises(KafkaException, match=f"{which}.exception.handler|exception handler"):
        piped(builder, **{f"{which}.exception.handler": handler})


def test_a_default_timestamp_extractor_is_looked_at() -> None:
    builder = StreamsBuilder()
    s(builder).foreach(lambda k, v: None)
    with pytest.raises(KafkaException, match=r"default.timestamp.extractor"):
        piped(builder, **{"default.timestamp.extractor": two})
