"""What a log knows of its producers: the last batches of each, so that a batch sent twice is stored once.

The rules are Kafka's (`ProducerStateManager`, `ProducerAppendInfo`): a batch continues its producer's
sequence; one of the last five batches, sent again, is answered with the offset it has; anything else is out
of order. A raised epoch begins at sequence 0, a lower one is fenced.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import NamedTuple

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Refusal
from broker_local.log.format import CONTROL, NO_PRODUCER, TRANSACTIONAL, Header

REMEMBERED = 5
"""Batches per producer that are recognised when sent again: as many as may be in flight in Kafka."""

EXPIRES_MS = 86_400_000
"""A producer that was silent so long is forgotten (`producer.id.expiration.ms`)."""


class BatchMetadata(NamedTuple):
    """A batch that is in the log."""

    first: int
    last: int
    base_offset: int
    timestamp: int


class ProducerState(NamedTuple):
    """The last batches of one producer, oldest first, under its newest epoch; when it was last heard, in ms."""

    epoch: int
    batches: tuple[BatchMetadata, ...]
    heard: int


class Producers:
    """The producers of one partition."""

    __slots__ = ("_states",)

    def __init__(self) -> None:
        self._states: dict[int, ProducerState] = {}

    def check(self, header: Header) -> BatchMetadata | None:
        """Asks whether a batch may be appended.

        Args:
            header: the batch as it came.
        Returns:
            None if it is new and in order; where it is stored if it was sent before.
        Raises:
            Refusal: INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, DUPLICATE_SEQUENCE_NUMBER, or
                UNKNOWN_PRODUCER_ID where a transaction does not begin at sequence 0.
        """
        if header.producer_id == NO_PRODUCER:
            return None
        if header.producer_id < 0 or header.epoch < 0 or header.sequence < 0:
            said = "a batch with a producer id needs an epoch and a sequence of at least 0"
            raise Refusal(ErrorCode.INVALID_RECORD, said)
        state = self._states.get(header.producer_id)
        who = f"producer {header.producer_id} with epoch {header.epoch}"
        if state is None:
            if header.flags & TRANSACTIONAL and header.sequence:
                said = f"{who} begins at sequence {header.sequence}, and what it wrote before is not known any more"
                raise Refusal(ErrorCode.UNKNOWN_PRODUCER_ID, said)
            return None
        if header.epoch < state.epoch:
            raise Refusal(ErrorCode.INVALID_PRODUCER_EPOCH, f"{who} is fenced: epoch {state.epoch} has written since")
        if header.epoch > state.epoch:
            if header.sequence:
                said = f"{who} begins at sequence {header.sequence}; a new epoch begins at 0"
                raise Refusal(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, said)
            return None
        first, last = header.sequence, header.last_sequence
        for stored in state.batches:
            if stored.first == first and stored.last == last:
                return stored
        newest = state.batches[-1].last
        if first == (newest + 1) & 0x7FFFFFFF:
            return None
        said = f"{who} sent sequence {first} after {newest}"
        if first <= newest and newest - first < 2**30:
            raise Refusal(ErrorCode.DUPLICATE_SEQUENCE_NUMBER, f"{said}: stored before, and its offset is forgotten")
        raise Refusal(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, f"{said}: batches before it are missing")

    def stored(self, header: Header, now: int) -> None:
        """Notes a batch that is in the log, whether it was just appended or is read again at a start.

        Args:
            header: the batch with its offsets.
            now: time of the append in ms; at a start the time of the start.
        """
        if header.producer_id == NO_PRODUCER or header.flags & CONTROL:
            return
        entry = BatchMetadata(header.sequence, header.last_sequence, header.base_offset, header.append_time)
        state = self._states.get(header.producer_id)
        if state is None or header.epoch != state.epoch:
            batches: tuple[BatchMetadata, ...] = (entry,)
        else:
            batches = (*state.batches[1 - REMEMBERED :], entry)
        self._states[header.producer_id] = ProducerState(header.epoch, batches, now)

    def expire(self, now: int, but: Container[int] = ()) -> None:
        """Forgets producers that were silent for a day, but for these."""
        for producer in [p for p, state in self._states.items() if now - state.heard > EXPIRES_MS]:
            if producer not in but:
                del self._states[producer]

    def last_batches(self) -> frozenset[int]:
        """Base offsets of each producer's last batch: compaction keeps them, if need be without records."""
        return frozenset(state.batches[-1].base_offset for state in self._states.values())

    def states(self) -> Mapping[int, ProducerState]:
        """All that is known, by producer id."""
        return self._states

    def dump(self) -> dict[int, list[object]]:
        """As plain values, for a snapshot."""
        return {
            producer: [state.epoch, [list(batch) for batch in state.batches], state.heard]
            for producer, state in self._states.items()
        }

    @classmethod
    def load(cls, dumped: object) -> Producers:
        """From what `dump` gave.

        Raises:
            ValueError: the values are not such.
        """
        producers = cls()
        if not isinstance(dumped, dict):
            raise ValueError("a snapshot of producers is a map")
        try:
            for producer, (epoch, batches, heard, *_) in dumped.items():
                stored = tuple(BatchMetadata(*map(int, batch)) for batch in batches)
                if not stored:
                    raise ValueError(f"producer {producer} has no batch")
                producers._states[int(producer)] = ProducerState(int(epoch), stored, int(heard))
        except TypeError as error:
            raise ValueError(f"a snapshot of producers has other fields: {error}") from error
        return producers
