"""Pure members and the bundled coordinator in one thread, on one clock that is moved by hand.

Members come, go, crash, lose their connection or fall silent, in any order. When that ends, the group comes to
rest: one generation, and every partition with exactly one member.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.host.client import Link
from broker_local.host.inprocess import Engine
from streams.clients.assignors import (
    ASSIGNORS,
    Assignment,
    Subscription,
    read_assignment,
    write_assignment,
)
from streams.clients.local.connection import Connection
from streams.clients.local.group import LocalGroupLink
from streams.clients.member import (
    Assigned,
    Event,
    Failed,
    Lead,
    Lost,
    Member,
    Phase,
    Rebalance,
    Send,
)
from streams.clock import ManualClock
from streams.record import TopicPartition
from tests.streams.clients.steps import member_settings

COUNT = 5
PARTITIONS = {TopicPartition("t", number) for number in range(COUNT)}


class Life:
    """A member with its connection and its owner, which does what it is told at once."""

    def __init__(self, engine: Engine, clock: ManualClock) -> None:
        self.clock = clock
        self.engine = engine
        self.link = LocalGroupLink(Connection(self.dial))
        self.member = Member(
            member_settings(session_timeout_ms=6_000, heartbeat_interval_ms=500, max_poll_interval_ms=6_000)
        )
        self.owned: frozenset[TopicPartition] = frozenset()
        self.generations: list[int] = []
        self.silent = False
        self.act(self.member.rejoin(Subscription(("t",)), self.now()))

    def now(self) -> int:
        return int(self.clock.monotonic_ms())

    def turn(self) -> None:
        """One turn of its thread."""
        for _, reply in self.link.receive(0):
            self.act(self.member.on_reply(reply, self.now()))
        if not self.silent:
            self.member.owner_polled(self.now())
            self.act(self.member.on_time(self.now()))

    def act(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send(request):
                    self.link.send(request)
                case Lead():
                    given = ASSIGNORS[event.protocol](event.members, {"t": COUNT})
                    plan = {name: write_assignment(Assignment(parts)) for name, parts in given.items()}
                    self.act(self.member.lead(plan, self.now()))
                case Assigned():
                    self.owned = frozenset(read_assignment(event.assignment).partitions)
                    assert not self.generations or event.generation > self.generations[-1]
                    self.generations.append(event.generation)
                case Rebalance() | Lost():
                    self.owned = frozenset()
                    self.act(self.member.rejoin(Subscription(("t",)), self.now()))
                case Failed(error):
                    raise error

    def dial(self) -> Link:
        self.connection = self.engine.connect()
        return self.connection

    def cut(self) -> None:
        """Its connection breaks, and both sides find out."""
        self.connection.lose("it was cut")
        self.engine.drop(self.connection)


def at_rest(lives: list[Life]) -> bool:
    return (
        all(life.member.phase is Phase.STABLE for life in lives)
        and len({life.member.generation for life in lives}) == 1
        and sorted(each for life in lives for each in life.owned) == sorted(PARTITIONS)
    )


steps = st.lists(
    st.tuples(st.sampled_from(["come", "go", "crash", "cut", "silence", "speak", "turn", "time"]), st.integers(0, 7)),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_a_group_comes_to_rest_whatever_has_happened(happenings: list[tuple[str, int]]) -> None:
    clock = ManualClock(1_000_000)
    engine = Engine(clock=clock)
    lives = [Life(engine, clock)]
    for what, number in happenings:
        life = lives[number % len(lives)]
        match what:
            case "come":
                lives += [Life(engine, clock)] if len(lives) < 4 else []
            case "go":
                life.act(life.member.leave(life.now()))
            case "crash":
                life.link.close()
            case "cut":
                life.cut()
            case "silence" | "speak":
                life.silent = what == "silence"
            case "turn":
                for each in lives:
                    each.turn()
            case _:
                clock.advance(300 * number)
        if what in ("go", "crash"):
            lives.remove(life)
            lives = lives or [Life(engine, clock)]
    for life in lives:
        life.silent = False
    for _ in range(400):
        if at_rest(lives):
            break
        for life in lives:
            life.turn()
        clock.advance(50)
    assert at_rest(lives), [(life.member.phase, life.member.generation, life.owned) for life in lives]
    engine.close()
