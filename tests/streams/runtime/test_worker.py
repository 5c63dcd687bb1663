"""Workers over an engine in memory: rebalances, a broker that is silent, positions that are lost, ends of all kinds."""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams import KafkaStreams, Processor, ProcessorContext, Record, StreamsBuilder
from streams.app import State, StreamThreadExceptionResponse
from streams.clients import Admin
from streams.clients.api import (
    READER_DEFAULTS,
    WRITER_DEFAULTS,
    Door,
    GroupLink,
    Isolation,
    Position,
    Reader,
    ReaderSettings,
    Sent,
    TransactionalWriter,
    TransactionSettings,
    Writer,
    WriterSettings,
)
from streams.clients.api import Admin as DoorAdmin
from streams.clients.connect import connect
from streams.errors import (
    OffsetOutOfRangeException,
    StreamsException,
    TimeoutException,
)
from streams.exception_handlers import ErrorHandlerContext, Response
from streams.record import RecordBatch, TopicPartition
from streams.testing import forget
from tests.engines import local_engine
from tests.streams.apps import COUNT, TEXT, committed, produce, running, table, topics, wait_for, word_count
from tests.streams.runtime.estate import Engines, counting


@pytest.fixture
def engines() -> Iterator[Engines]:
    made = Engines()
    yield made
    made.close()


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {"state_dir": str(tmp_path), "commit_interval_ms": 20}


class Claims:
    """Who processes which task. A task that two processors have at once is noted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: Counter[str] = Counter()
        self.twice: set[str] = set()
        self.seen: list[tuple[str, int]] = []

    def counted(self) -> StreamsBuilder:
        """Words in by their keys, counted, each task under a claim."""
        claims = self

        class Claiming(Processor[str, str, str, str]):
            def init(self, context: ProcessorContext[str, str]) -> None:
                self.context, self.task = context, str(context.task_id)
                with claims.lock:
                    claims.held[self.task] += 1
                    if claims.held[self.task] > 1:
                        claims.twice.add(self.task)

            def process(self, record: Record[str, str]) -> None:
                metadata = self.context.record_metadata
                assert metadata is not None
                with claims.lock:
                    claims.seen.append((f"{metadata.topic}-{metadata.partition}", metadata.offset))
                self.context.forward(record)

            def close(self) -> None:
                with claims.lock:
                    claims.held[self.task] -= 1

        builder = StreamsBuilder()
        stream = builder.stream("words", key_serde=TEXT, value_serde=TEXT)
        processed = stream.process(Claiming)
        processed.group_by_key(key_serde=TEXT, value_serde=TEXT).count(store="counts").to_stream().to(
            "out", key_serde=TEXT, value_serde=COUNT
        )
        return builder


DEEDS = st.lists(
    st.one_of(st.just("join"), st.integers(0, 3), st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30)),
    min_size=3,
    max_size=8,
)


@given(deeds=DEEDS)
@settings(max_examples=10, deadline=None)
def test_clean_joins_and_leaves_process_every_record_once_and_by_one_task_at_a_time(deeds: list[Any]) -> None:
    engines, claims, truth = Engines(), Claims(), Counter[str]()
    engines.topic("words", 3)
    engines.topic("out", 1)
    apps: list[KafkaStreams] = []
    with tempfile.TemporaryDirectory() as directory:

        def join() -> None:
            app = KafkaStreams(
                claims.counted(), application_id="app", bootstrap_servers=engines.servers,
                state_dir=directory, commit_interval_ms=20,
            )  # fmt: skip
            app.start()
            apps.append(app)

        try:
            for deed in deeds:
                if deed == "join":
                    join()
                elif isinstance(deed, int):
                    if deed < len(apps):
                        assert apps.pop(deed).close(30_000)
                else:
                    produce(engines.servers, "words", [(word, word) for word in deed])
                    truth.update(deed)
            if not apps:
                join()
            wait_for(lambda: table(engines.servers, "out") == truth)
            wait_for(lambda: sum(len(app.tasks()) for app in apps) >= 3 or not truth)
        finally:
            for app in apps:
                assert app.close(30_000)
            engines.close()
    assert not claims.twice and not claims.held.total()
    assert len(claims.seen) == len(set(claims.seen)) == truth.total()


class Silent:
    """A door that gives no answer to the next calls of some name, nor to what is sent to some topic."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self.address, self.world = door.address, door.world
        self.silence: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()

    def admin(self) -> Any:
        return SilentAdmin(self, self._door.admin())

    def reader(self, isolation: Isolation, settings: ReaderSettings = READER_DEFAULTS) -> Reader:
        return self._door.reader(isolation, settings)

    def writer(self, settings: WriterSettings = WRITER_DEFAULTS) -> Writer:
        return SilentWriter(self, self._door.writer(settings))

    def transactional_writer(
        self, transaction: TransactionSettings, settings: WriterSettings = WRITER_DEFAULTS
    ) -> TransactionalWriter:
        return self._door.transactional_writer(transaction, settings)

    def link(self) -> GroupLink:
        return self._door.link()

    def close(self) -> None:
        self._door.close()


class SilentWriter:
    def __init__(self, silent: Silent, writer: Writer) -> None:
        self._silent, self._writer = silent, writer
        self.partitions_for, self.await_acks, self.next_due = writer.partitions_for, writer.await_acks, writer.next_due
        self.fileno, self.wake, self.close = writer.fileno, writer.wake, writer.close
        self.bind, self.abort = writer.bind, writer.abort

    def send(self, partition: TopicPartition, batch: RecordBatch, done: Callable[[Sent], None]) -> None:
        if self._silent.silence[partition.topic] > 0:
            self._silent.silence[partition.topic] -= 1
            done(Sent(partition, -1, -1, TimeoutException("not acknowledged")))
            return
        self._writer.send(partition, batch, done)


class SilentAdmin:
    def __init__(self, silent: Silent, admin: object) -> None:
        self._silent, self._admin = silent, admin

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*arguments: object) -> object:
            silent = self._silent
            silent.asked[name] += 1
            if silent.silence[name] > 0:
                silent.silence[name] -= 1
                raise TimeoutException(f"{name}: no answer")
            found: object = getattr(self._admin, name)(*arguments)
            return found

        return call


@pytest.mark.parametrize("call", ["describe_topics", "create_topic", "end_offsets", "beginning_offsets"])
def test_a_broker_that_is_silent_in_a_rebalance_is_asked_again(
    engines: Engines, options: dict[str, Any], call: str
) -> None:
    topics(engines.servers, words=2, out=1)
    produce(engines.servers, "words", [("a", "a")] * 3)
    silent = Silent(connect(engines.servers, "silent"))
    silent.silence[call] = 3
    app = KafkaStreams(
        counting(), application_id="app", bootstrap_servers=engines.servers, door=silent, **options
    )  # fmt: skip
    with app:
        assert app.wait_until_running(30_000)
        wait_for(lambda: table(engines.servers, "out") == {"a": 3})
        assert silent.asked[call] > 3
    silent.close()


def test_a_broker_that_stays_silent_ends_the_worker_after_task_timeout_ms(
    engines: Engines, options: dict[str, Any]
) -> None:
    topics(engines.servers, words=1, out=1)
    silent = Silent(connect(engines.servers, "silent"))
    silent.silence["create_topic"] = 1 << 30
    app = KafkaStreams(
        counting(), application_id="app", bootstrap_servers=engines.servers, door=silent, task_timeout_ms=300, **options
    )
    app.start()
    with pytest.raises(TimeoutException, match="create_topic: no answer"):
        app.wait(30_000)
    assert app.state is State.ERROR
    silent.close()


def test_a_purge_that_fails_is_left_to_the_next(engines: Engines, options: dict[str, Any]) -> None:
    topics(engines.servers, words_in=1, word_counts=1)
    silent = Silent(connect(engines.servers, "silent"))
    silent.silence["delete_records"] = 2
    app = KafkaStreams(
        word_count(), application_id="app", bootstrap_servers=engines.servers, door=silent,
        repartition_purge_interval_ms=1, **options,
    )  # fmt: skip
    where = TopicPartition("app-counts-repartition", 0)
    with app:
        assert app.wait_until_running(30_000)

        def purged() -> bool:
            produce(engines.servers, "words-in", [(None, "a b")])
            return engines.admin.beginning_offsets([where])[where] > 0

        wait_for(purged)
        assert silent.asked["delete_records"] > 2
    silent.close()


def test_a_position_that_is_gone_goes_on_by_the_reset_policy(engines: Engines, options: dict[str, Any]) -> None:
    topics(engines.servers, words=1, out=1)
    where = TopicPartition("words", 0)
    engines.admin.alter_group_offsets("app", {where: Position(50)})
    produce(engines.servers, "words", [("a", "a")] * 3)
    with running(counting(), engines.servers, **options):
        wait_for(lambda: table(engines.servers, "out") == {"a": 3})
        wait_for(lambda: committed(engines.servers, "app", "words") == 3)


def test_a_position_that_is_gone_ends_the_worker_where_there_is_no_policy(
    engines: Engines, options: dict[str, Any]
) -> None:
    topics(engines.servers, words=1, out=1)
    engines.admin.alter_group_offsets("app", {TopicPartition("words", 0): Position(50)})
    app = KafkaStreams(
        counting(), {"consumer.auto.offset.reset": "none"}, application_id="app", bootstrap_servers=engines.servers,
        **options,
    )  # fmt: skip
    app.start()
    with pytest.raises(OffsetOutOfRangeException, match=r"words-0: position 50 lies outside the log.* from 0 to 0"):
        app.wait(30_000)
    app.close()


def test_what_fails_at_the_end_does_not_keep_the_rest_from_ending(engines: Engines, options: dict[str, Any]) -> None:
    topics(engines.servers, words=3, out=1)

    class Stubborn(Processor[str, str, str, str]):
        def process(self, record: Record[str, str]) -> None: ...

        def close(self) -> None:
            raise ValueError("I stay")

    builder = StreamsBuilder()
    builder.stream("words", key_serde=TEXT, value_serde=TEXT).process(Stubborn)
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=engines.servers, **options)
    app.start()
    assert app.wait_until_running(30_000)
    assert app.close(30_000)
    assert isinstance(app.failure, StreamsException) and "failed to close processor" in str(app.failure)
    with Admin({"bootstrap.servers": engines.servers}) as admin:
        assert admin.describe_group("app").members == ()
    with running(counting(), engines.servers, **options) as next_one:  # its directory is free again
        assert len(next_one.tasks()) == 3
    assert (Path(options["state_dir"]) / "app" / "instance-0").exists()
    assert not (Path(options["state_dir"]) / "app" / "instance-1").exists()


def test_a_worker_that_cannot_open_lets_go_of_its_directory(engines: Engines, options: dict[str, Any]) -> None:
    builder = StreamsBuilder()
    builder.global_table("nowhere", key_serde=TEXT, value_serde=TEXT, store="names")
    for _ in range(2):
        app = KafkaStreams(builder, application_id="app", bootstrap_servers=engines.servers, **options)
        app.start()
        with pytest.raises(StreamsException, match="no partitions available for topic nowhere"):
            app.wait(30_000)
        app.close()
    assert not (Path(options["state_dir"]) / "app" / "instance-1").exists()


def test_an_application_can_be_closed_by_its_own_threads(engines: Engines, options: dict[str, Any]) -> None:
    topics(engines.servers, words=1, out=1)
    app = KafkaStreams(counting(), application_id="app", bootstrap_servers=engines.servers, **options)
    app.set_state_listener(lambda new, old: app.close(1_000) if new is State.RUNNING else None)
    app.start()
    assert app.wait(30_000)
    assert app.state is State.NOT_RUNNING


def test_a_listener_that_fails_stops_nothing(
    engines: Engines, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topics(engines.servers, words=1, out=1)
    app = KafkaStreams(counting(), application_id="app", bootstrap_servers=engines.servers, **options)
    app.set_state_listener(lambda new, old: 1 / 0)
    with app:
        assert app.wait_until_running(30_000)
    assert app.state is State.NOT_RUNNING
    assert "the state listener failed" in caplog.text


def test_output_that_is_not_taken_is_tried_again_from_the_last_commit(
    engines: Engines, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topics(engines.servers, words=1)
    engines.topic("out", 1, max_message_bytes="200")
    asked: list[Exception] = []

    def wait_and_see(context: ErrorHandlerContext, record: object, error: Exception) -> Response:
        asked.append(error)
        return Response.fail()

    produce(engines.servers, "words", [("a", "x" * 1000), ("b", "b")])
    builder = StreamsBuilder()
    builder.stream("words", key_serde=TEXT, value_serde=TEXT).to("out", key_serde=TEXT, value_serde=TEXT)
    app = KafkaStreams(
        builder, {"production.exception.handler": wait_and_see}, application_id="app",
        bootstrap_servers=engines.servers, **options,
    )  # fmt: skip
    app.set_uncaught_exception_handler(lambda error: StreamThreadExceptionResponse.REPLACE_THREAD)
    with app:
        wait_for(lambda: len(asked) >= 2)
        engines.admin.alter_topic("out", {"max.message.bytes": "100000"})
        wait_for(lambda: table(engines.servers, "out", TEXT, TEXT).get("b") == "b")


def test_a_task_whose_output_is_to_be_tried_again_is_revived(
    engines: Engines, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topics(engines.servers, words=1, out=1)
    silent = Silent(connect(engines.servers, "silent"))
    silent.silence["out"] = 2
    handler = {"production.exception.handler": lambda context, record, error: Response.retry()}
    app = KafkaStreams(
        counting(), handler, application_id="app", bootstrap_servers=engines.servers, door=silent, **options
    )
    with app:
        produce(engines.servers, "words", [("a", "a")])
        wait_for(lambda: table(engines.servers, "out").get("a", 0) >= 1)
        produce(engines.servers, "words", [("a", "a")])
        wait_for(lambda: table(engines.servers, "out").get("a", 0) >= 2)
        assert caplog.text.count("takes task 0_0 back to its last commit") == 2
        assert app.state is State.RUNNING
    silent.close()


def test_state_that_nobody_owns_is_deleted_after_a_while(engines: Engines, options: dict[str, Any]) -> None:
    topics(engines.servers, words=1, out=1)
    with running(counting(), engines.servers, **options):
        pass
    unowned = Path(options["state_dir"]) / "app" / "unowned"
    (unowned / "0_0").rename(unowned / "7_7")  # a task that there is no more
    with running(counting(), engines.servers, state_cleanup_delay_ms=50, **options) as app:
        wait_for(lambda: not (unowned / "7_7").exists())
        assert app.state is State.RUNNING
    assert (unowned / "0_0").exists()


def test_workers_of_one_application_do_not_take_each_others_answers(tmp_path: Path) -> None:
    with local_engine(tmp_path / "data") as servers, closing(connect(servers, "test")) as door:
        admins, asked, done = [door.admin(), door.admin()], 300, list[int]()

        def ask(admin: DoorAdmin, name: str) -> None:
            admin.create_topic(name, 1, {})
            for _ in range(asked):
                assert list(admin.describe_topics([name])) == [name]
            done.append(asked)

        threads = [threading.Thread(target=ask, args=(admin, f"t{n}")) for n, admin in enumerate(admins)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert done == [asked, asked]


def test_forgetting_an_engine_does_not_hang_an_application(options: dict[str, Any]) -> None:
    engines = Engines()
    topics(engines.servers, words=1, out=1)
    app = KafkaStreams(counting(), application_id="app", bootstrap_servers=engines.servers, **options)
    app.start()
    assert app.wait_until_running(30_000)
    forget(engines.name)
    assert app.close(30_000)
    engines.close()
