"""What comes of an event in a coordinator: records for its log, markers for the logs of partitions, and replies, in
order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from broker_local.coordinator.records import LogRecord
from broker_local.protocol.requests import request


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the request with this ticket."""

    to: int
    body: request.Reply


@dataclass(frozen=True, slots=True)
class Record:
    """Append this to the log, then replay it."""

    body: LogRecord


@dataclass(frozen=True, slots=True)
class Marker:
    """Append to this partition that the transaction is committed, or aborted, if it is open there."""

    topic: str
    partition: int
    producer_id: int
    epoch: int
    commit: bool


Effect = Reply | Record | Marker


class Call(NamedTuple):
    """Where a request comes from. `to` is its ticket, `peer` its connection, `client` the name that said hello; `now`
    is a time that never goes back (ms), for deadlines; `at` the wall clock (ms), for what lasts."""

    to: int
    peer: int
    client: str
    now: int
    at: int
