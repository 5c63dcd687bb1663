"""Between a connector's records and bytes: transforms and converters, and what becomes of errors in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from streams.clients.fetch_buffer import ConsumerRecord
from streams.clients.request_size import check_request_size
from streams.connect.converters.base import Converter, HeaderConverter
from streams.connect.records import Header, R, SinkRecord, SourceRecord
from streams.connect.transforms.chain import Stage as Transformation
from streams.connect.worker.tolerance import Stage, Step, Tolerance
from streams.errors import KafkaException
from streams.record import Headers

LARGE = 64 * 1024
"""Smaller values are not looked at: no limit is below."""
Row = tuple[str, int | None, bytes | None, bytes | None, int, Headers]
"""Topic, partition, key, value, timestamp (ms), headers."""


def transformed(stages: Sequence[Transformation], record: R, step: Step) -> R | None:
    """A record after the transforms; None: one of them has dropped it. `step` says which is at work."""
    step.stage = Stage.TRANSFORMATION
    for stage in stages:
        step.worker = stage.transform
        changed = stage.apply(record)
        if changed is None:
            return None
        record = changed
    return record


class RecordEncoder:
    """From a source's records to what is sent: transforms, then converters; errors as they are tolerated.

    Args:
        stages: the transforms.
        key, value, header: the converters.
        tolerance: what becomes of errors.
        now_ms: the time of records that bear none.
        max_request_size: a larger record (bytes) is not sent.
    """

    def __init__(
        self,
        stages: Sequence[Transformation],
        key: Converter,
        value: Converter,
        header: HeaderConverter,
        tolerance: Tolerance,
        now_ms: Callable[[], int],
        max_request_size: int,
    ) -> None:
        self._stages = stages
        self._key = key
        self._value = value
        self._header = header
        self._tolerance = tolerance
        self._now = now_ms
        self._most = max_request_size

    def rows(self, records: Sequence[SourceRecord]) -> list[Row]:
        """The rows of records; those that a transform drops, or that are passed over, have none."""
        if not self._stages:
            with suppress(KafkaException):
                return self._all(records)
        attempt, encoded = self._tolerance.attempt, self._encoded
        return [row for record in records if (row := attempt(record, encoded)) is not None]

    def _all(self, records: Sequence[SourceRecord]) -> list[Row]:
        """Those of all, where there is nothing wrong with any."""
        key_of, value_of, headers_of, now = (
            self._key.from_connect_data, self._value.from_connect_data, self._headers, self._now(),
        )  # fmt: skip
        rows: list[Row] = []
        for topic, value, value_schema, key, key_schema, partition, timestamp, headers, _, _ in records:
            raw_headers = headers_of(topic, headers) if headers else ()
            raw_key, raw_value = key_of(topic, key_schema, key), value_of(topic, value_schema, value)
            if raw_value is not None and len(raw_value) > LARGE:
                self._check_size(raw_key, raw_value, raw_headers)
            rows.append((topic, partition, raw_key, raw_value, now if timestamp is None else timestamp, raw_headers))
        return rows

    def _encoded(self, record: SourceRecord) -> Row | None:
        step = self._tolerance.step
        changed = transformed(self._stages, record, step) if self._stages else record
        if changed is None:
            return None
        topic = changed.topic
        headers: Headers = ()
        if changed.headers:
            step.stage, step.worker = Stage.HEADER_CONVERTER, self._header
            headers = self._headers(topic, changed.headers)
        step.stage, step.worker = Stage.KEY_CONVERTER, self._key
        key = self._key.from_connect_data(topic, changed.key_schema, changed.key)
        step.stage, step.worker = Stage.VALUE_CONVERTER, self._value
        value = self._value.from_connect_data(topic, changed.value_schema, changed.value)
        if value is not None and len(value) > LARGE:
            step.stage, step.worker = Stage.KAFKA_PRODUCE, type(self)
            self._check_size(key, value, headers)
        timestamp = changed.timestamp
        return topic, changed.partition, key, value, self._now() if timestamp is None else timestamp, headers

    def _headers(self, topic: str, given: Sequence[Header]) -> Headers:
        convert = self._header.from_connect_header
        return tuple((each.key, convert(topic, each.key, each.schema, each.value)) for each in given)

    def _check_size(self, key: bytes | None, value: bytes, headers: Headers) -> None:
        too_large = check_request_size(key, value, headers, self._most)
        if too_large is not None:
            raise too_large


class RecordDecoder:
    """From a topic's bytes to a sink's records: converters, then transforms; errors as they are tolerated.

    Args:
        stages: the transforms.
        key, value, header: the converters.
        tolerance: what becomes of errors.
    """

    def __init__(
        self,
        stages: Sequence[Transformation],
        key: Converter,
        value: Converter,
        header: HeaderConverter,
        tolerance: Tolerance,
    ) -> None:
        self._stages = stages
        self._key = key
        self._value = value
        self._header = header
        self._tolerance = tolerance

    def records(self, given: Sequence[ConsumerRecord]) -> list[SinkRecord]:
        """The records; those that a transform drops, or that are passed over, are not among them."""
        if not self._stages:
            with suppress(KafkaException):
                return self._all(given)
        attempt, decoded = self._tolerance.attempt, self._decoded
        return [record for each in given if (record := attempt(each, decoded)) is not None]

    def _all(self, given: Sequence[ConsumerRecord]) -> list[SinkRecord]:
        """All of them, where there is nothing wrong with any."""
        key_of, value_of, headers_of = self._key.to_connect_data, self._value.to_connect_data, self._headers
        records: list[SinkRecord] = []
        for topic, partition, offset, timestamp, raw_key, raw_value, raw_headers in given:
            key_schema, key = key_of(topic, raw_key)
            value_schema, value = value_of(topic, raw_value)
            headers = headers_of(topic, raw_headers) if raw_headers else ()
            records.append(
                SinkRecord(
                    topic, value, value_schema, key, key_schema, partition, timestamp, headers, offset, topic, partition
                )
            )
        return records

    def _decoded(self, given: ConsumerRecord) -> SinkRecord | None:
        step = self._tolerance.step
        topic = given.topic
        step.stage, step.worker = Stage.KEY_CONVERTER, self._key
        key_schema, key = self._key.to_connect_data(topic, given.key)
        step.stage, step.worker = Stage.VALUE_CONVERTER, self._value
        value_schema, value = self._value.to_connect_data(topic, given.value)
        headers: tuple[Header, ...] = ()
        if given.headers:
            step.stage, step.worker = Stage.HEADER_CONVERTER, self._header
            headers = self._headers(topic, given.headers)
        record = SinkRecord(
            topic, value, value_schema, key, key_schema, given.partition, given.timestamp, headers, given.offset, topic,
            given.partition,
        )  # fmt: skip
        return transformed(self._stages, record, step) if self._stages else record

    def _headers(self, topic: str, given: Headers) -> tuple[Header, ...]:
        found = []
        for name, data in given:
            schema, value = self._header.to_connect_header(topic, name, data)
            found.append(Header(name, value, schema))
        return tuple(found)
