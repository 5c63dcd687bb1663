"""The application over a real door: state, instances, errors, what is written and when."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams import KafkaStreams, Materialized, Serdes, StreamsBuilder
from streams.app import State, StreamThreadExceptionResponse
from streams.clients import Admin
from streams.errors import (
    ConfigException,
    IllegalArgumentException,
    IllegalStateException,
    MissingSourceTopicException,
    StreamsException,
    StreamsNotStartedException,
    TopologyException,
    UnknownTopicOrPartitionException,
)
from streams.metrics.catalogue import COUNTED
from streams.runtime.state.memory import memory_of
from streams.world import SYSTEM
from tests.streams.apps import (
    COUNT,
    TEXT,
    committed,
    ends,
    produce,
    records,
    running,
    table,
    topics,
    wait_for,
    word_count,
)

numbers = itertools.count()
LINES = [(None, "the quick brown fox jumps over the lazy dog")] * 50


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    from streams.clients.local.door import forget

    name = f"app-{next(numbers)}"
    yield f"memory://{name}"
    forget(name)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    return {"state_dir": str(tmp_path), "commit_interval_ms": 20}


def total(app: KafkaStreams, name: str) -> float:
    group = COUNTED.get(name, ("", ""))[0]
    found = app.metrics()
    return sum(float(str(found[each])) for each in found if each.name == name and group in ("", each.group))


def test_words_are_counted_and_a_restart_goes_on_with_its_state(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=4, word_counts=2)
    produce(servers, "words-in", LINES)
    with running(word_count(), servers, **settings):
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)
    produce(servers, "words-in", LINES)
    with running(word_count(), servers, **settings) as app:
        wait_for(lambda: table(servers, "word-counts").get("the") == 200)
        assert total(app, "restore-total") == 0
    assert table(servers, "word-counts")["fox"] == 100


def test_state_that_is_gone_is_restored_from_the_changelog(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=2, word_counts=1)
    produce(servers, "words-in", LINES)
    told: list[tuple[str, int]] = []

    class Told:
        def on_restore_start(self, partition: object, store: str, start: int, end: int) -> None:
            told.append(("start", end - start))

        def on_batch_restored(self, partition: object, store: str, end: int, count: int) -> None:
            told.append(("batch", count))

        def on_restore_end(self, partition: object, store: str, total: int) -> None:
            told.append(("end", total))

    with running(word_count(), servers, **settings):
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)
    logged = ends(servers, "app-counts-changelog")
    app = KafkaStreams(word_count(), application_id="app", bootstrap_servers=servers, **settings)
    app.clean_up()
    app.set_global_state_restore_listener(Told())
    produce(servers, "words-in", LINES)
    with app:
        wait_for(lambda: table(servers, "word-counts").get("the") == 200)
    rows = sum(count for what, count in told if what == "batch")
    assert rows == logged
    assert sum(count for what, count in told if what == "end") == rows
    assert table(servers, "word-counts")["dog"] == 100


def test_a_second_instance_takes_half_and_the_others_go_on(
    servers: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    topics(servers, words_in=4, word_counts=1)
    with running(word_count(), servers, **settings) as first:
        assert len(first.tasks()) == 8
        created = total(first, "task-created-total")
        with running(word_count(), servers, **settings) as second:
            wait_for(lambda: len(second.tasks()) == 4 and len(first.tasks()) == 4)
            assert not first.tasks() & second.tasks()
            # Those that stayed were never closed, nor made again.
            assert total(first, "task-closed-total") == 4
            assert total(first, "task-created-total") == created
            produce(servers, "words-in", LINES)
            wait_for(lambda: table(servers, "word-counts").get("the") == 100)
        wait_for(lambda: len(first.tasks()) == 8)
        produce(servers, "words-in", LINES)
        wait_for(lambda: table(servers, "word-counts").get("the") == 200)


def test_two_threads_of_one_instance_share_the_tasks(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=2, word_counts=1)
    produce(servers, "words-in", LINES)
    with running(word_count(), servers, num_stream_threads=2, **settings) as app:
        wait_for(lambda: len(app.tasks()) == 4)
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)


def test_the_database_is_written_rarely(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=1, word_counts=1)
    with running(word_count(), servers, **settings) as app:
        for round_ in range(1, 6):
            produce(servers, "words-in", LINES)
            wait_for(lambda round_=round_: table(servers, "word-counts").get("the") == 100 * round_)
        assert total(app, "spilled-slices-total") == 0


def test_states_are_told_in_order(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=1, word_counts=1)
    told: list[tuple[State, State]] = []
    app = KafkaStreams(word_count(), application_id="app", bootstrap_servers=servers, **settings)
    assert app.state is State.CREATED
    app.set_state_listener(lambda new, old: told.append((new, old)))
    app.start()
    assert app.wait_until_running(30_000)
    with pytest.raises(IllegalStateException, match="Can only set StateListener before calling start"):
        app.set_state_listener(None)
    with pytest.raises(IllegalStateException, match="Cannot clean up while running"):
        app.clean_up()
    assert app.close(30_000)
    assert [new for new, _ in told] == [State.REBALANCING, State.RUNNING, State.PENDING_SHUTDOWN, State.NOT_RUNNING]
    with pytest.raises(IllegalStateException, match="Unexpected state transition from NOT_RUNNING to REBALANCING"):
        app.start()


def test_wrong_use_is_refused(servers: str) -> None:
    with pytest.raises(TopologyException, match="must subscribe to at least one source topic"):
        KafkaStreams(StreamsBuilder(), application_id="app", bootstrap_servers=servers)
    app = KafkaStreams(word_count(), application_id="app", bootstrap_servers=servers)
    with pytest.raises(IllegalArgumentException, match="Timeout can't be negative"):
        app.close(-1)
    with pytest.raises(StreamsNotStartedException):
        app.store("counts")
    with pytest.raises(IllegalArgumentException, match="Transaction timeout 10000 was set lower than streams commit"):
        KafkaStreams(
            word_count(),
            application_id="a",
            bootstrap_servers=servers,
            processing_guarantee="exactly_once_v2",
            commit_interval_ms=20_000,
        )
    with pytest.raises(ConfigException, match="It has 213 characters, and with exactly_once_v2 212 at most"):
        KafkaStreams(
            word_count(),
            application_id="a" * 213,
            bootstrap_servers=servers,
            processing_guarantee="exactly_once_v2",
        )


def failure_of(builder: StreamsBuilder, servers: str, settings: dict[str, Any]) -> BaseException:
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=servers, **settings)
    app.start()
    with pytest.raises(StreamsException) as raised:
        app.wait(60_000)
    assert app.state is State.ERROR
    app.close()
    return raised.value


def test_a_missing_source_topic_is_named(servers: str, settings: dict[str, Any]) -> None:
    error = failure_of(word_count(), servers, settings)
    assert isinstance(error, MissingSourceTopicException)
    assert "words-in" in str(error)


def test_partition_counts_that_do_not_match_are_named_with_the_ways_out(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, orders=2, addresses=3, out=1)
    builder = StreamsBuilder()
    addresses = builder.table("addresses", key_serde=TEXT, value_serde=TEXT)
    orders = builder.stream("orders", key_serde=TEXT, value_serde=TEXT)
    orders.join(addresses, lambda o, a: f"{o} send to {a}").to("out", key_serde=TEXT, value_serde=TEXT)
    error = failure_of(builder, servers, settings)
    assert isinstance(error, TopologyException)
    for word in ("orders=2", "addresses=3", "repartition", "GlobalKTable"):
        assert word in str(error)


def test_an_internal_topic_with_a_wrong_number_of_partitions_is_named(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=2, word_counts=1, app_counts_repartition=5)
    error = failure_of(word_count(), servers, settings)
    assert "Existing internal topic app-counts-repartition has invalid partitions: expected: 2; actual: 5" in str(error)


def doubling(**produced: Any) -> StreamsBuilder:
    builder = StreamsBuilder()
    stream = builder.stream("numbers", key_serde=TEXT, value_serde=COUNT)
    stream.map_values(lambda v: 10 // v).to("out", key_serde=TEXT, value_serde=COUNT)
    return builder


def test_a_user_function_that_raises_names_node_topic_partition_and_offset(
    servers: str, settings: dict[str, Any]
) -> None:
    topics(servers, numbers=1, out=1)
    produce(servers, "numbers", [("a", 5), ("b", 0)], COUNT)
    error = failure_of(doubling(), servers, settings)
    for word in ("KSTREAM-MAPVALUES-0000000001", "topic=numbers", "partition=0", "offset=1"):
        assert word in str(error)
    assert isinstance(error.__cause__, ZeroDivisionError)


def test_what_fails_may_be_skipped_and_counted(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, numbers=1, out=1)
    produce(servers, "numbers", [("a", 5), ("b", 0), ("c", 2)], COUNT)
    handler = {"processing.exception.handler": "LogAndContinueProcessingExceptionHandler"}
    config = {"application.id": "app", "bootstrap.servers": servers, **handler}
    with KafkaStreams(doubling(), config, **settings) as app:
        wait_for(lambda: table(servers, "out") == {"a": 2, "c": 5})
        assert total(app, "dropped-records-total") == 1


def test_what_is_dropped_is_told_while_the_application_runs(
    servers: str, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topics(servers, words=2, out=1)
    produce(servers, "words", [(None, "a"), ("k", "b"), (None, "c")])
    builder = StreamsBuilder()
    counts = builder.stream("words", key_serde=TEXT, value_serde=TEXT).group_by_key().count()
    counts.to_stream().to("out", value_serde=COUNT)

    def told() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "streams.dropped"]

    with running(builder, servers, log_summary_interval_ms=200, **settings) as app:
        wait_for(lambda: sum("null-key" in line for line in told()) > 0)
        wait_for(lambda: total(app, "dropped-records-total") == 2)
    assert sum(int(re.findall(r"(\d+) null-key", line)[0]) for line in told()) == 2
    assert all("topic=[words]" in line and line.startswith("app: KSTREAM-AGGREGATE") for line in told())


def test_metrics_say_which_node_dropped_what_for_which_cause(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words=2, out=1)
    produce(servers, "words", [(None, "a"), ("k", "b"), (None, "c")])
    produce(servers, "words", [("k", None)])
    builder = StreamsBuilder()
    words = builder.stream("words", key_serde=TEXT, value_serde=TEXT)
    words.group_by_key().reduce(lambda old, new: new, name="last")
    chosen = words.select_key(lambda key, value: value, name="by-word")
    chosen.group_by_key(key_serde=TEXT, value_serde=TEXT, name="words").count()

    def dropped(app: KafkaStreams) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for name, value in app.metrics().items():
            if name.name == "dropped-records-by-cause-total" and value:
                assert name.group == "stream-processor-node-metrics" and isinstance(value, int)
                tags = name.tag_map
                assert re.fullmatch(r"\d_\d", tags["task-id"])
                key = tags["processor-node-id"], tags["cause"]
                found[key] = found.get(key, 0) + value
        return found

    with running(builder, servers, **settings) as app:
        wait_for(lambda: sum(dropped(app).values()) == 4)
        found = dropped(app)
        assert found.pop(("last", "null-key")) == 2 and found.pop(("last", "null-value")) == 1
        ((node, cause), count) = found.popitem()
        assert (cause, count) == ("null-key", 1) and "words" in node
        # without what Java does not count: a record without a key in front of a repartition topic
        assert total(app, "dropped-records-total") == 3


@pytest.mark.parametrize("dead_letters", [False, True])
def test_a_record_that_cannot_be_read(servers: str, settings: dict[str, Any], dead_letters: bool) -> None:
    topics(servers, numbers=1, out=1, dead=1)
    produce(servers, "numbers", [("a", 5)], COUNT)
    produce(servers, "numbers", [("b", "not 8 bytes")])
    produce(servers, "numbers", [("c", 2)], COUNT)
    config: dict[str, object] = {
        "application.id": "app",
        "bootstrap.servers": servers,
        "deserialization.exception.handler": "LogAndContinueExceptionHandler",
    }
    if dead_letters:
        config["errors.dead.letter.queue.topic.name"] = "dead"
    with KafkaStreams(doubling(), config, **settings) as app:
        wait_for(lambda: table(servers, "out") == {"a": 2, "c": 5})
        assert total(app, "dropped-records-total") == 1
        wait_for(lambda: committed(servers, "app", "numbers") == 3)
    letters = records(servers, "dead", TEXT, TEXT)
    assert [(r.key, r.value) for r in letters] == ([("b", "not 8 bytes")] if dead_letters else [])


def test_a_record_that_cannot_be_read_fails_by_default(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, numbers=1, out=1)
    produce(servers, "numbers", [("b", "not 8 bytes")])
    error = failure_of(doubling(), servers, settings)
    assert "Deserialization exception handler is set to fail" in str(error)


def test_an_application_that_has_ended_leaves_nothing_in_the_budget_of_the_process(
    servers: str, settings: dict[str, Any]
) -> None:
    memory = memory_of(SYSTEM)
    before = memory.rows.value, memory.caches.value
    topics(servers, numbers=1, out=1)
    produce(servers, "numbers", [("a", n) for n in range(100)] + [("b", 0)], COUNT)
    builder = StreamsBuilder()
    numbers = builder.stream("numbers", key_serde=TEXT, value_serde=COUNT)
    sums = numbers.group_by_key().reduce(lambda one, other: one + other)
    numbers.filter(lambda key, value: key == "b").map_values(lambda value: 1 // value).to("out", value_serde=COUNT)
    sums.to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    failure_of(builder, servers, {**settings, "commit_interval_ms": 100_000})
    assert (memory.rows.value, memory.caches.value) == before


def test_a_failed_worker_may_be_replaced(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, numbers=1, out=1)
    produce(servers, "numbers", [("a", 5)], COUNT)
    calls: list[BaseException] = []
    attempts = itertools.count()

    def fails_once(value: int) -> int:
        if next(attempts) == 0:
            raise ValueError("once")
        return value * 2

    builder = StreamsBuilder()
    stream = builder.stream("numbers", key_serde=TEXT, value_serde=COUNT)
    stream.map_values(fails_once).to("out", key_serde=TEXT, value_serde=COUNT)
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=servers, **settings)

    def handler(error: BaseException) -> StreamThreadExceptionResponse:
        calls.append(error)
        return StreamThreadExceptionResponse.REPLACE_THREAD

    app.set_uncaught_exception_handler(handler)
    with app:
        wait_for(lambda: table(servers, "out") == {"a": 10})
    assert len(calls) == 1
    assert app.failure is None


def test_a_global_table_is_whole_before_the_first_record_meets_it(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, orders=3, addresses=2, out=1)
    people = [f"p{i}" for i in range(40)]
    produce(servers, "addresses", [(p, f"street {p}") for p in people])
    produce(servers, "orders", [(f"o{i}", p) for i, p in enumerate(people)])
    builder = StreamsBuilder()
    addresses = builder.global_table("addresses", key_serde=TEXT, value_serde=TEXT, store="addresses")
    orders = builder.stream("orders", key_serde=TEXT, value_serde=TEXT)
    joined = orders.join(addresses, lambda key, person: person, lambda person, street: f"{person} in {street}")
    joined.to("out", key_serde=TEXT, value_serde=TEXT)
    with running(builder, servers, **settings):
        wait_for(lambda: len(table(servers, "out", TEXT, TEXT)) == 40)
    produce(servers, "addresses", [("p0", "elsewhere")])
    produce(servers, "orders", [("late", "p0")])
    with running(builder, servers, **settings):
        wait_for(lambda: table(servers, "out", TEXT, TEXT).get("late") == "p0 in elsewhere")


def test_a_paused_application_rests_and_goes_on(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=1, word_counts=1)
    with running(word_count(), servers, **settings) as app:
        app.pause()
        wait_for(lambda: app.is_paused)
        produce(servers, "words-in", LINES)
        before = total(app, "process-total")
        assert total(app, "process-total") == before == 0
        app.resume()
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)


def test_repartition_topics_are_cut_below_what_was_committed(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=1, word_counts=1)
    with running(word_count(), servers, repartition_purge_interval_ms=1, **settings):
        produce(servers, "words-in", LINES)
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)
        produce(servers, "words-in", LINES)

        def cut() -> bool:
            from streams.record import TopicPartition

            with Admin({"bootstrap.servers": servers}) as admin:
                return admin.beginning_offsets([TopicPartition("app-counts-repartition", 0)]).popitem()[1] > 0

        wait_for(cut)


def test_stores_in_memory_and_without_a_changelog(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=1, word_counts=1)
    builder = StreamsBuilder()
    stream = builder.stream("words-in", key_serde=TEXT, value_serde=TEXT)
    words = stream.flat_map_values(lambda line: line.split()).group_by(lambda k, w: w, key_serde=TEXT, value_serde=TEXT)
    kept = Materialized.as_("kept").with_key_serde(TEXT).with_store_type("in_memory")
    words.count(kept).to_stream().to("word-counts", key_serde=TEXT, value_serde=Serdes.long())
    produce(servers, "words-in", LINES)
    with running(builder, servers, **settings):
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)
    produce(servers, "words-in", LINES)
    with running(builder, servers, **settings):
        wait_for(lambda: table(servers, "word-counts").get("the") == 200)


def test_a_topic_that_comes_to_match_a_pattern_is_read(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, in_a=1, out=1)
    builder = StreamsBuilder()
    stream = builder.stream(re.compile("in-.*"), key_serde=TEXT, value_serde=TEXT)
    stream.to("out", key_serde=TEXT, value_serde=TEXT)
    with running(builder, servers, metadata_max_age_ms=50, **settings):
        produce(servers, "in-a", [("a", "1")])
        wait_for(lambda: table(servers, "out", TEXT, TEXT) == {"a": "1"})
        topics(servers, in_b=2)
        produce(servers, "in-b", [(f"b{i}", "2") for i in range(20)])
        wait_for(lambda: len(table(servers, "out", TEXT, TEXT)) == 21)


def test_a_topic_that_matched_a_pattern_is_deleted_and_the_others_are_read_on(
    servers: str, settings: dict[str, Any]
) -> None:
    """Also the last of them, and one that comes again; the counts of what is gone stay."""
    topics(servers, in_a=1, in_b=3, out=1)
    builder = StreamsBuilder()
    stream = builder.stream(re.compile("in-.*"), key_serde=TEXT, value_serde=TEXT)
    stream.group_by_key().count(store="counts").to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    counts: dict[str, int] = {}

    def counted(topic: str, *keys: str) -> None:
        produce(servers, topic, [(key, "x") for key in keys])
        counts.update({key: counts.get(key, 0) + 1 for key in keys})
        wait_for(lambda: table(servers, "out") == counts)

    with (
        Admin({"bootstrap.servers": servers}) as admin,
        running(builder, servers, metadata_max_age_ms=50, num_stream_threads=2, **settings) as app,
    ):
        counted("in-a", "a")
        counted("in-b", *(f"b{i}" for i in range(20)))
        wait_for(lambda: app.tasks() == {"0_0", "0_1", "0_2"})
        admin.delete_topic("in-b")
        wait_for(lambda: app.tasks() == {"0_0"})
        counted("in-a", "a", "c")
        topics(servers, in_b=1)
        counted("in-b", "d")
        admin.delete_topic("in-b")
        admin.delete_topic("in-a")
        wait_for(lambda: not app.tasks())
        topics(servers, in_a=1)
        counted("in-a", "a", "c")
        assert app.failure is None and app.state.is_running_or_rebalancing


def test_a_repartition_topic_behind_a_pattern_keeps_its_partitions_when_topics_are_deleted(
    servers: str, settings: dict[str, Any]
) -> None:
    """Also when no topic is left that matches, and one comes again; two repartition topics, one behind the other."""
    topics(servers, in_a=1, in_b=3, out=1)
    builder = StreamsBuilder()
    stream = builder.stream(re.compile("in-.*"), key_serde=TEXT, value_serde=TEXT)
    words = stream.group_by(lambda key, word: word, key_serde=TEXT, value_serde=TEXT).count(store="counts").to_stream()
    lengths = words.map(lambda word, count: (str(len(word)), word)).repartition(key_serde=TEXT, value_serde=TEXT)
    lengths.to("out", key_serde=TEXT, value_serde=TEXT)

    def sent(topic: str, *words: str) -> None:
        produce(servers, topic, [("k", word) for word in words])
        wait_for(lambda: set(words) <= set(table(servers, "out", TEXT, TEXT).values()))

    with (
        Admin({"bootstrap.servers": servers}) as admin,
        running(builder, servers, metadata_max_age_ms=50, num_stream_threads=2, **settings) as app,
    ):
        sent("in-a", "a")
        sent("in-b", "bb")
        wait_for(lambda: len(app.tasks()) == 9)
        admin.delete_topic("in-b")
        wait_for(lambda: len(app.tasks()) == 7)
        sent("in-a", "a", "ccc", "dddd", "eeeee")
        admin.delete_topic("in-a")
        wait_for(lambda: len(app.tasks()) == 6)
        topics(servers, in_a=1)
        sent("in-a", "ffffff")
        assert app.failure is None and app.state.is_running_or_rebalancing


def test_a_topic_that_is_named_and_deleted_ends_the_application(servers: str, settings: dict[str, Any]) -> None:
    topics(servers, words_in=1, word_counts=1)
    app = KafkaStreams(word_count(), application_id="app", bootstrap_servers=servers, **settings)
    app.start()
    assert app.wait_until_running(30_000)
    with Admin({"bootstrap.servers": servers}) as admin:
        admin.delete_topic("words-in")
    with pytest.raises(UnknownTopicOrPartitionException, match="words-in-0"):
        app.wait(60_000)
    app.close()


def test_partitions_that_are_added_to_a_source_topic_are_refused_by_name(
    servers: str, settings: dict[str, Any]
) -> None:
    topics(servers, words_in=1, word_counts=1)
    app = KafkaStreams(
        word_count(), application_id="app", bootstrap_servers=servers, metadata_max_age_ms=50, **settings
    )
    app.start()
    assert app.wait_until_running(30_000)
    with Admin({"bootstrap.servers": servers}) as admin:
        admin.create_partitions("words-in", 3)
    with pytest.raises(StreamsException, match="has invalid partitions: expected: 3; actual: 1"):
        app.wait(60_000)
    app.close()


def test_a_summary_is_logged_each_interval_and_totals_at_the_end(
    servers: str, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topics(servers, words_in=2, word_counts=1)
    produce(servers, "words-in", LINES)

    def told() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "streams.summary"]

    with caplog.at_level("INFO"), running(word_count(), servers, log_summary_interval_ms=100, **settings) as app:
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)
        wait_for(lambda: any("RUNNING, " in line and "lag 0, none dropped" in line for line in told()))
        summary = app.summary()
        assert (summary.state, summary.lag, summary.dropped, summary.trouble) == ("RUNNING", 0, {}, "")
        processed = summary.records
    assert processed >= len(LINES)
    ended = [r.getMessage() for r in caplog.records if "has ended" in r.getMessage()]
    assert ended == [f"app has ended: {processed:,} records processed, none dropped."]
    assert caplog.records[-1].getMessage() == ended[0]
    long = [r.getMessage() for r in caplog.records if app.client_id in r.getMessage() and r.levelname != "DEBUG"]
    assert long == []


def test_summaries_can_be_switched_off(
    servers: str, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    topics(servers, words_in=1, word_counts=1)
    with caplog.at_level("INFO"), running(word_count(), servers, log_summary_interval_ms=-1, **settings):
        produce(servers, "words-in", LINES)
        wait_for(lambda: table(servers, "word-counts").get("the") == 100)
    assert [r.getMessage() for r in caplog.records if r.name == "streams.summary"] == []
    assert "app has ended: " in caplog.text
