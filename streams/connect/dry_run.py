"""What a configuration would do: the first records after each transform. Nothing is stored, committed or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.clients.admin import Admin
from streams.clients.api import Door
from streams.clients.connect import connect
from streams.clients.consumer import Consumer
from streams.clients.request_size import LARGEST
from streams.connect.config_def import Config
from streams.connect.connector import SourceConnector, SourceTask
from streams.connect.connector_config import Validation, config_of, stages_of
from streams.connect.data.text import text_of
from streams.connect.data.values import convert_to_string
from streams.connect.errors import DataException
from streams.connect.java_regex import compile_pattern
from streams.connect.records import R, SinkRecord, SourceRecord
from streams.connect.transforms.chain import Stage
from streams.connect.worker.codec import RecordDecoder, RecordEncoder
from streams.connect.worker.tolerance import Tolerance
from streams.connect.worker_config import WorkerConfig
from streams.errors import KafkaException
from streams.record import TopicPartition
from streams.world import World

PATIENCE_MS = 3_000
"""How long a source may have nothing before that is taken for its end."""
LOOK_MS = 50


@dataclass(slots=True)
class Line:
    """A record as it is at one point: what was done, and topic, key and value as text; "" and an error, or that it was
    dropped."""

    after: str
    topic: str = ""
    key: str = ""
    value: str = ""
    note: str = ""


@dataclass(slots=True)
class Trail:
    """One record on its way."""

    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Context:
    """What a source may ask for."""

    world: World
    connector: str
    task: int = 0
    is_dry_run: bool = True

    def offset(self, partition: Mapping[str, object]) -> None:
        """It begins at the beginning."""


def dry_run(validation: Validation, given: Mapping[str, str], worker: WorkerConfig, most: int) -> Iterator[Trail]:
    """The first records of a connector, each with what every transform makes of it.

    Args:
        validation: of its settings, without errors.
        given: its settings.
        worker: the worker's, for converters and the engine.
        most: so many records.
    Raises:
        KafkaException: the source cannot be read, or the engine.
    """
    config = config_of(validation, given)
    stages = stages_of(config, given)
    door = connect(worker.bootstrap_servers, "dry-run")
    tolerance = Tolerance(config, config.text("name"), 0, door.world)
    key, value = worker.converter("key.converter", given), worker.converter("value.converter", given)
    header = worker.header_converter(given)
    if issubclass(validation.connector, SourceConnector):
        encoder = RecordEncoder((), key, value, header, tolerance, door.world.now_ms, LARGEST)
        for read in _of_source(validation.connector(), config, door.world, most):
            trail, changed = _trail("read", read, stages)
            if changed is not None:
                trail.lines.append(_written(encoder, changed))
            yield trail
        return
    decoder = RecordDecoder((), key, value, header, tolerance)
    for record in _of_topics(door, config, decoder, most):
        yield record if isinstance(record, Trail) else _trail("read", record, stages)[0]


def _trail(first: str, record: R, stages: list[Stage]) -> tuple[Trail, R | None]:
    trail = Trail([_line(first, record)])
    for stage in stages:
        name = f"transforms.{stage.name}"
        try:
            changed = stage.apply(record)
        except KafkaException as error:
            trail.lines.append(Line(name, note=f"{type(error).__name__}: {error}"))
            return trail, None
        if changed is None:
            trail.lines.append(Line(name, note="dropped"))
            return trail, None
        record = changed
        trail.lines.append(_line(name, record))
    return trail, record


def _line(after: str, record: SourceRecord | SinkRecord) -> Line:
    headers = ", ".join(f"{each.key}={_said(each.value)}" for each in record.headers)
    return Line(
        after, record.topic, _said(record.key), _said(record.value), f"headers: {headers}" if headers else ""
    )


def _said(value: object) -> str:
    try:
        return text_of(value) if not isinstance(value, bytes) else convert_to_string(value)
    except DataException:
        return repr(value)


def _written(encoder: RecordEncoder, record: SourceRecord) -> Line:
    try:
        rows = encoder.rows([record])
    except KafkaException as error:
        return Line("written", note=f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}")
    if not rows:
        return Line("written", note="passed over, as errors.tolerance=all says")
    topic, _, key, value, _, _ = rows[0]
    return Line("written", topic, _bytes(key), _bytes(value))


def _bytes(data: bytes | None) -> str:
    return "null" if data is None else data.decode(errors="backslashreplace")


def _of_source(
    connector: SourceConnector, config: Config, world: World, most: int
) -> Iterator[SourceRecord]:
    connector.start(config)
    task: SourceTask = connector.task_class()
    try:
        task.start(config, _Context(world, config.text("name")))
        left, deadline = most, world.monotonic_ms() + PATIENCE_MS
        while left > 0 and world.monotonic_ms() < deadline:
            records = task.poll()
            if not records:
                world.sleep(LOOK_MS)
                continue
            yield from records[:left]
            left -= len(records)
            deadline = world.monotonic_ms() + PATIENCE_MS
    finally:
        task.stop()
        connector.stop()


def _of_topics(door: Door, config: Config, decoder: RecordDecoder, most: int) -> Iterator[SinkRecord | Trail]:
    pattern = config.text("topics.regex")
    with Admin(door=door) as admin:
        wanted = compile_pattern(pattern).fullmatch if pattern else set(config.texts("topics")).__contains__
        names = [name for name in admin.list_topics() if wanted(name)]
        found = admin.describe_topics(names)
    parts = [TopicPartition(name, number) for name, each in found.items() for number in range(each.partitions)]
    if not parts:
        return
    settings = {"auto.offset.reset": "earliest", "isolation.level": "read_committed", "enable.auto.commit": "false"}
    with Consumer(settings, door=door) as consumer:
        consumer.assign(parts)
        consumer.seek_to_beginning(parts)
        left, deadline = most, door.world.monotonic_ms() + PATIENCE_MS
        while left > 0 and door.world.monotonic_ms() < deadline:
            for given in consumer.poll(200)[:left]:
                left -= 1
                try:
                    yield from decoder.records([given])
                except KafkaException as error:
                    said = f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}"
                    yield Trail([Line("read", given.topic, _bytes(given.key), _bytes(given.value), said)])

