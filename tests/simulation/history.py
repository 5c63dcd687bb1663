"""What producers and consumers did, and whether it fits together: a checker as Jepsen's workload for Kafka has one.

Every value is sent once. What a client was told is believed: sent, committed, aborted. What it was not told, since it
was killed or got an error that leaves it open, may be either way, but only one way: all of a transaction, or nothing.

    lost              a value whose write or commit was acknowledged is not in the log
    doubled           a value lies at two offsets
    out of order      of two values that one producer sent to a partition, the later one lies before the earlier
    aborted read      a value of a transaction whose commit nobody asked for was shown to a reader of committed ones
    torn              of one transaction some values are there, and some are not
    dirty read        a reader of committed values was shown one that is not in the log
    other value       a reader was shown another value at an offset than the log has
    skipped, again    a reader under one assignment passed over a value, or went back
    stale offset      a position that was committed is behind one that had been acknowledged before
    not copied        values and positions of a copying transaction: each value is there once, in order
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.record import TopicPartition
from tests.simulation.logs import Logs

OPEN, ASKED, COMMITTED = "open", "asked for its commit", "committed"


@dataclass(eq=False)
class Transaction:
    """Of a producer, or what stands for one: a send outside of any is committed by its acknowledgement."""

    state: str = OPEN
    ended_ms: float = 0.0
    sends: list[Send] = field(default_factory=list)


@dataclass(eq=False)
class Send:
    """One value."""

    value: bytes
    partition: TopicPartition
    writer: str
    number: int
    transaction: Transaction


@dataclass(frozen=True)
class Shown:
    """One record that a reader was given. `assignment`: under which, of this reader."""

    reader: str
    assignment: int
    committed_only: bool
    partition: TopicPartition
    offset: int
    value: bytes | None
    at_ms: float


@dataclass(frozen=True)
class Committed:
    """A position of a group that was acknowledged."""

    group: str
    partition: TopicPartition
    offset: int
    at_ms: float


@dataclass
class History:
    """All that was done, in order."""

    sends: list[Send] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    commits: list[Committed] = field(default_factory=list)
    assignments: dict[str, int] = field(default_factory=dict)
    """How often the partitions of each reader have changed."""
    lives: int = 0

    def life_of(self, member: str) -> str:
        """A name for one life of a process."""
        self.lives += 1
        return f"{member}/{self.lives}"

    def send(self, transaction: Transaction, writer: str, partition: TopicPartition) -> Send:
        """A value that is about to be sent."""
        number = len(self.sends)
        send = Send(f"{writer}:{number}".encode(), partition, writer, number, transaction)
        self.sends.append(send)
        transaction.sends.append(send)
        return send


@dataclass(frozen=True)
class End:
    """What there is at the end.

    Args:
        committed: the logs, as readers of committed records see them.
        everything: as readers of all records do.
        positions: committed, by group.
        lost_since: what was acknowledged at this time or later may be lost, up to the time after it: a power cut may
            take it.
        cuts: when there was a power cut that takes what was acknowledged; what was shown before one may be gone.
    """

    committed: Logs
    everything: Logs
    positions: Mapping[str, Mapping[TopicPartition, int]]
    may_be_lost: tuple[tuple[float, float], ...]
    prompt: bool = True
    """Nobody was kept for long between learning a position and being shown the first record from there."""

    def forgiven(self, at_ms: float) -> bool:
        """May what was acknowledged then be gone?"""
        return any(since <= at_ms <= until for since, until in self.may_be_lost)


def check(history: History, end: End, group: str) -> Iterator[str]:
    """What is wrong with a history; nothing: it fits together.

    Args:
        history: what was done.
        end: what there is.
        group: of readers that were all at the end when it was looked at.
    """
    place: dict[bytes, tuple[TopicPartition, int]] = {}
    for name, logs in (("committed", end.committed), ("all", end.everything)):
        seen: dict[bytes, tuple[TopicPartition, int]] = {}
        for partition, records in logs.items():
            for record in records:
                value = record.value or b""
                if value in seen and partition.topic == seen[value][0].topic:
                    yield f"doubled ({name}): {value!r} at {seen[value]} and at {(partition, record.offset)}"
                seen.setdefault(value, (partition, record.offset))
        place = place or {value: at for value, at in seen.items() if at[0].topic == "t"}
    yield from _sends(history, end, place)
    yield from shown_right(history, end)
    yield from _delivered(history, end, group)
    yield from _positions(history, end, group)


def _sends(history: History, end: End, place: Mapping[bytes, tuple[TopicPartition, int]]) -> Iterator[str]:
    last: dict[tuple[str, TopicPartition], tuple[int, bytes]] = {}
    for transaction in dict.fromkeys(send.transaction for send in history.sends):
        there = [send.value in place for send in transaction.sends]
        values = [send.value for send in transaction.sends]
        if any(there) and not all(there):
            yield f"torn: of {values} there are {there}"
        if any(there) and transaction.state == OPEN:
            yield f"aborted read: nobody asked for the commit of {values}"
        if transaction.state == COMMITTED and not all(there) and not end.forgiven(transaction.ended_ms):
            yield f"lost: {values}, committed at {transaction.ended_ms:.0f} ms; there are {there}"
    for send in history.sends:
        if send.value in place:
            partition, offset = place[send.value]
            if partition != send.partition:
                yield f"elsewhere: {send.value!r} lies in {partition}, and was sent to {send.partition}"
            before = last.get((send.writer, partition), (-1, b""))
            if before[0] > offset:
                yield f"out of order: {send.value!r} at {offset}, behind {before[1]!r} at {before[0]}"
            last[send.writer, partition] = (offset, send.value)


def shown_right(history: History, end: End) -> Iterator[str]:
    """What readers were shown that they should not have been, or not so."""
    at: dict[tuple[str, int, TopicPartition], int] = {}
    logs = {
        only: {partition: {each.offset: each.value for each in records} for partition, records in logs.items()}
        for only, logs in ((True, end.committed), (False, end.everything))
    }
    for shown in history.shown:
        log = logs[shown.committed_only].get(shown.partition, {})
        there, found = shown.offset in log, log.get(shown.offset)
        forgiven = any(until >= shown.at_ms for _, until in end.may_be_lost)
        if not there and not forgiven:
            yield f"dirty read: {shown}"
        elif there and found != shown.value and not forgiven:
            yield f"other value: {shown}, the log has {found!r}"
        key = (shown.reader, shown.assignment, shown.partition)
        before = at.get(key)
        if before is not None and not forgiven:
            if shown.offset <= before:
                yield f"again: {shown}, after {before}"
            skipped = [log[offset] for offset in range(before + 1, shown.offset) if offset in log]
            if skipped:
                yield f"skipped: {skipped} before {shown}"
        at[key] = shown.offset


def _positions(history: History, end: End, group: str) -> Iterator[str]:
    """A position that was acknowledged stands, at the end and wherever somebody begins by it."""
    lasting = [each for each in history.commits if not end.forgiven(each.at_ms)]
    for commit in lasting:
        stands = end.positions.get(commit.group, {}).get(commit.partition, 0)
        if stands < commit.offset:
            yield f"stale offset: {commit} was acknowledged, and {stands} stands"
    begun: set[tuple[str, int, TopicPartition]] = set()
    for shown in history.shown:
        key = (shown.reader, shown.assignment, shown.partition)
        if key in begun or not shown.reader.startswith(group):
            continue
        begun.add(key)
        before = [each for each in lasting if each.partition == shown.partition and each.at_ms < shown.at_ms]
        newest = max(before, key=lambda each: each.offset, default=None)
        if end.prompt and newest is not None and newest.offset > shown.offset:
            yield f"stale offset: {newest} was acknowledged, and {shown.reader} begins at {shown.offset}"


def _delivered(history: History, end: End, group: str) -> Iterator[str]:
    """Members of a group that commit what they have been given have been given all together."""
    given: dict[TopicPartition, set[int]] = defaultdict(set)
    for shown in history.shown:
        if shown.reader.startswith(group):
            given[shown.partition].add(shown.offset)
    for partition, records in end.committed.items():
        if partition.topic == "t":
            missing = [each.value for each in records if each.offset not in given[partition]]
            if missing:
                yield f"not delivered: {missing} of {partition}"


def copied(end: End, source: str, to: str) -> Iterator[str]:
    """Is each committed value of one topic once in the other, in order?"""
    for partition, records in end.committed.items():
        if partition.topic == source:
            must = [each.value for each in records]
            found = [each.value for each in end.committed[TopicPartition(to, partition.partition)]]
            if found != must:
                extra = [value for value in found if value not in must]
                missing = [value for value in must if value not in found]
                yield f"not copied: {partition}: missing {missing}, extra {extra}, {len(found)} for {len(must)}"
