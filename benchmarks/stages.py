"""Every stage of the walk by itself, in this process: how many CPU nanoseconds a record costs there."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from statistics import median
from typing import NamedTuple, TypeVar

from benchmarks.data import DATASETS, START, Chunk
from benchmarks.engine import Engine
from benchmarks.figures import Figure
from benchmarks.jobs import JOBS
from benchmarks.options import Options
from benchmarks.rig import TOPIC, cpu_ns, rig
from benchmarks.scrape import scrape
from broker_local.base.files import OsFiles
from broker_local.host.client import Link
from broker_local.host.launch import connect as link_to
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager
from broker_local.protocol.requests.records import READ_UNCOMMITTED, Fetch, FetchPosition, FetchReply
from statestore.keyvalue import LayeredKeyValueStore
from statestore.rocks import RocksEngine
from statestore.window import LayeredWindowStore
from streams import Serdes
from streams.clients import Producer, ProducerRecord
from streams.clients.api import Fetched
from streams.processor import FailOnInvalidTimestamp
from streams.record import RecordBatch, TopicPartition
from streams.runtime.compile.timestamps import Reading
from streams.runtime.state.stores import codec_of
from streams.runtime.tasks.inbox import Inbox, InboxSettings, Reads
from streams.serdes.base import AnySerde
from streams.serdes.number import LONG

RECORDS = 200_000
T = TypeVar("T")
RAW: AnySerde = Serdes.bytes()
Work = Callable[[Engine, int], Iterator[float]]
"""Does a stage over so many records, once a repeat: gives its CPU ns a record each time."""


class Stage(NamedTuple):
    """A stage by itself."""

    title: str
    work: Work


def measured(name: str, engine: Engine, options: Options) -> Iterator[Figure]:
    """Runs a stage; `per_second` is what one core would do of it alone."""
    stage = STAGES[name]
    count = min(options.records or RECORDS, RECORDS)
    found = list(islice(stage.work(engine, count), options.repeat))
    ns = median(found)
    yield Figure(name, stage.title, "records", count, 1e9 / max(ns, 1e-3), ns, (min(found), max(found)))


def _orders(count: int) -> list[Chunk]:
    return list(DATASETS["orders"].rows(count))


def _columns(chunk: Chunk, offset: int) -> RecordBatch:
    end = offset + len(chunk.keys)
    return RecordBatch(tuple(chunk.keys), tuple(chunk.values), chunk.timestamps, None, range(offset, end), end)


def _encoded(count: int) -> list[bytes]:
    """Batches as they lie in the log."""
    found = []
    for at, (keys, values, times) in enumerate(_orders(count)):
        data = batches.write(keys, values, times, None)
        found.append(batches.seal(data, at * 1_000, 0) + data)
    return found


def fetch(engine: Engine, count: int) -> Iterator[float]:
    """Bytes from the broker, one request ahead, nothing decoded; the worker's side."""
    topic = engine.input("orders", count)
    link = link_to(f"{engine.directory}/log", "stage")

    def ask(offset: int) -> int:
        return link.send(Fetch((FetchPosition(topic, 0, offset, 1 << 20, -1, -1),), 500, 1, 8 << 20, READ_UNCOMMITTED))

    try:
        while True:
            yield cpu_ns(lambda: _read_all(link, ask, count)) / count
    finally:
        link.close()


def _read_all(link: Link, ask: Callable[[int], int], count: int) -> None:
    offset = 0
    ask(0)
    while offset < count:
        for _, reply in link.receive(1_000):
            if not isinstance(reply, FetchReply):
                raise RuntimeError(f"the broker does not give records: {reply}")
            for part in reply.parts:
                at = 0
                while at < len(part.data):
                    header = batches.peek(part.data, at)
                    at += header.size
                    offset = header.next_offset
            if offset < count:
                ask(offset)


def _one_by_one(work: Callable[[T], object], things: Iterable[T]) -> None:
    """Keeps no result: memory that is used again is in the processor's cache."""
    for each in things:
        work(each)


def decode(engine: Engine, count: int) -> Iterator[float]:
    data = _encoded(count)
    while True:
        yield cpu_ns(lambda: _one_by_one(batches.read, data)) / count


def inbox(engine: Engine, count: int) -> Iterator[float]:
    partition = TopicPartition(TOPIC, 0)
    chunks = [_columns(chunk, at * 1_000) for at, chunk in enumerate(_orders(count))]
    while True:
        reads = Reads("source", 0, Reading(FailOnInvalidTimestamp(), RAW, RAW))
        box = Inbox({partition: reads}, InboxSettings(0, 1_000))

        def through(box: Inbox = box) -> None:
            for batch in chunks:
                box.add(Fetched(partition, batch, None, 0, 0))
                while (run := box.next_run(0, 1 << 62, 1_000)) is not None:
                    box.taken(run, run.stop, frozenset())

        yield cpu_ns(through) / count


def walk(name: str) -> Work:
    """A job's task by itself: inbox, entry functions, store and outbox, with its commits."""

    def work(engine: Engine, count: int) -> Iterator[float]:
        (dataset,) = JOBS[name].inputs
        chunks = list(DATASETS[dataset].rows(count))
        while True:
            with rig(lambda builder: JOBS[name].build(builder, {dataset: TOPIC, "out": "out"})) as one:
                ready = [one.batch(*chunk) for chunk in chunks]
                start = time.process_time_ns()
                for fetched in ready:
                    one.take(fetched)
                one.commit()
                yield (time.process_time_ns() - start) / count

    return work


def store(engine: Engine, count: int) -> Iterator[float]:
    """Get and put of a count, a flush each 100,000, then everything to the database."""
    keys = [key or b"" for chunk in _orders(count) for key in chunk.keys]
    while True:
        directory = tempfile.mkdtemp(prefix="streams-bench-")
        disk = RocksEngine(f"{directory}/db")
        counts = LayeredKeyValueStore("counts", disk, codec_of(LONG, ""), caching=True)
        counts.life.bind(_logged, None, False)

        def through(counts: LayeredKeyValueStore = counts) -> None:
            for at, key in enumerate(keys):
                found = counts.get(key)
                counts.put(key, 1 if found is None else int(str(found[0])) + 1, START + at)
                if not at % 100_000:
                    counts.life.flush()
                    counts.life.commit()
            counts.life.flush()
            counts.life.commit()
            while counts.life.spill(2_000):
                pass

        yield cpu_ns(through) / count
        counts.life.close()
        disk.close()
        shutil.rmtree(directory, ignore_errors=True)


def windows(engine: Engine, count: int) -> Iterator[float]:
    """Fetch and put of a window's count."""
    rows = [(key or b"", at) for keys, _, times in _orders(count) for key, at in zip(keys, times, strict=True)]
    while True:
        directory = tempfile.mkdtemp(prefix="streams-bench-")
        disk = RocksEngine(f"{directory}/db")
        counts = LayeredWindowStore("counts", disk, codec_of(LONG, ""), retention=20_000, caching=True)
        counts.life.bind(_logged, None, False)

        def through(counts: LayeredWindowStore = counts) -> None:
            for key, at in rows:
                start = at - at % 10_000
                found = counts.fetch(key, start)
                counts.put(key, start, 1 if found is None else int(str(found[0])) + 1, at)
            counts.life.flush()
            counts.life.commit()

        yield cpu_ns(through) / count
        counts.life.close()
        disk.close()
        shutil.rmtree(directory, ignore_errors=True)


def _logged(key: bytes, value: bytes | None, timestamp: int, origin: object) -> None:
    pass


def encode(engine: Engine, count: int) -> Iterator[float]:
    chunks = _orders(count)
    while True:
        yield cpu_ns(lambda: _one_by_one(lambda each: batches.write(*each, None), chunks)) / count


def produce(engine: Engine, count: int) -> Iterator[float]:
    """Encoded, sent and acknowledged; the worker's side."""
    chunks = _orders(count)
    while True:
        partition = TopicPartition(engine.topic("stage"), 0)

        def through(partition: TopicPartition = partition) -> None:
            for chunk in chunks:
                engine.send(partition, *chunk)
                engine.look()
            engine.settle()

        yield cpu_ns(through) / count
        engine.forget("stage")


def send(engine: Engine, count: int) -> Iterator[float]:
    """`Producer.send` of each record, with its checks, its future and the last acknowledgement."""
    rows = [row for chunk in _orders(count) for row in zip(chunk.keys, chunk.values, chunk.timestamps, strict=True)]
    while True:
        topic = engine.topic("stage")

        def through(topic: str = topic) -> None:
            with Producer(bootstrap_servers=engine.address, linger_ms=5) as producer:
                for key, value, timestamp in rows:
                    producer.send(ProducerRecord(topic, value, key, timestamp=timestamp))

        yield cpu_ns(through) / count
        engine.forget("stage")


def append(engine: Engine, count: int) -> Iterator[float]:
    """The broker's part of a send: sums checked, the payload looked at, written to the log. In this process."""
    data = [batches.write(*each, None) for each in _orders(count)]
    while True:
        directory = tempfile.mkdtemp(prefix="streams-bench-")
        logs = LogManager(OsFiles(directory), START)
        logs.create_topic("stage", 1)
        log = logs.partition("stage", 0)
        yield cpu_ns(lambda log=log: _one_by_one(lambda each: log.append(each, START), data)) / count
        logs.close()
        shutil.rmtree(directory, ignore_errors=True)


STAGES: Mapping[str, Stage] = {
    "stage/fetch": Stage("bytes from the broker", fetch),
    "stage/decode": Stage("sums checked, bytes to columns", decode),
    "stage/inbox": Stage("runs cut from batches", inbox),
    "stage/fused W0": Stage("a task: identity", walk("W0")),
    "stage/fused W1": Stage("a task: filter, map, flat map of JSON", walk("W1")),
    "stage/fused W2": Stage("a task: count with its commits", walk("W2")),
    "stage/fused W3": Stage("a task: tumbling sum with its commits", walk("W3")),
    "stage/fused W4": Stage("a task: hopping count with its commits", walk("W4")),
    "stage/fused W8": Stage("a task: session count with its commits", walk("W8")),
    "stage/store": Stage("key-value store: get, put, flush, commit, to disk", store),
    "stage/windows": Stage("window store: fetch and put, flush, commit", windows),
    "stage/encode": Stage("columns to bytes, sum made", encode),
    "stage/produce": Stage("encoded, sent, acknowledged", produce),
    "stage/send": Stage("Producer.send, record by record", send),
    "stage/scrape": Stage("metrics of 1,000 tasks as text, a task", scrape),
    "stage/append": Stage("the broker's part: sums checked, payload looked at, written", append),
}
