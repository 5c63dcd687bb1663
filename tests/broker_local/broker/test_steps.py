"""What takes long is done in steps, between which others have their turn; who waits looks where something came."""

from __future__ import annotations

import pytest

from broker_local.base.error_codes import ErrorCode
from broker_local.base.faults import Corruption
from broker_local.base.mem_files import MemFiles
from broker_local.broker import on_fetch
from broker_local.broker.broker import Peer
from broker_local.broker.dispatch import advance, ask_again, handle, peer_gone
from broker_local.broker.waits import Later, Steps, end_key
from broker_local.protocol.requests.groups import Commit, CommitPart, Committed, GroupDescribe
from broker_local.protocol.requests.records import (
    DeletePart,
    DeleteRecords,
    Fetch,
    FetchedPart,
    FetchPosition,
    FetchReply,
    GroupMember,
    ListOffsets,
    OffsetQuestion,
    Produce,
    ProducePart,
    ProduceReply,
)
from broker_local.protocol.requests.request import Asks, Reply
from broker_local.protocol.requests.topics import (
    Alteration,
    Metadata,
    MetadataReply,
    NewTopic,
    PartitionCount,
    PartitionsAdd,
    TopicAlter,
    TopicConfigs,
    TopicCreate,
    TopicDelete,
    TopicsReply,
)
from tests.broker_local.engines import WALL, Desk, batch, fetched, values_in

MANY = 300
ME = Peer(1, "me")


def steps(desk: Desk, request: Asks[Reply]) -> int:
    """In how many steps a request is done."""
    answer = handle(desk.broker, ME, request, desk.at)
    count = 0
    while isinstance(answer, Steps):
        answer = advance(answer, lambda: True)
        count += 1
    return count


def names(count: int = MANY) -> tuple[str, ...]:
    return tuple(f"t{number}" for number in range(count))


def with_topic(partitions: int = MANY) -> Desk:
    desk = Desk()
    desk.ask(TopicCreate((NewTopic("t", partitions, {}),)))
    return desk


@pytest.mark.parametrize(
    "request_",
    [
        Metadata(tuple(f"new{number}" for number in range(MANY)), create_missing=True),
        TopicCreate(tuple(NewTopic(f"new{number}", 1, {}) for number in range(MANY))),
        TopicDelete(names()),
        TopicAlter(tuple(Alteration(name, {"retention.ms": "5"}) for name in names())),
        PartitionsAdd(tuple(PartitionCount(name, 2) for name in names())),
        TopicConfigs(names()),
        GroupDescribe(names()),
        Produce(-1, tuple(ProducePart(name, 0, batch(b"x")) for name in names())),
        ListOffsets(tuple(OffsetQuestion(name, 0, -1) for name in names())),
        DeleteRecords(tuple(DeletePart(name, 0, -1) for name in names())),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_request_about_many_things_is_done_in_as_many_steps(request_: Asks[Reply]) -> None:
    desk = Desk()
    desk.ask(TopicCreate(tuple(NewTopic(name, 1, {}) for name in names())))
    assert steps(desk, request_) >= MANY


def test_a_wide_fetch_is_looked_at_in_steps() -> None:
    desk = with_topic()
    positions = tuple(FetchPosition("t", number, 0, 100) for number in range(MANY))
    assert steps(desk, Fetch(positions, 0)) >= MANY // on_fetch.STRIDE


def test_thousands_of_topics_are_made_and_deleted_in_one_write_of_the_catalog_each() -> None:
    class Counting(MemFiles):
        renames = 0

        def rename(self, old: str, new: str) -> None:
            self.renames += new == "catalog"
            super().rename(old, new)

    files = Counting()
    desk = Desk(files)
    before = files.renames
    made = desk.ask(Metadata(names(3_000), create_missing=True))
    assert {row.error for row in made.topics} == {ErrorCode.NONE}
    assert files.renames == before + 1
    assert len(desk.restarted().broker.logs.topics) == 3_001
    desk.ask(Commit("g", -1, "", None, (CommitPart("t1", 0, 1), CommitPart("t2999", 0, 1))))
    gone = desk.ask(TopicDelete((*names(2_999), "t0", "nope")))
    assert [row.error for row in gone.results] == [0] * 2_999 + [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION] * 2
    assert files.renames == before + 2
    assert [part.topic for part in desk.ask(Committed("g")).parts] == ["t2999"]
    assert set(desk.restarted().broker.logs.topics) == {"t2999", "__consumer_offsets"}


def test_a_topic_that_another_one_makes_meanwhile_is_there_already() -> None:
    desk = Desk()
    answer = handle(desk.broker, ME, TopicCreate((NewTopic("a", 1, {}), NewTopic("b", 1, {}))), desk.at)
    assert isinstance(answer, Steps)
    answer = advance(answer, lambda: True)
    desk.ask(TopicCreate((NewTopic("a", 7, {}), NewTopic("b", 7, {}))), peer=2)
    while isinstance(answer, Steps):
        answer = advance(answer, lambda: True)
    assert isinstance(answer, TopicsReply)
    assert [row.error for row in answer.results] == [ErrorCode.TOPIC_ALREADY_EXISTS] * 2
    assert desk.broker.logs.topics["a"].partitions == 7


def test_missing_topics_that_another_one_makes_meanwhile_are_his() -> None:
    desk = Desk()
    answer = handle(desk.broker, ME, Metadata(("a",), create_missing=True), desk.at)
    assert isinstance(answer, Steps)
    answer = advance(answer, lambda: True)
    desk.ask(TopicCreate((NewTopic("a", 7, {}),)), peer=2)
    while isinstance(answer, Steps):
        answer = advance(answer, lambda: True)
    assert isinstance(answer, MetadataReply) and answer.topics[0].partitions == 7


def test_a_deleted_topic_goes_from_the_disk_bit_by_bit_and_whoever_starts_next_ends_it() -> None:
    desk = with_topic()
    desk.ask(Produce(-1, tuple(ProducePart("t", number, batch(b"x")) for number in range(MANY))))
    topic = desk.broker.logs.topics["t"].id
    desk.ask(TopicDelete(("t",)))
    assert len(desk.files.entries(f"topics/{topic}")) == MANY
    desk.time(1)
    left = len(desk.files.entries(f"topics/{topic}"))
    assert 0 < left < MANY
    again = desk.restarted()
    while again.broker.logs.sweeping:
        again.time(1)
    assert topic not in again.files.entries("topics")


def test_what_groups_have_committed_goes_with_the_topic_though_its_deleter_is_gone() -> None:
    desk = with_topic(3_000)
    desk.ask(Commit("g", -1, "", None, tuple(CommitPart("t", number, 1) for number in range(3_000))))
    answer = handle(desk.broker, ME, TopicDelete(("t",)), desk.at)
    assert isinstance(answer, Steps) and answer.must_end
    for _ in range(3):
        answer = advance(answer, lambda: True)
        assert isinstance(answer, Steps)
    peer_gone(desk.broker, ME.id, desk.at)
    while isinstance(answer, Steps):
        answer = advance(answer, lambda: True)
    assert desk.ask(Committed("g")).parts == ()


def test_a_worker_put_out_between_two_steps_writes_no_more() -> None:
    desk = with_topic()
    request = Produce(
        -1, tuple(ProducePart("t", number, batch(b"x")) for number in range(MANY)), GroupMember("g", "nobody")
    )
    assert desk.fails(request)[0] == ErrorCode.FENCED_MEMBER_EPOCH
    assert desk.values("t", 0) == []


def test_a_reply_lies_in_few_files_and_the_next_ones_bring_the_rest() -> None:
    desk = with_topic(100)
    large = batch(b"x" * 40_000)
    desk.ask(Produce(-1, tuple(ProducePart("t", number, large) for number in range(100))))
    left = set(range(100))
    rounds = 0
    while left:
        reply = desk.ask(Fetch(tuple(FetchPosition("t", number, 0, 1 << 20) for number in sorted(left)), 0))
        assert 0 < len(reply.parts) <= on_fetch.FILES
        left -= {part.partition for part in reply.parts}
        rounds += 1
    assert rounds == 4


# Wide and narrow fetches answer alike --------------------------------------------------------------


@pytest.fixture(params=[0, on_fetch.WIDE], ids=["wide", "narrow"])
def desk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(on_fetch, "WIDE", request.param)
    found = Desk()
    found.ask(TopicCreate((NewTopic("t", 4, {}), NewTopic("u", 1, {}))))
    return found


def waiting(desk: Desk, min_bytes: int = 1, wait_ms: int = 1_000) -> int:
    positions = (*(FetchPosition("t", number, 0, 1 << 20) for number in range(4)), FetchPosition("u", 0, 0, 1 << 20))
    known = tuple(FetchPosition(p.topic, p.partition, p.offset, p.max_bytes, -1, 0) for p in positions)
    return desk.send(Fetch(known, wait_ms, min_bytes), peer=2)


def parts(desk: Desk, number: int) -> dict[tuple[str, int], FetchedPart]:
    reply = desk.answers[number]
    assert isinstance(reply, FetchReply)
    return {(part.topic, part.partition): part for part in reply.parts}


def test_a_waiting_fetch_is_answered_by_the_first_record(desk: Desk) -> None:
    number = waiting(desk)
    assert number not in desk.answers
    desk.produce("t", 2, batch(b"x"))
    (place,) = parts(desk, number)
    assert place == ("t", 2)
    assert [value for _, value in values_in(fetched(parts(desk, number)[place]))] == [b"x"]


def test_a_waiting_fetch_waits_for_all_its_bytes(desk: Desk) -> None:
    desk.produce("t", 0, batch(b"first"))
    one = len(batch(b"x" * 100)) + 21
    positions = tuple(FetchPosition("t", number, 1 if number == 0 else 0, 1 << 20, -1, 1) for number in range(2))
    positions = (positions[0], FetchPosition("t", 1, 0, 1 << 20, -1, 0))
    number = desk.send(Fetch(positions, 1_000, 2 * one), peer=2)
    desk.produce("t", 1, batch(b"x" * 100))
    # An end that is news goes out at once: as told in `FetchPosition`.
    assert number in desk.answers or desk.produce("t", 0, batch(b"x" * 100)).error == 0
    assert number in desk.answers


def test_a_waiting_fetch_is_answered_with_nothing_when_its_time_is_up(desk: Desk) -> None:
    number = waiting(desk)
    desk.time(1_000)
    assert parts(desk, number) == {}


def test_a_waiting_fetch_learns_that_its_topic_is_gone(desk: Desk) -> None:
    number = waiting(desk)
    desk.ask(TopicDelete(("u",)))
    assert parts(desk, number)["u", 0].error == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_a_record_that_comes_while_a_fetch_is_looked_at_is_not_missed() -> None:
    desk = with_topic(1_000)
    positions = tuple(FetchPosition("t", number, 0, 1 << 20, -1, 0) for number in range(1_000))
    desk.ask(ListOffsets(tuple(OffsetQuestion("t", number, -1) for number in range(1_000))))  # all are open
    looking = handle(desk.broker, ME, Fetch(positions, 60_000), desk.at)
    for _ in range(60):
        assert isinstance(looking, Steps)
        looking = advance(looking, lambda: True)
    for number in (0, 500, 999):  # looked at already, or not yet: the look begins anywhere
        desk.produce("t", number, batch(b"x"))
    while isinstance(looking, Steps):
        looking = advance(looking, lambda: True)
    assert isinstance(looking, FetchReply) and looking.parts


def test_produce_of_many_parts_answers_for_each_in_order() -> None:
    desk = with_topic()
    request = Produce(-1, tuple(ProducePart("t", number % (MANY + 1), batch(b"x")) for number in range(MANY + 1)))
    answer = handle(desk.broker, ME, request, desk.at)
    while isinstance(answer, Steps):
        answer = advance(answer, lambda: True)
    assert isinstance(answer, ProduceReply)
    assert [part.error for part in answer.parts] == [0] * MANY + [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]


# Segments whose index is lost ----------------------------------------------------------------------

BIG = 400_000


class Counting(MemFiles):
    """Notes what is read whole."""

    def __init__(self) -> None:
        super().__init__()
        self.read_whole: list[str] = []

    def read(self, path: str) -> bytes:
        self.read_whole.append(path)
        return super().read(path)


def closed(files: MemFiles) -> tuple[Desk, str]:
    """A broker that has started on a topic of two segments of 4 MB and one more; and the index of the first."""
    desk = Desk(files)
    desk.ask(TopicCreate((NewTopic("t", 1, {"segment.bytes": "4000000"}),)))
    for number in range(22):
        desk.produce("t", 0, batch(b"%d" % number + b"x" * BIG))
    desk.broker.logs.close()
    index = f"topics/{desk.broker.logs.topics['t'].id}/0/{0:020d}.index"
    return Desk(files), index


@pytest.mark.parametrize("lost", [True, False])
def test_a_lost_index_is_made_bit_by_bit_while_others_have_their_turn(lost: bool) -> None:
    files = MemFiles()
    _, index = closed(files)
    if lost:
        files.remove(index)
    desk = Desk(files)
    looks = 0
    answer = handle(desk.broker, ME, Fetch((FetchPosition("t", 0, 4, 1),), 60_000), desk.at)
    while isinstance(answer, Later):
        assert desk.broker.take_woken() == (end_key("t", 0),)  # it is asked again at once, after the others
        desk.produce("t", 0, batch(b"meanwhile"))
        desk.broker.take_woken()
        looks += 1
        answer = ask_again(answer, desk.at)
    assert looks == (3 if lost else 0)
    assert isinstance(answer, FetchReply)
    ((at, value),) = values_in(fetched(answer.parts[0]))
    assert at == 4 and value is not None and value.startswith(b"4x")
    assert desk.broker.logs.partition("t", 0).end == 22 + looks


def test_a_segment_that_is_damaged_is_found_out_while_its_index_is_made() -> None:
    files = MemFiles()
    _, index = closed(files)
    files.remove(index)
    files.patch(index.replace(".index", ".log"), 3_000_000, b"!")
    desk = Desk(files)
    with pytest.raises(Corruption, match=r"\.log"):
        desk.send(Fetch((FetchPosition("t", 0, 8, 1),), 60_000))


def test_retention_and_compaction_look_at_the_end_of_an_index_only() -> None:
    files = Counting()
    desk, index = closed(files)
    log = desk.broker.logs.partition("t", 0)
    files.read_whole.clear()
    log.retain(desk.at.at)
    facts = log.facts()
    assert [segment.newest for segment in facts.segments] == [WALL] * len(facts.segments)
    assert index not in files.read_whole
    assert log.read(0, 1).pieces and index in files.read_whole
