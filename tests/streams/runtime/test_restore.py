"""Stores are filled from changelogs, in slices, up to a target that is reached by position."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import pytest

from statestore.keyvalue import LayeredKeyValueStore
from statestore.memory import MemoryEngine
from streams.clients.api import READER_DEFAULTS, Fetched, Isolation
from streams.errors import KafkaException, LogTruncatedException, OffsetOutOfRangeException
from streams.record import RecordBatch, TopicPartition
from streams.runtime.state.changelog import Changelog, Mark, read_mark, wipe
from streams.runtime.state.stores import codec_of
from streams.runtime.tasks.restore import Restorer, StoreRestore, outdated, rows_of
from streams.topology.node import TaskId
from tests.streams.apps import TEXT
from tests.streams.runtime.estate import Engines

TASK = TaskId(0, 0)
LOG = TopicPartition("changelog", 0)


class Told:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def on_restore_start(self, partition: TopicPartition, store: str, start: int, end: int) -> None:
        self.told.append(("start", start, end))

    def on_batch_restored(self, partition: TopicPartition, store: str, end: int, count: int) -> None:
        self.told.append(("batch", end, count))

    def on_restore_end(self, partition: TopicPartition, store: str, total: int) -> None:
        self.told.append(("end", total))


class Answers:
    """A reader whose answers are given by hand: lists of what is fetched, or errors."""

    def __init__(self, *answers: Sequence[Fetched] | KafkaException) -> None:
        self.answers = list(answers)
        self.placed: list[dict[TopicPartition, int]] = []

    def seek(self, positions: Mapping[TopicPartition, int]) -> None:
        self.placed.append(dict(positions))

    def drop(self, partitions: Iterable[TopicPartition]) -> None: ...
    def pause(self, partitions: Iterable[TopicPartition]) -> None: ...
    def resume(self, partitions: Iterable[TopicPartition]) -> None: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...

    def poll(self, timeout_ms: int) -> list[Fetched]:
        answer = self.answers.pop(0)
        if isinstance(answer, KafkaException):
            raise answer
        return list(answer)


class Case:
    """One store and its restore."""

    def __init__(self, position: int, target: int, kept: int = 0, epoch: int = 0) -> None:
        self.engine = MemoryEngine()
        self.store = LayeredKeyValueStore("s", self.engine, codec_of(TEXT, ""), timestamped=False)
        log = Changelog(LOG, "id", epoch, position)
        empty = partial(wipe, self.engine, "s", self.store.life)
        self.restore = StoreRestore(TASK, "s", log, self.store.life, target, empty, kept=kept)

    def rows(self) -> dict[bytes, object]:
        with self.store.all() as rows:
            return {key: value for key, value, _ in rows}


def fetched(first: int, *keys: str, log_epoch: int = 0, tombstones_gone: int = 0, end: int | None = None) -> Fetched:
    """A batch at these offsets; `end`: it is followed by nothing, up to there."""
    last = first + len(keys)
    values: list[bytes | None] = [f"{key}{first}".encode() for key in keys]
    batch = RecordBatch([key.encode() for key in keys], values, [1] * len(keys), None, range(first, last), end or last)
    return Fetched(LOG, batch, end, 0, log_epoch, last, tombstones_gone)


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    made.topic("changelog")
    yield made
    made.close()


def test_a_store_is_read_to_its_target_in_slices_and_the_listener_told(engines: Engines) -> None:
    for number in range(20):
        engines.write("changelog", *[(f"k{number}", f"v{number}")] * 5)
    told, case = Told(), Case(0, 100)
    reader = engines.door.reader(Isolation.READ_UNCOMMITTED, replace(READER_DEFAULTS, max_partition_bytes=1))
    restorer = Restorer(reader, told)
    restorer.begin([case.restore])
    steps = 0
    while restorer.busy:
        assert restorer.waits_for(TASK) and restorer.progress()["s 0_0"][1] == 100
        restorer.step(1_000)
        steps += 1
    assert steps > 5 and restorer.restored == 100
    assert case.rows() == {f"k{number}".encode(): f"v{number}" for number in range(20)}
    assert read_mark(case.engine, "s") == Mark("id", 0, 100, 100)
    assert told.told[0] == ("start", 0, 100) and told.told[-1] == ("end", 100)
    assert sum(int(str(each[2])) for each in told.told if each[0] == "batch") == 100
    restorer.close()


def test_a_store_that_is_done_counts_until_all_are() -> None:
    """Or what is told of all of them would go back."""
    other = TopicPartition("changelog", 1)
    first, second = Case(0, 2), Case(0, 3)
    second.restore.log.partition, second.restore.task = other, TaskId(0, 1)
    more = fetched(0, "c", "d", "e")._replace(partition=other)
    restorer = Restorer(Answers([fetched(0, "a", "b")], [more], [fetched(0, "a")]), None)
    restorer.begin([first.restore, second.restore])
    restorer.step(0)
    assert restorer.progress() == {"s 0_0": (2, 2), "s 0_1": (0, 3)}
    restorer.step(0)
    assert not restorer.busy and restorer.progress() == {}
    third = Case(0, 2)
    restorer.begin([third.restore])
    restorer.step(0)
    assert restorer.progress() == {"s 0_0": (1, 2)}


def test_records_behind_the_target_are_not_applied(engines: Engines) -> None:
    engines.write("changelog", ("a", "1"), ("b", "2"), ("c", "3"), ("a", "4"))
    case, restorer = Case(1, 3), Restorer(engines.door.reader(Isolation.READ_UNCOMMITTED), None)
    restorer.begin([case.restore])
    while restorer.busy:
        restorer.step(1_000)
    assert case.rows() == {b"b": "2", b"c": "3"}
    assert read_mark(case.engine, "s") == Mark("id", 0, 3, 3)


def test_a_log_that_lost_its_beginning_goes_on_where_it_starts(engines: Engines) -> None:
    engines.write("changelog", ("a", "1"))
    engines.write("changelog", ("b", "2"))
    engines.admin.delete_records({LOG: 1})
    case, restorer = Case(0, 2), Restorer(engines.door.reader(Isolation.READ_UNCOMMITTED), None)
    restorer.begin([case.restore])
    while restorer.busy:
        restorer.step(1_000)
    assert case.rows() == {b"b": "2"}


def test_a_restore_at_its_target_ends_without_reading() -> None:
    told, case = Told(), Case(5, 5)
    restorer = Restorer(Answers(), told)
    restorer.begin([case.restore])
    assert not restorer.busy and told.told == [("start", 5, 5), ("end", 0)]


def test_markers_and_removed_records_before_the_target_count_as_read() -> None:
    case = Case(0, 10)
    restorer = Restorer(Answers([fetched(0, "a", end=10)]), None)
    restorer.begin([case.restore])
    restorer.step(0)
    assert not restorer.busy and case.restore.log.offset == 10


def test_a_log_that_ends_before_the_target_has_no_more() -> None:
    case = Case(0, 10)
    restorer = Restorer(Answers([fetched(0, "a"), Fetched(LOG, None, 1, 0, 0, 1, log_end=1)]), None)
    restorer.begin([case.restore])
    restorer.step(0)
    assert not restorer.busy and case.restore.log.offset == 1


@pytest.mark.parametrize("log_end", [10, -1])
def test_that_a_reader_is_shown_no_more_says_nothing_of_where_a_log_ends(log_end: int) -> None:
    """An open transaction hides what follows; -1: the engine does not say where its log ends."""
    case = Case(0, 10)
    restorer = Restorer(Answers([fetched(0, "a"), Fetched(LOG, None, 1, 0, 0, 1, log_end=log_end)]), None)
    restorer.begin([case.restore])
    restorer.step(0)
    assert restorer.busy and (case.restore.log.offset, case.restore.target) == (1, 10)


def test_what_was_appended_before_the_takeover_is_waited_for_though_it_is_not_shown_yet() -> None:
    case = Case(0, 3)
    hidden = Fetched(LOG, None, 1, 0, 0, 1, log_end=3)
    restorer = Restorer(Answers([fetched(0, "a"), hidden], [hidden], [fetched(1, "b", "c", end=3)]), None)
    restorer.begin([case.restore])
    restorer.step(0)
    restorer.step(0)
    assert restorer.busy and case.restore.log.offset == 1
    restorer.step(0)
    assert not restorer.busy and case.restore.log.offset == 3
    assert case.rows() == {b"a": "a0", b"b": "b1", b"c": "c1"}


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (fetched(5, "x", log_epoch=4), "cut back while it was restored, with the epoch 3"),
        (fetched(5, "x", log_epoch=3, tombstones_gone=6), "longer than delete.retention.ms: its offset is 5"),
        (LogTruncatedException("cut", LOG, 5, 2), "its changelog was cut back below its position 5"),
        (OffsetOutOfRangeException("behind", LOG, 5, 0, 3), "its position 5 lies behind the log's end"),
    ],
)
def test_what_is_worth_nothing_is_emptied_and_read_from_zero(
    first: Fetched | KafkaException, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    case = Case(5, 7, kept=5, epoch=3)
    case.store.life.apply([(b"stale", b"stale", 1)])
    epoch = first.log_epoch if isinstance(first, Fetched) else 3
    answer = first if isinstance(first, KafkaException) else [first, fetched(6, "y", log_epoch=epoch)]
    reader = Answers(answer, [fetched(0, *"abcdefg", log_epoch=epoch)])
    restorer = Restorer(reader, None)
    restorer.begin([case.restore])
    restorer.step(0)
    assert reason in caplog.text and reader.placed[-1] == {LOG: 0}
    assert restorer.busy and case.rows() == {}  # nor was anything applied that came in the same answer
    restorer.step(0)
    assert not restorer.busy and set(case.rows()) == {key.encode() for key in "abcdefg"}
    assert read_mark(case.engine, "s") == Mark("id", epoch, 7, 7)


def test_what_a_store_has_is_judged_once() -> None:
    case = Case(5, 7, kept=5, epoch=3)
    good = fetched(5, "x", log_epoch=3, tombstones_gone=5)
    assert outdated(case.restore, good) is None
    assert outdated(replace(case.restore, kept=0), good._replace(tombstones_gone=9, log_epoch=8)) is None
    assert outdated(case.restore, good._replace(tombstones_gone=9)) is not None


def test_a_task_that_is_given_up_is_read_no_further() -> None:
    late = OffsetOutOfRangeException("late", LOG, 0, 3, 3)
    case, other = Case(0, 10), Case(0, 10)
    other.restore.task, other.restore.log.partition = TaskId(0, 1), TopicPartition("changelog", 1)
    restorer = Restorer(Answers([fetched(0, "a")], late), None)
    restorer.begin([case.restore, other.restore])
    restorer.drop(TASK)
    assert restorer.busy and not restorer.waits_for(TASK)
    assert restorer.step(0) == 0 and case.rows() == {}
    assert restorer.step(0) == 0


def test_rows_are_those_with_a_key_between_start_and_stop() -> None:
    batch = RecordBatch([b"a", None, b"c", b"d"], [b"1", b"2", None, b"4"], [1, 2, 3, 4], None, [0, 2, 4, 6], 8)
    assert rows_of(batch, 0, 8) == [(b"a", b"1", 1), (b"c", None, 3), (b"d", b"4", 4)]
    assert rows_of(batch, 1, 6) == [(b"c", None, 3)]
