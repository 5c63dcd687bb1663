"""What the tests of the door do again and again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from streams.clients.api import Door, Fetched, GroupLink, GroupReply, GroupRequest, Reader, Sent, Writer
from streams.record import Headers, RecordBatch, TopicPartition

PATIENCE_MS = 20_000


def batch(
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None = None,
    timestamps: Sequence[int] | None = None,
    headers: Sequence[Headers] | None = None,
) -> RecordBatch:
    """A batch to be sent."""
    count = len(values)
    return RecordBatch(
        [None] * count if keys is None else keys, values, [1_000] * count if timestamps is None else timestamps,
        headers, range(count), count,
    )  # fmt: skip


def write(writer: Writer, partition: TopicPartition, *values: bytes | None) -> Sent:
    """Sends one batch and waits for its answer."""
    answers: list[Sent] = []
    writer.send(partition, batch(values), answers.append)
    assert writer.await_acks(PATIENCE_MS) == 0
    (sent,) = answers
    assert sent.error is None, sent.error
    return sent


def read_until(reader: Reader, enough: Callable[[list[Fetched]], object]) -> list[Fetched]:
    """Polls until what has come is enough."""
    seen: list[Fetched] = []
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not enough(seen):
        assert time.monotonic() < deadline, seen
        seen += reader.poll(200)
    return seen


def read_to_end(reader: Reader, *partitions: TopicPartition) -> list[Fetched]:
    """Polls until the end of each partition has been reported."""
    wanted = set(partitions)
    return read_until(
        reader, lambda seen: wanted <= {each.partition for each in seen if each.caught_up_at is not None}
    )


def records(seen: Sequence[Fetched], partition: TopicPartition) -> list[tuple[int, bytes | None]]:
    """Offsets and values of one partition, in order."""
    return [
        pair
        for each in seen
        if each.partition == partition and each.batch is not None
        for pair in zip(each.batch.offsets, each.batch.values, strict=True)
    ]


def read_all(door: Door, partition: TopicPartition, reader: Reader, start: int = 0) -> list[tuple[int, bytes | None]]:
    """All records of a partition from an offset to the end."""
    reader.seek({partition: start})
    return records(read_to_end(reader, partition), partition)


def ask(link: GroupLink, request: GroupRequest) -> GroupReply:
    """Sends a request and waits for its answer."""
    ticket = link.send(request)
    return answer(link, ticket)


def answer(link: GroupLink, ticket: int) -> GroupReply:
    """Waits for the answer with a ticket."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        for got, reply in link.receive(200):
            if got == ticket:
                return reply
    raise AssertionError("no answer")
