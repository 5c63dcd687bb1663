"""Tasks are taken over, run, taken back and given up, over real databases and an engine in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from statestore.engine import Engine
from statestore.memory import MemoryEngine
from streams import Materialized, Stores, StreamsBuilder
from streams.clients.api import Position
from streams.errors import OffsetOutOfRangeException, TimeoutException
from streams.record import TopicPartition
from streams.runtime.state.changelog import mark_name, read_mark
from streams.runtime.worker.make_worker import open_rocks
from streams.runtime.worker.tasks import DATABASE
from streams.topology.node import TaskId
from tests.streams.apps import TEXT
from tests.streams.runtime.estate import Engines, Estate

ZERO = TaskId(0, 0)
WORDS = TopicPartition("words", 0)
CHANGELOG = "app-counts-changelog"


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    made.topic("words", 2)
    made.topic("out", 1)
    made.topic(CHANGELOG, 2, cleanup_policy="compact")
    yield made
    made.close()


def worked(estate: Estate, *words: str) -> Estate:
    """Takes the first task, counts words and commits."""
    estate.take(ZERO)
    estate.engines.write("words", *[(word, word) for word in words])
    process = estate.metrics.counter("process-total", task_id="0_0")
    before = process.value
    estate.work(lambda: process.value == before + len(words))
    estate.commit()
    return estate


def test_a_task_moves_between_workers_of_one_host_without_restoring(engines: Engines, tmp_path: Path) -> None:
    first, second = Estate(engines, tmp_path), Estate(engines, tmp_path)
    worked(first, "a", "b", "a")
    assert first.tasks.positions() == {ZERO: 3}
    assert second.tasks.copies() == {}
    first.tasks.give_up(ZERO, clean=True)
    assert second.tasks.copies() == {ZERO: 3}
    second.committed = first.committed
    second.take(ZERO)
    assert second.restorer.restored == 0
    assert (second.count("a"), second.count("b")) == (2, 1)
    first.close()
    second.close()


def test_a_worker_that_died_leaves_its_tasks_to_others_and_only_the_tail_is_restored(
    engines: Engines, tmp_path: Path
) -> None:
    first = worked(Estate(engines, tmp_path), "a", "b", "a")
    while first.tasks.spill(first.tasks.by_id[ZERO]):
        pass
    engines.write("words", ("c", "c"))
    first.work(lambda: first.metrics.total("process-total") == 4)
    first.commit()
    first.tasks.by_id[ZERO].state.disk.close()  # nothing else is done: it died
    first.directory.close()
    second = Estate(engines, tmp_path)
    second.committed = first.committed
    second.take(ZERO)
    assert second.restorer.restored == 1
    assert [second.count(word) for word in "abc"] == [2, 1, 1]
    second.close()


def test_what_was_not_committed_is_taken_back_and_done_again(engines: Engines, tmp_path: Path) -> None:
    estate = worked(Estate(engines, tmp_path), "a", "a")
    engines.write("words", ("a", "a"))
    processed = estate.metrics.counter("process-total", task_id="0_0")
    estate.work(lambda: processed.value == 3)
    assert estate.count("a") == 3
    estate.revive(ZERO)
    assert estate.count("a") == 2 and not estate.tasks.running
    assert estate.restore() == 0  # all that was acknowledged is in the database
    estate.work(lambda: processed.value == 4)
    assert estate.count("a") == 3
    estate.close()


def test_changelog_records_of_an_aborted_run_are_restored_and_counted_again(engines: Engines, tmp_path: Path) -> None:
    estate = worked(Estate(engines, tmp_path), "a", "a")
    engines.write("words", ("a", "a"))
    processed = estate.metrics.counter("process-total", task_id="0_0")
    estate.work(lambda: processed.value == 3)
    estate.sender.send(ZERO, estate.tasks.by_id[ZERO].outbox.due(0, True))
    estate.sender.await_acks(10_000)
    estate.revive(ZERO)
    assert estate.restore() == 1
    estate.work(lambda: processed.value == 4)
    assert estate.count("a") == 4  # at least once
    estate.close()


def test_damaged_state_is_rebuilt(engines: Engines, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = worked(Estate(engines, tmp_path), "a", "b")
    first.close()
    (tmp_path / "app" / "unowned" / "0_0" / DATABASE / "CURRENT").write_text("garbage")
    second = Estate(engines, tmp_path)
    second.committed = first.committed
    second.take(ZERO)
    assert "The state of task 0_0 is rebuilt from its changelogs" in caplog.text
    assert second.restorer.restored == 2 and second.count("a") == 1
    second.close()


def test_copies_are_known_by_the_files_beside_them_and_not_opened(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = worked(Estate(engines, tmp_path), "a", "a", "b")
    first.close()
    opened: list[Path] = []

    def opening(path: Path) -> Engine:
        opened.append(path)
        return open_rocks(path)

    second = Estate(engines, tmp_path, open_engine=opening)
    assert second.tasks.copies() == {ZERO: 3} and not opened
    second.committed = first.committed
    second.take(ZERO)
    assert second.count("a") == 2 and second.restorer.restored == 0
    second.close()
    assert "WARNING" not in caplog.text


def test_a_killed_workers_copy_is_known_by_what_was_last_written_to_it(engines: Engines, tmp_path: Path) -> None:
    first = worked(Estate(engines, tmp_path), "a", "b")
    while first.tasks.spill(first.tasks.by_id[ZERO]):
        pass
    engines.write("words", ("c", "c"))
    first.work(lambda: first.metrics.total("process-total") == 3)
    first.commit()
    first.tasks.by_id[ZERO].state.disk.close()
    first.directory.close()
    second = Estate(engines, tmp_path)
    assert second.tasks.copies() == {ZERO: 2}
    second.committed = first.committed
    second.take(ZERO)
    assert second.rows() == {"a": 1, "b": 1, "c": 1} and second.restorer.restored == 1
    second.close()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"version": 1}', '{"version": 2, "changelogs": {"counts": 9}}'])
def test_a_file_that_does_not_say_how_far_a_copy_is_does_no_harm(engines: Engines, tmp_path: Path, text: str) -> None:
    first = worked(Estate(engines, tmp_path), "a", "b")
    first.close()
    (tmp_path / "app" / "unowned" / "0_0" / "position.json").write_text(text)
    second = Estate(engines, tmp_path)
    assert second.tasks.copies() == {ZERO: 0}
    second.committed = first.committed
    second.take(ZERO)
    assert second.rows() == {"a": 1, "b": 1} and second.restorer.restored == 0
    second.close()


def test_a_take_that_fails_leaves_nothing_half_done(engines: Engines, tmp_path: Path) -> None:
    opened: list[Path] = []

    def open_once(path: Path) -> Engine:
        opened.append(path)
        if len(opened) == 1:
            raise TimeoutException("no answer")
        return open_rocks(path)

    estate = Estate(engines, tmp_path, open_engine=open_once)
    with pytest.raises(TimeoutException):
        estate.take(ZERO)
    assert not estate.tasks.ids
    engines.admin.delete_topic(CHANGELOG)
    with pytest.raises(Exception, match=CHANGELOG):
        estate.take(ZERO)
    assert not estate.tasks.ids and not estate.tasks.partitions()
    engines.topic(CHANGELOG, 2)
    estate.take(ZERO)
    assert estate.tasks.all_run
    estate.close()


def test_a_changelog_that_was_made_again_empties_the_store(
    engines: Engines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = worked(Estate(engines, tmp_path), "a", "b")
    first.close()
    engines.admin.delete_topic(CHANGELOG)
    engines.topic(CHANGELOG, 2)
    second = Estate(engines, tmp_path)
    second.committed = first.committed
    second.take(ZERO)
    assert "was deleted and made again (another topic id)" in caplog.text
    assert second.count("a") is None
    second.close()
    # The mark went with the rows: a third owner does not believe the old offset.
    third = Estate(engines, tmp_path)
    third.take(ZERO)
    assert third.tasks.positions() == {ZERO: 0}
    third.close()


def test_batches_for_tasks_that_are_gone_are_passed_over(engines: Engines, tmp_path: Path) -> None:
    estate = Estate(engines, tmp_path)
    estate.take(ZERO)
    engines.write("words", ("a", "a"))
    fetched = estate.reader.poll(1_000)
    assert fetched and estate.tasks.add(fetched[0])
    estate.tasks.give_up(ZERO, clean=False)
    assert not estate.tasks.add(fetched[0])
    estate.close()


def lost(start: int) -> OffsetOutOfRangeException:
    return OffsetOutOfRangeException("gone", WORDS, 7, start, 2)


def test_a_lost_position_goes_on_by_the_policy_of_its_source(engines: Engines, tmp_path: Path) -> None:
    engines.write("words", ("a", "a"), ("b", "b"))
    estate = Estate(engines, tmp_path)
    estate.committed[WORDS] = Position(7)
    estate.take(ZERO)
    assert estate.tasks.restart_at(WORDS, lost(0), 0) == 0
    engines.admin.delete_records({WORDS: 1})
    assert estate.tasks.restart_at(WORDS, lost(1), 0) == 1
    estate.close()


def test_state_that_nobody_has_owned_for_long_is_deleted(engines: Engines, tmp_path: Path) -> None:
    first, second = Estate(engines, tmp_path), Estate(engines, tmp_path)
    first.take(ZERO, TaskId(0, 1))
    first.tasks.give_up(ZERO, clean=True)
    resting, owned = tmp_path / "app" / "unowned" / "0_0", first.directory.path / "0_1"
    touched = int(resting.stat().st_mtime * 1000)
    assert second.directory.clean(touched - 60_000) == []
    assert second.directory.clean(touched + 60_000) == [resting]
    assert not resting.exists() and owned.exists()
    assert second.tasks.copies() == {}
    first.tasks.by_id[TaskId(0, 1)].state.disk.close()
    first.directory.close()  # it died: what it owned is nobody's from now on
    assert second.directory.clean(touched + 60_000) == [owned]
    second.close()


def many(engines: Engines) -> dict[str, int]:
    """A changelog of some batches, deletions among them; what it amounts to."""
    fold: dict[str, int] = {}
    for number in range(12):
        rows: list[tuple[str | None, bytes | None]] = []
        for at in range(20):
            key = f"k{(number * 7 + at) % 50}"
            if (number + at) % 9 == 0:
                rows.append((key, None))
                fold.pop(key, None)
            else:
                rows.append((key, (number * 100 + at).to_bytes(8, "big")))
                fold[key] = number * 100 + at
        engines.write_bytes(CHANGELOG, *rows)
    return fold


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("steps", [0, 1, 2, 5, 11])
def test_a_restore_that_is_cut_off_goes_on_where_it_was(
    engines: Engines, tmp_path: Path, steps: int, clean: bool
) -> None:
    fold = many(engines)
    first = Estate(engines, tmp_path, slices=True)
    first.tasks.take({ZERO: (WORDS,)}, 0)
    for _ in range(steps):
        first.restorer.step(1_000)
    done = first.restorer.restored
    assert first.tasks.positions() == {ZERO: done}
    first.close(clean)
    second = Estate(engines, tmp_path)
    second.take(ZERO)
    assert second.restorer.restored == 240 - done
    assert second.rows() == fold
    second.close()


def test_a_death_between_two_slices_is_healed_by_the_replay(engines: Engines, tmp_path: Path) -> None:
    first = worked(Estate(engines, tmp_path), "a", "b", "c", "a")
    task = first.tasks.by_id[ZERO]
    assert first.tasks.spill(task, rows=1)  # more is left, and no mark is written
    task.state.disk.close()
    first.directory.close()
    second = Estate(engines, tmp_path)
    second.committed = first.committed
    second.take(ZERO)
    assert second.rows() == {"a": 2, "b": 1, "c": 1} and second.restorer.restored == 4
    second.close()


def test_after_a_clean_end_every_store_stands_for_the_end_of_its_changelog(engines: Engines, tmp_path: Path) -> None:
    for round_ in range(3):
        estate = Estate(engines, tmp_path)
        estate.committed = {WORDS: Position(round_)}
        assert worked(estate, "a").restorer.restored == 0
        estate.close()
        mark = read_mark(open_and_close(tmp_path / "app" / "unowned" / "0_0" / DATABASE), "counts")
        assert mark is not None and mark.offset == engines.end(CHANGELOG) == round_ + 1


def open_and_close(path: Path) -> Engine:
    """The marks of a database, in memory."""
    engine, copy = open_rocks(path), MemoryEngine()
    copy.write((), marks={mark_name("counts"): engine.mark(mark_name("counts")) or b""})
    engine.close()
    return copy


def test_stores_in_memory_and_on_disk_in_one_task_restart_as_they_were(engines: Engines, tmp_path: Path) -> None:
    def both() -> StreamsBuilder:
        builder = StreamsBuilder()
        grouped = builder.stream("words", key_serde=TEXT, value_serde=TEXT).group_by_key()
        grouped.count(Materialized.as_("counts"))
        grouped.count(Materialized.as_(Stores.in_memory_key_value_store("light")))
        return builder

    engines.topic("app-light-changelog", 2)
    first = worked(Estate(engines, tmp_path, both()), "a", "b", "a")
    assert first.rows("light") == first.rows() == {"a": 2, "b": 1}
    first.close()
    second = Estate(engines, tmp_path, both())
    second.committed = first.committed
    assert second.tasks.copies() == {ZERO: 3}  # what lies in memory is nowhere any more
    second.take(ZERO)
    assert second.restorer.restored == 3
    assert second.rows("light") == second.rows() == {"a": 2, "b": 1}
    second.close()


def test_tasks_that_never_did_anything_may_come_and_go(engines: Engines, tmp_path: Path) -> None:
    for number in range(20):
        estate = Estate(engines, tmp_path)
        estate.take(ZERO)
        estate.close(clean=bool(number % 2))
    assert len(list((tmp_path / "app" / "unowned").iterdir())) == 1
