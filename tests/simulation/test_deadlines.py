"""Deadlines as Kafka has them by default, minutes and hours long, in a world where time jumps."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from streams import Processor, ProcessorContext, PunctuationType, Record, Serdes, StreamsBuilder
from streams.clients import ProducerRecord, TopicPartition
from streams.errors import CommitFailedException, TimeoutException
from tests.simulation.clients import Clients, simulated, take

ZERO = TopicPartition("t", 0)
START_MS = 1_700_000_000_000
"""Where a simulated wall clock begins."""


def test_a_consumer_that_does_not_poll_for_five_minutes_loses_its_partitions_and_its_commit() -> None:
    """`max.poll.interval.ms` is 300,000."""

    class Lost:
        def on_partitions_revoked(self, partitions: list[TopicPartition]) -> None: ...

        def on_partitions_assigned(self, partitions: list[TopicPartition]) -> None: ...

        def on_partitions_lost(self, partitions: list[TopicPartition]) -> None:
            lost.extend(partitions)

    lost: list[TopicPartition] = []

    def main(clients: Clients) -> float:
        clients.fill("t", 5)
        with clients.consumer(enable_auto_commit=False) as first, clients.consumer() as second:
            first.subscribe(["t"], Lost())
            take(first, 5)
            began = clients.minutes()
            second.subscribe(["t"])
            take(second, 5)
            passed = clients.minutes() - began
            with pytest.raises(CommitFailedException, match="kicked out of the group"):
                first.commit_sync()
            while not lost:
                first.poll(10)
            return passed

    assert 4.9 < simulated(main) < 5.1
    assert lost == [ZERO, TopicPartition("t", 1)]


def test_a_commit_by_a_consumer_that_was_put_out_of_a_group_that_is_empty_now_fails() -> None:
    def main(clients: Clients) -> None:
        clients.fill("t", 5)
        with clients.consumer(enable_auto_commit=False) as reader, clients.admin() as admin:
            reader.subscribe(["t"])
            take(reader, 5)
            clients.world.sleep(301_000)
            assert admin.describe_group("g").state == "Empty"
            with pytest.raises(CommitFailedException, match="kicked out of the group"):
                reader.commit_sync()
            assert admin.describe_group("g").partitions == ()

    simulated(main)


def test_an_asynchronous_commit_of_a_consumer_that_was_put_out_tells_its_callback() -> None:
    def main(clients: Clients) -> None:
        clients.fill("t", 5)
        heard: list[object] = []
        with clients.consumer(enable_auto_commit=False) as reader:
            reader.subscribe(["t"])
            take(reader, 5)
            clients.world.sleep(301_000)
            reader.commit_async(callback=lambda offsets, error: heard.append(error))
            while not heard:
                reader.poll(10)
        assert isinstance(heard[0], CommitFailedException)

    simulated(main)


def test_a_member_that_polls_once_in_four_minutes_stays_in_its_generation() -> None:
    def main(clients: Clients) -> set[int]:
        generations = set()
        with clients.consumer() as reader:
            reader.subscribe(["t"])
            while not reader.assignment():
                reader.poll(100)
            for _ in range(40):
                clients.world.sleep(240_000)
                reader.poll(0)
                generations.add(reader.group_metadata().generation_id)
        return generations

    assert simulated(main) == {1}


def test_what_was_read_is_committed_after_five_seconds_and_never_ahead() -> None:
    """`auto.commit.interval.ms` is 5,000; what a poll gave is known to be done with the next one."""

    def main(clients: Clients) -> list[int | None]:
        clients.fill("t", 4)
        seen: list[int | None] = []
        with clients.consumer(max_poll_records=2) as reader, clients.admin() as admin:

            def note() -> None:
                found = [each for each in admin.describe_group("g").partitions if each.partition == ZERO]
                seen.append(found[0].committed if found else None)

            reader.subscribe(["t"])
            take(reader, 2)
            clients.world.sleep(4_000)
            take(reader, 2)
            note()
            clients.world.sleep(6_000)
            note()
            reader.poll(0)
            clients.world.sleep(6_000)
            note()
        return seen

    assert simulated(main) == [None, 2, 4]


def test_a_pattern_finds_a_topic_made_later_within_five_minutes() -> None:
    """`metadata.max.age.ms` is 300,000."""

    def main(clients: Clients) -> float:
        with clients.consumer() as reader, clients.admin() as admin:
            reader.subscribe(re.compile("t.*"))
            while not reader.assignment():
                reader.poll(100)
            admin.create_topic("t2")
            clients.fill("t2", 2)
            began = clients.minutes()
            take(reader, 2)
            assert reader.subscription() == {"t", "t2"}
            return clients.minutes() - began

    assert simulated(main) < 5.1


def test_a_topic_that_does_not_exist_is_waited_for_and_not_made() -> None:
    def main(clients: Clients) -> None:
        with clients.consumer() as reader, clients.admin() as admin:
            reader.subscribe(["later"])
            for _ in range(10):
                assert reader.poll(60_000) == []
            assert "later" not in admin.list_topics()
            clients.fill("later", 1)
            take(reader, 1)

    simulated(main)


def test_new_partitions_are_taken_in_within_five_minutes() -> None:
    def main(clients: Clients) -> float:
        with clients.consumer() as reader, clients.admin() as admin:
            reader.subscribe(["t"])
            while len(reader.assignment()) < 2:
                reader.poll(100)
            admin.create_partitions("t", 3)
            began = clients.minutes()
            while len(reader.assignment()) < 3:
                reader.poll(100)
            return clients.minutes() - began

    assert simulated(main) < 5.1


def test_a_lingering_batch_leaves_when_its_hour_is_over() -> None:
    def main(clients: Clients) -> float:
        with clients.producer(linger_ms=3_600_000, delivery_timeout_ms=4_000_000) as producer:
            sent = producer.send(ProducerRecord("t", b"v", partition=0))
            while not sent.done():
                clients.world.sleep(1_000)
        return clients.minutes()

    assert 60 <= simulated(main) < 60.1


def test_a_buffer_that_stays_full_fails_the_record_after_a_minute() -> None:
    """`max.block.ms` is 60,000."""

    def main(clients: Clients) -> float:
        settings = {"linger_ms": 3_600_000, "delivery_timeout_ms": 4_000_000}
        with clients.producer(buffer_memory=1_000, batch_size=100_000, **settings) as producer:
            producer.send(ProducerRecord("t", b"x" * 700, partition=0))
            began = clients.minutes()
            second = producer.send(ProducerRecord("t", b"x" * 700, partition=1))
            passed = clients.minutes() - began
            assert second.done()
            with pytest.raises(TimeoutException, match=r"within the configured max blocking time 60000 ms"):
                second.result(0)
            return passed

    assert 0.99 < simulated(main) < 1.1


def test_a_wall_clock_punctuation_of_ten_seconds_comes_a_dozen_times_in_two_minutes() -> None:
    times: list[int] = []

    class Regular(Processor[bytes, bytes, bytes, bytes]):
        def init(self, context: ProcessorContext[bytes, bytes]) -> None:
            context.schedule(timedelta(seconds=10), PunctuationType.WALL_CLOCK_TIME, times.append)

        def process(self, record: Record[bytes, bytes]) -> None: ...

    def main(clients: Clients) -> None:
        builder = StreamsBuilder()
        builder.stream("t", key_serde=Serdes.bytes(), value_serde=Serdes.bytes()).process(Regular)
        with clients.streams(builder):
            clients.world.sleep(125_000)

    simulated(main)
    assert sorted(times)[::2] == [START_MS + 10_000 * number for number in range(1, 13)]  # of two tasks


def test_with_a_commit_every_thirty_seconds_what_was_processed_is_committed_then() -> None:
    def main(clients: Clients) -> tuple[object, object]:
        builder = StreamsBuilder()
        builder.stream("t", key_serde=Serdes.bytes(), value_serde=Serdes.bytes()).foreach(lambda key, value: None)
        with clients.admin() as admin, clients.streams(builder, {"commit.interval.ms": 30_000}):
            clients.world.sleep(5_000)
            clients.fill("t", 5)
            clients.world.sleep(10_000)
            before = [each.committed for each in admin.describe_group("app").partitions if each.partition == ZERO]
            clients.world.sleep(30_000)
            after = [each.committed for each in admin.describe_group("app").partitions if each.partition == ZERO]
        return before, after

    before, after = simulated(main)
    assert before in ([], [None], [0]) and after == [5]
