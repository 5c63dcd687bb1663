"""Topologies that Java and Python build by the same names, their input in two halves, and what comes of it.

The answers are worked out from the input alone, by loops that know nothing of tasks, stores or topics. In Kafka Streams
the time of a windowed operator begins anew with whoever takes over; for these the second half begins with a record on
time for each key, so that nothing depends on that.
"""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.partition import partition_for

PARTITIONS = 2
BEGIN = int(time.time() * 1000) // 3_600_000 * 3_600_000 - 3_600_000
"""Time of the first records: a full hour, so that windows begin with it; brokers keep what is that young."""
KEYS = [f"key-{number}" for number in range(6)]
Row = list[Any]
Step = dict[str, Any]
TEXT = {"key": "string", "value": "string"}
NUMBER = {"key": "string", "value": "long"}


class Event(NamedTuple):
    """A record of an input topic."""

    topic: str
    key: str
    value: Any
    timestamp: int


Halves = tuple[list[Event], list[Event]]


@dataclass(frozen=True)
class Shared:
    """An application.

    Args:
        spec: its topology (tests/conformance/SPEC.md).
        halves: its input: what the first one works off, and what the one that takes over does.
        answer: rows of its output: [topic, key, value, timestamp]; the last may be missing.
        every: all rows count, in any order; else the last of each key, if it is no tombstone.
        by_java: the rows that came where Java was first, what it leaves open made as `answer` has it.
        config: settings of its own.
    """

    spec: Mapping[str, Any]
    halves: Halves
    answer: Callable[[Halves], Iterable[Row]]
    every: bool = False
    by_java: Callable[[Halves, Iterable[Row]], Iterable[Row]] = lambda _, rows: rows
    config: Mapping[str, object] = field(default_factory=dict)


def told(rows: Iterable[Row], every: bool) -> list[str]:
    """What counts of rows, in an order of its own."""
    if every:
        return sorted(json.dumps(row) for row in rows)
    last = {json.dumps(row[:2]): row for row in rows}
    return sorted(json.dumps(row) for row in last.values() if row[2] is not None)


# input


def on_time(topic: str, start: int, value: Callable[[str], Any]) -> list[Event]:
    """One record of each key: every partition has had a record by then."""
    return [Event(topic, key, value(key), start + place) for place, key in enumerate(KEYS)]


def numbers(seed: int, count: int = 120, pace: int = 20, late: int = 0) -> Halves:
    """Numbers of all keys on the topic `in`, some of them late by up to so many ms, some of them by ten times that."""
    chance = random.Random(seed)
    halves: list[list[Event]] = []
    now = BEGIN
    for _ in range(2):
        now += pace
        events = on_time("in", now, lambda _: chance.randrange(100))
        for _ in range(count):
            now += chance.randrange(pace)
            behind = chance.choice((0, 0, 0, chance.randint(0, late), 10 * late)) if late else 0
            events.append(Event("in", chance.choice(KEYS), chance.randrange(100), max(BEGIN, now - behind)))
        halves.append(events)
    return halves[0], halves[1]


def tables(seed: int, left: Callable[[random.Random], Any], right: Callable[[random.Random], Any]) -> Halves:
    """Updates and deletions of two tables, `left` and `right`; keys of the right one are those that values name."""
    chance = random.Random(seed)
    halves: list[list[Event]] = []
    now = BEGIN
    for _ in range(2):
        events = []
        for _ in range(120):
            now += chance.randrange(20)
            topic, value = chance.choice((("left", left), ("right", right)))
            given = None if chance.random() < 0.15 else value(chance)
            events.append(Event(topic, chance.choice(KEYS), given, now))
        halves.append(events)
    return halves[0], halves[1]


def enriched(seed: int) -> Halves:
    """In each half first a table, then a stream that is later than all of it."""
    chance = random.Random(seed)
    halves: list[list[Event]] = []
    now = BEGIN
    for half in range(2):
        table = [
            Event("right", key, f"name-{half}-{place}", now + place)
            for place, key in enumerate(KEYS)
            if half == 0 or chance.random() < 0.5
        ]
        table.append(Event("right", KEYS[half], None, now + 10))
        now += 100
        stream = [Event("left", chance.choice(KEYS), chance.randrange(100), now + 7 * step) for step in range(100)]
        now += 1_000
        halves.append(table + stream)
    return halves[0], halves[1]


# answers


def joined_halves(halves: Halves) -> list[Event]:
    return [*halves[0], *halves[1]]


def by_partition(events: Iterable[Event]) -> list[list[Event]]:
    """As they lie in the partitions of one topic."""
    found: list[list[Event]] = [[] for _ in range(PARTITIONS)]
    for event in events:
        found[partition_for(event.key.encode(), PARTITIONS)].append(event)
    return found


def counted_words(halves: Halves) -> Iterable[Row]:
    counts: dict[str, tuple[int, int]] = {}
    for event in joined_halves(halves):
        for word in event.value.split():
            count, latest = counts.get(word, (0, 0))
            counts[word] = count + 1, max(latest, event.timestamp)
    for word, (count, latest) in counts.items():
        yield ["out", word, count, latest]


class Windows(NamedTuple):
    """Time windows: each begins `advance` after the one before it."""

    size: int
    advance: int
    grace: int

    def of(self, timestamp: int) -> Iterable[int]:
        """Starts of the windows that a time lies in."""
        first = max(0, timestamp - self.size + self.advance) // self.advance * self.advance
        return range(first, timestamp + 1, self.advance)

    def filled(self, events: Iterable[Event]) -> tuple[dict[tuple[str, int], list[Event]], int]:
        """The records of each window of a partition that came before its close; and the time at the end."""
        now, found = -1, defaultdict(list)
        for event in events:
            now = max(now, event.timestamp)
            for start in self.of(event.timestamp):
                if start + self.size > now - self.grace:
                    found[event.key, start].append(event)
        return found, now


def windowed(windows: Windows, value: Callable[[list[Event]], int], closed: bool) -> Callable[[Halves], Iterable[Row]]:
    """What became of each window; of those that are closed only, if asked for."""

    def answer(halves: Halves) -> Iterable[Row]:
        for events in by_partition(joined_halves(halves)):
            found, now = windows.filled(events)
            for (key, start), records in found.items():
                end = start + windows.size
                if not closed or end + windows.grace <= now:
                    shown = {"k": key, "start": start, "end": end}
                    yield ["out", shown, value(records), max(each.timestamp for each in records)]

    return answer


def sessions(gap: int) -> Callable[[Halves], Iterable[Row]]:
    """Sums of what lies within a gap of one another; nothing is so late that it is dropped."""

    def answer(halves: Halves) -> Iterable[Row]:
        of_key = defaultdict(list)
        for event in joined_halves(halves):
            of_key[event.key].append(event)
        for key, events in of_key.items():
            groups: list[list[Event]] = []
            for event in sorted(events, key=lambda each: each.timestamp):
                if groups and event.timestamp - groups[-1][-1].timestamp <= gap:
                    groups[-1].append(event)
                else:
                    groups.append([event])
            for group in groups:
                shown = {"k": key, "start": group[0].timestamp, "end": group[-1].timestamp}
                yield ["out", shown, sum(each.value for each in group), group[-1].timestamp]

    return answer


def table_of(events: Sequence[Event], topic: str) -> dict[str, Event]:
    last = {event.key: event for event in events if event.topic == topic}
    return {key: event for key, event in last.items() if event.value is not None}


def matched(kind: str) -> Callable[[Halves], Iterable[Row]]:
    """Two tables joined by key; the time is that of the last update of either, deletions included."""

    def answer(halves: Halves) -> Iterable[Row]:
        events = joined_halves(halves)
        left, right = table_of(events, "left"), table_of(events, "right")
        for key in KEYS:
            one, other = left.get(key), right.get(key)
            if {"join": one and other, "left_join": one, "outer_join": one or other}[kind] is None:
                continue
            values = ["null" if each is None else each.value for each in (one, other)]
            latest = max(event.timestamp for event in events if event.key == key)
            yield ["out", key, f"({values[0]},{values[1]})", latest]

    return answer


def looked_up(left_join: bool) -> Callable[[Halves], Iterable[Row]]:
    """Each record of a stream with what the table had then."""

    def answer(halves: Halves) -> Iterable[Row]:
        names: dict[str, str | None] = {}
        for event in sorted(joined_halves(halves), key=lambda each: each.timestamp):
            if event.topic == "right":
                names[event.key] = event.value
            elif names.get(event.key) is not None or left_join:
                yield ["out", event.key, f"({event.value},{names.get(event.key) or 'null'})", event.timestamp]

    return answer


def referring(left_join: bool) -> Callable[[Halves], Iterable[Row]]:
    """Rows of the left table with the row of the right one that they name."""

    def answer(halves: Halves) -> Iterable[Row]:
        events = joined_halves(halves)
        left, right = table_of(events, "left"), table_of(events, "right")
        for key, event in left.items():
            other = right.get(event.value.partition(":")[0])
            if other is not None or left_join:
                yield ["out", key, f"({event.value},{'null' if other is None else other.value})"]

    return answer


def partition_times(halves: Halves) -> Iterable[Row]:
    """Each record at the time that its value says; where it says none, at the highest time of its partition before."""
    for events in by_partition(joined_halves(halves)):
        highest = -1
        for event in events:
            now = highest if event.value is None else event.value
            highest = max(highest, now)
            yield ["out", event.key, None if event.value is None else str(event.value), now]


def tick(now: int) -> Row:
    return ["out", "tick", f"ts={now} stream={now} meta=true", now]


def first_ticks(halves: Halves) -> Iterable[Row]:
    """Each record; and for each task that begins, the time of the stream as it finds it, or the first one there is."""
    for events, whole in zip(by_partition(halves[0]), by_partition(joined_halves(halves)), strict=True):
        yield tick(events[0].timestamp)
        yield tick(max(event.timestamp for event in events))
        for event in whole:
            yield ["out", event.key, str(event.value), event.timestamp]


def ticks_in_time(halves: Halves, rows: Iterable[Row]) -> Iterable[Row]:
    """The first tick of each partition, by Java, as if it had come after the first record, if it came after any.

    Kafka Streams processes up to N records of each task, then asks for punctuations, then processes on; N is 1 at first
    and grows with each turn that had records of any task (`StreamThread.runOnceWithoutProcessingThreads`). So a tick
    comes after the record that reaches its time, maybe some records later, and its time is that of the stream by then.
    Where it goes to the partition in which its task's records are, it stands behind exactly those.
    """
    parts = by_partition(halves[0])
    reached: dict[int, tuple[int, list[int]]] = {}  # times of streams: of which partition, after how many records
    for partition, events in enumerate(parts):
        for count, now in enumerate(itertools.accumulate((event.timestamp for event in events), max), 1):
            reached.setdefault(now, (partition, []))[1].append(count)
    beside = partition_for(b"tick", PARTITIONS)
    came = [0] * PARTITIONS
    waited_for = {*range(PARTITIONS)}
    for row in rows:
        _, key, _, now = row
        if key != "tick":
            came[partition_for(key.encode(), PARTITIONS)] += 1
            yield row
            continue
        partition, counts = reached.get(now, (-1, []))
        in_time = row == tick(now) and (partition != beside or came[partition] in counts)
        if in_time and partition in waited_for:
            waited_for.remove(partition)
            yield tick(parts[partition][0].timestamp)
        else:
            yield row


def between(before: int, after: int) -> Callable[[Halves], Iterable[Row]]:
    """Two streams: what of the right one lies within so many ms of a record of the left one; the records of either
    that have none, once that is known."""

    def answer(halves: Halves) -> Iterable[Row]:
        events = joined_halves(halves)
        for partition in by_partition(events):
            end = max(event.timestamp for event in partition)
            left = [event for event in partition if event.topic == "left"]
            right = [event for event in partition if event.topic == "right"]
            paired: set[int] = set()
            for one in left:
                for other in right:
                    if one.key == other.key and -before <= other.timestamp - one.timestamp <= after:
                        paired |= {id(one), id(other)}
                        latest = max(one.timestamp, other.timestamp)
                        yield ["out", one.key, f"({one.value},{other.value})", latest]
            for event in (each for each in partition if id(each) not in paired):
                if event.timestamp + (after if event.topic == "left" else before) < end:
                    values = (event.value, "null") if event.topic == "left" else ("null", event.value)
                    yield ["out", event.key, f"({values[0]},{values[1]})", event.timestamp]

    return answer


def regrouped(halves: Halves) -> Iterable[Row]:
    """How much the rows of a table have, by the group that each of them names now; nothing in one that was named."""
    events = joined_halves(halves)
    sums = {event.value.partition(":")[0]: 0 for event in events if event.value is not None}
    for event in table_of(events, "left").values():
        sums[event.value.partition(":")[0]] += len(event.value)
    for group, length in sums.items():
        yield ["out", group, length]


# topologies


def spec(inputs: Mapping[str, Any], out: Mapping[str, Any], *steps: Step) -> dict[str, Any]:
    return {"inputs": dict(inputs), "outputs": {"out": dict(out)}, "steps": list(steps)}


def to_out(before: str, table: bool, **serdes: str) -> list[Step]:
    """The last steps: to the topic `out`."""
    stream = [{"id": "stream", "op": "to_stream", "in": before}] if table else []
    return [*stream, {"id": "to", "op": "to", "in": "stream" if table else before, "topic": "out", **serdes}]


def grouped_by_key() -> list[Step]:
    return [
        {"id": "in", "op": "stream", "topic": "in", **NUMBER},
        {"id": "grouped", "op": "group_by_key", "in": "in", "grouped": NUMBER},
    ]


def in_windows(window: Mapping[str, Any], *then: Step) -> dict[str, Any]:
    """Numbers by key, in windows, to what `then` makes of them; its last step is `done`."""
    key = ["session_windowed", "string"] if "gap" in window else ["time_windowed", "string", window["size"]]
    steps = [*grouped_by_key(), {"id": "windowed", "op": "windowed_by", "in": "grouped", "window": dict(window)}, *then]
    return spec({"in": NUMBER}, {"key": key, "value": "long"}, *steps, *to_out("done", True, value="long"))


def count_of_words() -> dict[str, Any]:
    return spec(
        {"in": TEXT}, NUMBER,
        {"id": "in", "op": "stream", "topic": "in", **TEXT},
        {"id": "words", "op": "flat_map_values", "in": "in", "fn": "split_words"},
        {"id": "grouped", "op": "group_by", "in": "words", "fn": "value", "grouped": TEXT},
        {"id": "counts", "op": "count", "in": "grouped", "store": {"name": "counts", **NUMBER}},
        *to_out("counts", True, **NUMBER),
    )  # fmt: skip


def lines(seed: int) -> Halves:
    chance = random.Random(seed)
    words = [f"word-{number}" for number in range(20)]
    now, halves = BEGIN, []
    for _ in range(2):
        events = []
        for place in range(100):
            now += chance.randrange(20)
            events.append(Event("in", str(place), " ".join(chance.choices(words, k=4)), now))
        halves.append(events)
    return halves[0], halves[1]


def of_tables(*join: Step) -> dict[str, Any]:
    """Two tables, and the join of them that is `done`."""
    return spec(
        {"left": TEXT, "right": TEXT}, TEXT,
        {"id": "left", "op": "table", "topic": "left", **TEXT, "store": {"name": "left-store", **TEXT}},
        {"id": "right", "op": "table", "topic": "right", **TEXT},
        *join, *to_out("done", True, **TEXT),
    )  # fmt: skip


def lookup(table: str, **join: Any) -> dict[str, Any]:
    """A stream beside a table of either kind."""
    return spec(
        {"left": NUMBER, "right": TEXT}, TEXT,
        {"id": "left", "op": "stream", "topic": "left", **NUMBER},
        {"id": "right", "op": table, "topic": "right", **TEXT, "store": {"name": "names", **TEXT}},
        {"id": "done", "in": "left", "other": "right", "joiner": "pair", **join},
        *to_out("done", False, **TEXT),
    )  # fmt: skip


def timed(seed: int) -> Halves:
    """Values that are times, or none; the second half begins without any, for each key."""
    chance = random.Random(seed)
    halves: list[list[Event]] = []
    now = BEGIN
    for _ in range(2):
        events = [Event("in", key, None if halves else now, BEGIN) for key in KEYS]
        for _ in range(60):
            now += chance.randrange(50)
            given = chance.choice((None, now, now - chance.randrange(400)))
            events.append(Event("in", chance.choice(KEYS), given, BEGIN + 1))
        halves.append(events)
    return halves[0], halves[1]


def behind(seed: int) -> Halves:
    """The second half is older than all of the first one."""
    chance = random.Random(seed)

    def half(begin: int) -> list[Event]:
        drawn = [Event("in", chance.choice(KEYS), chance.randrange(100), begin + 7 * step) for step in range(40)]
        return [*on_time("in", begin - 100, lambda _: 0), *drawn]

    return half(BEGIN + 10_000), half(BEGIN + 1_000)


def paired(seed: int) -> Halves:
    """Two streams at one pace."""
    chance = random.Random(seed)
    halves: list[list[Event]] = []
    now = BEGIN
    for _ in range(2):
        events = []
        for _ in range(120):
            now += chance.randrange(1, 20)
            events.append(Event(chance.choice(("left", "right")), chance.choice(KEYS), chance.randrange(1_000), now))
        halves.append(events)
    return halves[0], halves[1]


def word(chance: random.Random) -> str:
    return f"value-{chance.randrange(1_000)}"


def reference(chance: random.Random) -> str:
    return f"{chance.choice(KEYS)}:{chance.randrange(1_000)}"


TUMBLING = Windows(100, 100, 50)
HOPPING = Windows(200, 50, 70)
SUM = {"op": "aggregate", "init": 0, "fn": "sum"}
COUNTS = {"id": "counts", "op": "count", "in": "windowed", "store": {"name": "counts", **NUMBER}}
SUMS = {"id": "done", **SUM, "in": "windowed", "store": {"name": "sums", **NUMBER}}


def only(events: list[Event]) -> list[Event]:
    """Those of the left table."""
    return [event for event in events if event.topic == "left"]


def total(events: list[Event]) -> int:
    return sum(each.value for each in events)


def tumbling(*then: Step) -> dict[str, Any]:
    return in_windows({"kind": "tumbling", "size": TUMBLING.size, "grace": TUMBLING.grace}, *then)


AT_ONCE = {"__emit.interval.ms.kstreams.windowed.aggregation__": 0}
"""Windows are put out when they are closed, and not once a second only."""
KEEPING = {"caching": False, "retention": 60_000}
"""Of such a store: Java searches a cache a minute at a time from the epoch on, and loses windows that a jump of time
pushes out of a store that keeps them until they close and no longer."""

SHARED: Mapping[str, Shared] = {
    "word count": Shared(count_of_words(), lines(1), counted_words),
    "tumbling windows": Shared(tumbling({**COUNTS, "id": "done"}), numbers(2, late=40), windowed(TUMBLING, len, False)),
    "hopping windows": Shared(
        in_windows({"kind": "hopping", "size": 200, "advance": 50, "grace": 70}, SUMS),
        numbers(3, late=60), windowed(HOPPING, total, False),
    ),
    "session windows": Shared(
        in_windows({"kind": "session", "gap": 60, "grace": 10_000}, {**SUMS, "merger": "sum"}),
        numbers(4, late=100), sessions(60),
    ),
    "suppressed windows": Shared(
        tumbling(COUNTS, {"id": "done", "op": "suppress", "in": "counts", "mode": "until_window_closes", "buffer": {}}),
        numbers(5, late=40), windowed(TUMBLING, len, True), every=True,
    ),
    "windows put out when they close": Shared(
        tumbling(
            {"id": "closing", "op": "emit_strategy", "in": "windowed", "strategy": "on_window_close"},
            {**COUNTS, "id": "done", "in": "closing", "store": {"name": "counts", **NUMBER, **KEEPING}},
        ),
        numbers(6, late=40), windowed(TUMBLING, len, True), every=True, config=AT_ONCE,
    ),
    **{
        f"tables, {kind}": Shared(
            of_tables({"id": "done", "op": kind, "in": "left", "other": "right", "joiner": "pair",
                       "store": {"name": "matched", **TEXT}}),
            tables(7, word, word), matched(kind),
        )
        for kind in ("join", "left_join", "outer_join")
    },
    "stream and table": Shared(
        lookup("table", op="join", joined={"key": "string", "left": "long", "right": "string"}),
        enriched(8), looked_up(False), every=True,
    ),
    "stream and global table": Shared(
        lookup("global_table", op="left_join", key_selector="key"), enriched(9), looked_up(True), every=True
    ),
    **{
        f"foreign key, {kind}": Shared(
            of_tables({"id": "done", "op": kind, "in": "left", "other": "right", "joiner": "pair",
                       "foreign_key": "before_colon", "store": {"name": "referring", **TEXT}}),
            tables(10, reference, word), referring(kind == "left_join"),
        )
        for kind in ("join", "left_join")
    },
    "partition time beside positions": Shared(
        spec({"in": NUMBER}, TEXT,
             {"id": "in", "op": "stream", "topic": "in", **NUMBER, "timestamp": "value_or_partition_time"},
             {"id": "done", "op": "map_values", "in": "in", "fn": ["suffix", ""]}, *to_out("done", False, **TEXT)),
        timed(11), partition_times, every=True,
    ),
    "stream time beside positions": Shared(
        spec({"in": NUMBER}, TEXT,
             {"id": "in", "op": "stream", "topic": "in", **NUMBER},
             {"id": "done", "op": "process", "in": "in", "processor": ["tick", 100_000, "stream", 1]},
             *to_out("done", False, **TEXT)),
        behind(12), first_ticks, every=True, by_java=ticks_in_time,
    ),
    "outer join of streams": Shared(
        spec({"left": NUMBER, "right": NUMBER}, TEXT,
             {"id": "left", "op": "stream", "topic": "left", **NUMBER},
             {"id": "right", "op": "stream", "topic": "right", **NUMBER},
             {"id": "done", "op": "outer_join", "in": "left", "other": "right", "joiner": "pair",
              "windows": {"diff": 60, "grace": 0},
              "joined": {"key": "string", "left": "long", "right": "long", "name": "both", "store_name": "both"}},
             *to_out("done", False, **TEXT)),
        paired(13), between(60, 60), every=True,
        config={"__emit.interval.ms.kstreams.outer.join.spurious.results.fix__": 0},
    ),
    "table grouped anew": Shared(
        spec({"left": TEXT}, NUMBER,
             {"id": "left", "op": "table", "topic": "left", **TEXT, "store": {"name": "rows", **TEXT}},
             {"id": "grouped", "op": "group_by", "in": "left", "key_fn": "before_colon", "value_fn": "value",
              "grouped": TEXT},
             {"id": "done", "op": "aggregate", "in": "grouped", "init": 0, "adder": "concat_length",
              "subtractor": "uncount_length", "store": {"name": "lengths", **NUMBER}},
             *to_out("done", True, **NUMBER)),
        (only(tables(14, reference, word)[0]), only(tables(15, reference, word)[0])), regrouped,
        config={"statestore.cache.max.bytes": 0},
    ),
}  # fmt: skip
"""By name."""
