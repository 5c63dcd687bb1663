"""Global stores of a worker: filled before the first task, kept on disk, emptied where they are another topic's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker_local.base.mem_files import MemFiles
from broker_local.host import inprocess
from statestore.engine import EngineDamaged
from statestore.keyvalue import LayeredKeyValueStore
from streams import StreamsBuilder
from streams.clients.api import Isolation
from streams.errors import LogTruncatedException, OffsetOutOfRangeException, StreamsException
from streams.record import TopicPartition
from streams.runtime.worker.globals import Globals
from streams.runtime.worker.make_worker import open_rocks
from tests.streams.apps import TEXT
from tests.streams.runtime.estate import Engines, Estate


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    made.topic("names", 2)
    yield made
    made.close()


class Case:
    """The global stores of one worker, with a reader of their own."""

    def __init__(self, engines: Engines, home: Path) -> None:
        builder = StreamsBuilder()
        builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names-store")
        estate = Estate(engines, home.parent / "state", builder)
        estate.close()
        isolation = Isolation.READ_UNCOMMITTED
        self.reader = engines.door.reader(isolation)
        self.globals = Globals(
            estate.built, estate.context, lambda topic: 1, home, open_rocks, engines.admin, self.reader, isolation
        )
        self.applied = 0

    def fill(self) -> Case:
        self.globals.start(0)
        while not self.globals.caught_up:
            self.poll()
        return self

    def poll(self) -> None:
        try:
            found = self.reader.poll(1_000)
        except (OffsetOutOfRangeException, LogTruncatedException) as error:
            assert error.partition is not None
            self.globals.out_of_range(error.partition, error)
            return
        for fetched in found:
            assert self.globals.owns(fetched.partition)
            self.applied += self.globals.apply(fetched, 0)

    def rows(self) -> dict[str, object]:
        store = self.globals.stores["names-store"].access.store
        assert isinstance(store, LayeredKeyValueStore)
        with store.all() as rows:
            return {key.decode(): value for key, value, _ in rows}

    def close(self, clean: bool = True) -> None:
        self.globals.close(clean)
        self.reader.close()


def test_all_partitions_are_read_to_their_ends_and_what_is_committed_is_not_read_again(
    engines: Engines, tmp_path: Path
) -> None:
    engines.write("names", ("a", "1"), ("b", "2"))
    engines.write("names", ("c", "3"), partition=1)
    first = Case(engines, tmp_path / "global").fill()
    assert first.rows() == {"a": "1", "b": "2", "c": "3"}
    first.globals.commit()
    first.close(clean=False)
    engines.write("names", ("b", "4"))
    second = Case(engines, tmp_path / "global")
    second.globals.start(0)
    assert list(second.globals.progress()) == ["global names-0"]
    second.fill()
    assert second.applied == 1 and second.rows() == {"a": "1", "b": "4", "c": "3"}
    second.close()


def test_what_was_not_committed_is_read_again(engines: Engines, tmp_path: Path) -> None:
    engines.write("names", ("a", "1"))
    first = Case(engines, tmp_path / "global").fill()
    first.close(clean=False)
    second = Case(engines, tmp_path / "global").fill()
    assert second.applied == 1 and second.rows() == {"a": "1"}
    second.close()


def test_a_store_of_a_topic_that_was_made_again_is_emptied(
    engines: Engines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engines.write("names", ("a", "1"))
    engines.write("names", ("c", "3"), partition=1)
    Case(engines, tmp_path / "global").fill().close()
    engines.admin.delete_topic("names")
    engines.topic("names", 2)
    engines.writer = engines.door.writer()
    engines.write("names", ("b", "2"))
    second = Case(engines, tmp_path / "global").fill()
    assert "Global store names-store is rebuilt from its topic: names-0 was deleted and made again" in caplog.text
    assert second.rows() == {"b": "2"}
    second.close()


def test_a_damaged_database_is_built_anew(engines: Engines, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    engines.write("names", ("a", "1"))
    Case(engines, tmp_path / "global").fill().close()
    (tmp_path / "global" / "rocksdb" / "CURRENT").write_text("garbage")
    second = Case(engines, tmp_path / "global").fill()
    assert "The global stores are rebuilt from their topics" in caplog.text
    assert second.rows() == {"a": "1"}
    second.close()


def test_a_topic_that_lost_its_beginning_is_read_from_where_it_starts(engines: Engines, tmp_path: Path) -> None:
    engines.write("names", ("a", "1"))
    engines.write("names", ("b", "2"))
    case = Case(engines, tmp_path / "global")
    case.globals.start(0)
    engines.admin.delete_records({TopicPartition("names", 0): 1})
    while not case.globals.caught_up:
        case.poll()
    assert case.rows() == {"b": "2"}
    case.close()


def test_a_missing_topic_is_named_and_nothing_stays_open(engines: Engines, tmp_path: Path) -> None:
    engines.admin.delete_topic("names")
    for _ in range(2):
        with pytest.raises(StreamsException, match="no partitions available for topic names when initializing global"):
            Case(engines, tmp_path / "global")
    engines.topic("names", 2)
    Case(engines, tmp_path / "global").fill().close()


class Cut:
    """A topic that is cut back to its first row in a power cut, and has another second row then."""

    def __init__(self) -> None:
        self.files = MemFiles(power=True)
        self.engines = self._served("cut-globals")
        self.engines.topic("names", 2, retention_ms="-1")
        self.engines.write("names", ("a", "1"))
        self.engines.door.close()
        inprocess._engines["cut-globals"].close()
        self.engines = self._served("cut-globals")
        self.engines.write("names", ("b", "2"), ("c", "3"))

    def _served(self, name: str) -> Engines:
        inprocess.forget(name)
        inprocess._engines[name] = inprocess.Engine(self.files)
        return Engines(name)

    def happens(self) -> Engines:
        self.files = self.files.after_power_cut()
        self.engines = self._served("cut-globals")
        self.engines.write("names", ("d", "4"), ("e", "5"), ("f", "6"))
        return self.engines


def test_a_store_that_holds_what_its_topic_has_lost_is_rebuilt_and_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cut = Cut()
    ahead = Case(cut.engines, tmp_path / "ahead").fill()
    ahead.globals.commit()
    ahead.close(clean=False)
    cut.happens()
    again = Case(cut.engines, tmp_path / "ahead").fill()
    assert "names-store is rebuilt from its topic: its changelog was cut back to offset 1 in a power cut" in caplog.text
    assert again.rows() == {"a": "1", "d": "4", "e": "5", "f": "6"}
    again.close()
    caplog.clear()
    cut.engines.door.close()
    inprocess._engines["cut-globals"].close()  # all is durable
    cut.files = cut.files.after_power_cut()
    cut.engines = cut._served("cut-globals")
    third = Case(cut.engines, tmp_path / "ahead").fill()
    assert (third.applied, caplog.text) == (0, "") and third.rows() == {"a": "1", "d": "4", "e": "5", "f": "6"}
    third.close()
    cut.engines.close()


def test_a_topic_that_is_cut_back_under_a_running_worker_has_its_store_rebuilt(tmp_path: Path) -> None:
    cut = Cut()
    case = Case(cut.engines, tmp_path / "global").fill()
    case.globals.commit()
    cut.happens()
    with pytest.raises(EngineDamaged, match="holds what its topic has lost"):
        while True:
            case.poll()
    assert case.globals.damaged
    case.globals.rebuild(0)
    while not case.globals.caught_up:
        case.poll()
    assert not case.globals.damaged and case.rows() == {"a": "1", "d": "4", "e": "5", "f": "6"}
    case.close()
    cut.engines.close()
