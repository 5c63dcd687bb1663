"""Runs a source's task: what `poll` returned and the position behind it become visible in one transaction.

    poll → transforms → converters → begin, records, position, commit

The transactional id is the worker's group, the connector and the task: whoever starts fences the one before, whose
transaction is aborted before the position is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.clients.api import TransactionalWriter
from streams.clients.settings import producer_settings
from streams.connect.connector import SourceTask
from streams.connect.json_value import dumped
from streams.connect.records import Parts, SourceRecord
from streams.connect.worker.codec import RecordEncoder, Row
from streams.connect.worker.output import Output
from streams.connect.worker.runner import TaskParts
from streams.connect.worker.tolerance import Tolerance
from streams.connect.worker.transaction import ANSWER_MS, write_whole
from streams.world import World

IDLE_MS = 50.0
"""A source that has nothing is asked again after this."""


class SourceContext:
    """What a source's task may ask for."""

    def __init__(self, parts: TaskParts) -> None:
        self.world: World = parts.door.world
        self.connector = parts.connector
        self.task = parts.task
        self.is_dry_run = False
        self._offset = parts.offsets.of(parts.connector)

    def offset(self, partition: Parts) -> Parts | None:
        """The position that was stored last for a part of the source."""
        return self._offset(partition)


class SourceRunner:
    """One life of a source's task.

    Args:
        parts: what it is run with.
        task: the task, just made.
    """

    def __init__(self, parts: TaskParts, task: SourceTask) -> None:
        self._parts = parts
        self._task = task
        name = f"{parts.worker.config.text('group.id')}-{parts.name}"
        of_producer = {**parts.worker.client("producer."), **_overrides(parts.given), "transactional.id": name}
        self._settings = producer_settings(of_producer, {})
        self._writer: TransactionalWriter | None = None
        self._output: Output | None = None
        self._tolerance = Tolerance(parts.common, parts.connector, parts.task, parts.door.world)
        worker, given = parts.worker, parts.given
        self._encoder = RecordEncoder(
            parts.stages,
            worker.converter("key.converter", given),
            worker.converter("value.converter", given),
            worker.header_converter(given),
            self._tolerance,
            parts.door.world.now_ms,
            self._settings.max_request_size,
        )

    def start(self) -> None:
        """Fences the task's predecessor, reads where it stood, and starts the task there."""
        parts = self._parts
        assert self._settings.transaction is not None
        self._writer = parts.door.transactional_writer(self._settings.transaction, self._settings.writer)
        parts.confirm()
        self._writer.init(ANSWER_MS)
        parts.confirm()  # who was fenced for good before does not fence the one that runs it now and goes on
        self._output = Output(self._writer)
        parts.offsets.refresh()
        self._task.start(parts.config, SourceContext(parts))

    def step(self) -> float:
        """What the next `poll` returns, stored."""
        records = self._task.poll()
        if not records:
            return IDLE_MS
        self._store(self._encoder.rows(records), records)
        self._task.commit()
        return 0.0

    def _store(self, rows: Sequence[Row], records: Sequence[SourceRecord]) -> None:
        writer, output, parts = self._writer, self._output, self._parts
        assert writer is not None and output is not None
        output.add(rows)
        now = parts.door.world.now_ms()
        positions = self._positions(records).items()
        output.add((parts.offsets.topic, None, key, offset, now, ()) for key, offset in positions)
        write_whole(writer, output, f"Task {parts.name}")
        for topic in {row[0] for row in rows}:
            parts.status.uses(topic)
        parts.status.records += len(rows)

    def _positions(self, records: Sequence[SourceRecord]) -> dict[bytes, bytes]:
        """The last position of each part of the source, as it is stored."""
        found: dict[bytes, bytes] = {}
        for record in records:
            if record.source_partition is not None and record.source_offset is not None:
                key = self._parts.offsets.key(self._parts.connector, record.source_partition)
                found[key] = dumped(dict(record.source_offset))
        return found

    def finish(self) -> None:
        """Every step has ended its transaction: there is nothing to do."""

    def close(self) -> None:
        """Stops the task, and gives the writer back."""
        try:
            self._task.stop()
        finally:
            if self._writer is not None:
                self._writer.close()


def _overrides(given: Mapping[str, str]) -> dict[str, object]:
    prefix = "producer.override."
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}
