"""Windows that close when their task has had no input for a while."""

from __future__ import annotations

from typing import Any

import pytest

from streams import (
    BufferConfig,
    EmitStrategy,
    Serdes,
    SessionWindows,
    SlidingWindows,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
)
from tests.streams.operators.running import UNCACHED, Running, shown

IDLE = 1_000
TEXT = Serdes.string()
CLOSE = EmitStrategy.on_window_close()
UNBOUNDED = BufferConfig.unbounded()

TUMBLING = TimeWindows.of_size_and_grace(10, 5)
HOPPING = TUMBLING.advance_by(5)
SLIDING = SlidingWindows.of_time_difference_and_grace(10, 5)
SESSIONS = SessionWindows.of_inactivity_gap_and_grace(10, 5)

EXPECTED = {
    "tumbling": (TUMBLING, ["[a@0/10]=2@3", "[b@10/20]=1@12"]),
    "hopping": (HOPPING, ["[a@0/10]=2@3", "[b@5/15]=1@12", "[b@10/20]=1@12"]),
    "sliding": (SLIDING, ["[a@0/10]=2@3", "[b@2/12]=1@12", "[a@2/12]=1@3"]),
    "sessions": (SESSIONS, ["[a@1/3]=2@3", "[b@12/12]=1@12"]),
}
CONFIGS = pytest.mark.parametrize("config", [UNCACHED, {}], ids=["uncached", "cached"])
KINDS = pytest.mark.parametrize("kind", EXPECTED)


class Clocked(Running):
    def __enter__(self) -> Clocked:
        return self

    def wait(self, ms: int) -> list[str]:
        """Lets the wall clock run; what came out."""
        self.driver.advance_wall_clock_time(ms)
        return [f"{r.key}={r.value}@{r.timestamp}" for r in self._out.read_records_to_list()]


def closing(windows: Any, idle: int | None = IDLE) -> Any:
    return windows if idle is None else windows.close_when_idle(idle)


def on_close(windows: Any) -> Any:
    def build(builder: StreamsBuilder) -> None:
        shown(builder.stream("in").group_by_key().windowed_by(windows).emit_strategy(CLOSE).count(store="c"))

    return build


def suppressed(windows: Any, idle: int | None = IDLE) -> Any:
    def build(builder: StreamsBuilder) -> None:
        final: Any = Suppressed.until_window_closes(UNBOUNDED)
        final = final if idle is None else final.close_when_idle(idle)
        grouped = builder.stream("in").group_by_key(key_serde=TEXT, value_serde=TEXT)
        shown(grouped.windowed_by(windows).count(store="c").suppress(final))

    return build


def feed(running: Running) -> None:
    assert [running.send("in", *row) for row in (("a", "x", 1), ("a", "x", 3), ("b", "x", 12))] == [[], [], []]


@KINDS
@CONFIGS
def test_open_windows_are_emitted_when_nothing_comes(kind: str, config: Any) -> None:
    windows, expected = EXPECTED[kind]
    with Clocked(on_close(closing(windows)), config) as running:
        feed(running)
        assert running.wait(IDLE - 1) == []
        assert sorted(running.wait(1)) == sorted(expected)
        assert running.wait(5 * IDLE) == []


@KINDS
@CONFIGS
def test_suppressed_results_are_let_go(kind: str, config: Any) -> None:
    windows, expected = EXPECTED[kind]
    with Clocked(suppressed(closing(windows)), config) as running:
        feed(running)
        assert running.wait(IDLE - 1) == []
        assert sorted(running.wait(1)) == sorted(expected)
        assert running.wait(5 * IDLE) == []


@KINDS
@pytest.mark.parametrize("make", [on_close, suppressed])
def test_a_late_record_does_not_come_into_an_emitted_window(kind: str, make: Any) -> None:
    windows, expected = EXPECTED[kind]
    with Clocked(make(closing(windows)), UNCACHED) as running:
        feed(running)
        running.wait(IDLE)
        assert running.send("in", "a", "x", 2) == []
        assert running.dropped() > 0
        running.send("in", "c", "x", 200)
        assert not set(running.wait(IDLE)) & set(expected)


@pytest.mark.parametrize("make", [on_close, suppressed])
def test_without_it_the_wall_clock_closes_nothing(make: Any) -> None:
    build = on_close(TUMBLING) if make is on_close else suppressed(TUMBLING, None)
    with Clocked(build) as running:
        feed(running)
        assert running.wait(100 * IDLE) == []
        assert running.send("in", "c", "x", 40) == ["[a@0/10]=2@3", "[b@10/20]=1@12"]


@pytest.mark.parametrize("make", [on_close, suppressed])
def test_input_puts_it_off(make: Any) -> None:
    with Clocked(make(closing(TUMBLING))) as running:
        feed(running)
        assert running.wait(IDLE - 1) == []
        assert running.send("in", "b", "x", 13) == []
        assert running.wait(IDLE - 1) == []
        assert running.wait(1) == ["[a@0/10]=2@3", "[b@10/20]=2@13"]
        assert running.send("in", "a", "x", 31) == []
        assert running.wait(IDLE) == ["[a@30/40]=1@31"]


def test_a_suppress_alone_refuses_what_is_late_for_it() -> None:
    """The windows still take the record; its result was let go."""
    with Clocked(suppressed(TUMBLING), UNCACHED) as running:
        feed(running)
        assert running.wait(IDLE) == ["[a@0/10]=2@3", "[b@10/20]=1@12"]
        assert running.send("in", "b", "x", 13) == []
        assert running.dropped() == 1
        assert running.send("in", "a", "x", 24) == []
        assert running.wait(IDLE) == ["[a@20/30]=1@24"]


def test_updates_in_a_cache_are_seen_before_windows_close() -> None:
    """The alarm goes off before the commit that would have flushed the cache."""
    from streams.clients.api import Fetched
    from streams.record import RecordBatch
    from tests.streams.operators.test_async_step import IN, Runs

    runs = Runs(suppressed(TUMBLING), **{"statestore.cache.max.bytes": 1_000_000})
    runs.task.add(Fetched(IN, RecordBatch([b"a"] * 2, [b"x"] * 2, [1, 2], None, range(2), 2), 2, 0, 0))
    runs.task.run(0)
    assert runs.task.punctuate_wall_clock(IDLE)
    assert runs.out() == ["[a@0/10]=2@2"]


def test_cogrouped_windows_share_their_time() -> None:
    def build(builder: StreamsBuilder) -> None:
        def add(key: str, value: str, aggregate: str) -> str:
            return aggregate + value

        left, right = builder.stream("in").group_by_key(), builder.stream("in2").group_by_key()
        both = left.cogroup(add).cogroup(right, add).windowed_by(closing(TUMBLING))
        shown(both.aggregate(lambda: ""))

    with Clocked(build, UNCACHED) as running:
        assert running.send("in", "a", "x", 1) == ["[a@0/10]=x@1"]
        assert running.wait(IDLE) == []
        assert running.send("in", "a", "y", 2) == []
        assert running.send("in2", "a", "y", 2) == []
        assert running.send("in2", "a", "y", 12) == ["[a@10/20]=y@12"]
