"""Applications that are simulated, each with its input and with what must come of it.

What must come is computed from the input topic as it is at the end, by a few lines that are obviously right. With
`at_least_once` nothing may be lost: a count is never too low, no key and no pair is missing. With `exactly_once_v2` all
of it is exactly so, record by record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from streams import JoinWindows, Serdes, StreamsBuilder, TimeWindows
from streams.dsl.suppressed import BufferConfig, Suppressed
from streams.record import Headers, TopicPartition
from streams.topology.graph import Topology
from tests.simulation.logs import Logs, Record, last_values, of_topic

TEXT, LONG = Serdes.string(), Serdes.long()
WORDS = ("all", "streams", "lead", "to", "kafka")
KEYS = ("a", "b", "c", "d")
BEGIN_MS = 1_700_000_000_000
DAY_MS = 86_400_000
FAR_MS = BEGIN_MS + DAY_MS // 2
"""The time of the records that close all windows."""
WINDOW_MS, GRACE_MS = 5_000, 1_000

Pause = Callable[[], None]
"""What a user's function does beside: nothing, or it takes its time."""


class Input(NamedTuple):
    """A record to be sent. `partition` None: by its key."""

    topic: str
    key: bytes | None
    value: bytes | None
    timestamp: int
    partition: int | None = None
    headers: Headers = ()


def text(topic: str, key: str | None, value: str | None, timestamp: int, partition: int | None = None) -> Input:
    """A record of text."""
    as_bytes = (None if each is None else each.encode() for each in (key, value))
    return Input(topic, *as_bytes, timestamp, partition)


Ends = Mapping[TopicPartition, int]
"""Where logs end."""


class Judged(NamedTuple):
    """What a check is given."""

    logs: Logs
    exact: bool
    cached: bool
    """Stores are cached: of several results of a key between two commits the last one comes out."""
    after: Sequence[Ends]
    """Where all logs ended after each record of the input, where one is sent after the other was worked off."""


@dataclass(frozen=True)
class Application:
    """See the module.

    Args:
        name: of the application.
        topics: with their partitions.
        build: its topology.
        inputs: what is sent, drawn.
        check: what is wrong with what came of it.
        exact_only: with `at_least_once` nothing is promised that could be checked.
        config: of it alone.
        in_turn: topics that it reads, where a record is sent only when the one before is worked off; none: all at once.
    """

    name: str
    topics: Mapping[str, int]
    build: Callable[[Pause], StreamsBuilder | Topology]
    inputs: Callable[[Random, int], list[Input]]
    check: Callable[[Judged], Iterator[str]]
    exact_only: bool = False
    config: Mapping[str, object] = field(default_factory=dict)
    in_turn: frozenset[str] = frozenset()


def number(value: bytes | None) -> int:
    """Of a `long`."""
    assert value is not None
    return int.from_bytes(value, "big", signed=True)


def counted(judged: Judged, topic: str, truth: Mapping[bytes, int]) -> Iterator[str]:
    """Is each count in a topic right at the end; and, exactly-once, each on the way there?"""
    runs: dict[bytes, list[int]] = defaultdict(list)
    for partition in of_topic(judged.logs, topic):
        for record in partition:
            assert record.key is not None
            runs[record.key].append(number(record.value))
    for key in sorted({*runs, *truth}):
        run, must = runs.get(key, []), truth.get(key, 0)
        if not run:
            yield f"{topic}: {key!r} is missing, its count is {must}"
        elif not must:
            yield f"{topic}: {key!r} was never sent, and has the counts {run}"
        elif run[-1] < must:
            yield f"{topic}: {key!r} is {run[-1]}, too low: {must} were sent; {run}"
        elif judged.exact and run[-1] != must:
            yield f"{topic}: {key!r} is {run[-1]}, and {must} were sent; {run}"
        elif judged.exact and run != sorted(set(run)):
            yield f"{topic}: the counts of {key!r} do not rise one by one: {run}"
        elif judged.exact and not judged.cached and run != list(range(1, must + 1)):
            yield f"{topic}: the counts of {key!r} are not all there, once: {run}"


# word count ----------------------------------------------------------------------------------------


def _word_count(pause: Pause) -> StreamsBuilder:
    builder = StreamsBuilder()

    def words(line: str) -> list[str]:
        pause()
        return line.split()

    lines = builder.stream("lines", key_serde=TEXT, value_serde=TEXT)
    by_word = lines.flat_map_values(words).group_by(lambda _, word: word, key_serde=TEXT, value_serde=TEXT)
    by_word.count(store="counts").to_stream().to("counts", key_serde=TEXT, value_serde=LONG)
    return builder


def _lines(random: Random, count: int) -> list[Input]:
    drawn = (" ".join(random.choice(WORDS) for _ in range(random.randint(1, 3))) for _ in range(count))
    return [text("lines", None, line, BEGIN_MS + at, at % 2) for at, line in enumerate(drawn)]


def _words_counted(judged: Judged) -> Iterator[str]:
    truth: Counter[bytes] = Counter()
    for partition in of_topic(judged.logs, "lines"):
        for record in partition:
            assert record.value is not None
            truth.update(record.value.split())
    yield from counted(judged, "counts", truth)


# counts in windows ---------------------------------------------------------------------------------


def _events(random: Random, count: int) -> list[Input]:
    drawn = [(random.choice(KEYS), BEGIN_MS + at * 400 + random.randrange(300)) for at in range(count)]
    return [text("events", key, "1", at) for key, at in drawn]


def _windowed(pause: Pause) -> StreamsBuilder:
    builder = StreamsBuilder()
    events = builder.stream("events", key_serde=TEXT, value_serde=TEXT).peek(lambda key, value: pause())
    windows = TimeWindows.of_size_and_grace(WINDOW_MS, DAY_MS)
    counts = events.group_by_key().windowed_by(windows).count(store="windows")
    counts.to_stream().to("counts", key_serde=Serdes.time_windowed(TEXT, WINDOW_MS), value_serde=LONG)
    return builder


def _in_windows(logs: Logs, topic: str = "events") -> Counter[bytes]:
    truth: Counter[bytes] = Counter()
    for partition in of_topic(logs, topic):
        for record in partition:
            assert record.key is not None
            start = record.timestamp // WINDOW_MS * WINDOW_MS
            truth[record.key + start.to_bytes(8, "big")] += 1
    return truth


def _windows_counted(judged: Judged) -> Iterator[str]:
    yield from counted(judged, "counts", _in_windows(judged.logs))


# suppressed windows ----------------------------------------------------------------------------------


def _events_and_end(random: Random, count: int) -> list[Input]:
    ends = [text("events", f"end-{number}", "1", FAR_MS, number) for number in range(2)]
    return [*_events(random, count), *ends]


def _suppressed(pause: Pause) -> StreamsBuilder:
    builder = StreamsBuilder()
    events = builder.stream("events", key_serde=TEXT, value_serde=TEXT).peek(lambda key, value: pause())
    windows = TimeWindows.of_size_and_grace(WINDOW_MS, GRACE_MS)
    counts = events.group_by_key().windowed_by(windows).count(store="windows")
    final = counts.suppress(Suppressed.until_window_closes(BufferConfig.unbounded()))
    final.to_stream().to("final", key_serde=Serdes.time_windowed(TEXT, WINDOW_MS), value_serde=LONG)
    return builder


def _finals(judged: Judged) -> Iterator[str]:
    closed = {  # of each key: before when windows have ended, by the latest record of its partition
        record.key: max(each.timestamp for each in partition) - GRACE_MS
        for partition in of_topic(judged.logs, "events")
        for record in partition
    }
    truth = {
        key: count
        for key, count in _in_windows(judged.logs).items()
        if int.from_bytes(key[-8:], "big") + WINDOW_MS <= closed[key[:-8]]
    }
    found: dict[bytes, list[int]] = defaultdict(list)
    for partition in of_topic(judged.logs, "final"):
        for record in partition:
            assert record.key is not None
            found[record.key].append(number(record.value))
    for key in sorted({*found, *truth}):
        given, must = found.get(key, []), truth.get(key, 0)
        if judged.exact and given != [must]:
            yield f"final: {key!r} came out as {given}, and is {must}"
        elif not given or max(given) < must or not must:
            yield f"final: {key!r} came out as {given}, and must be {must} at least"


# a join of streams -----------------------------------------------------------------------------------


def _pairs_in(random: Random, count: int) -> list[Input]:
    return [
        text(random.choice(("left", "right")), random.choice(KEYS), str(at), BEGIN_MS + at * 400)
        for at in range(count)
    ]


def _stream_join(pause: Pause) -> StreamsBuilder:
    builder = StreamsBuilder()
    left, right = (builder.stream(each, key_serde=TEXT, value_serde=TEXT) for each in ("left", "right"))

    def pair(one: str, other: str) -> str:
        pause()
        return f"{one}|{other}"

    windows = JoinWindows.of_time_difference_and_grace(2_000, DAY_MS)
    pairs = left.join(right, pair, windows, key_serde=TEXT, value_serde=TEXT, other_value_serde=TEXT)
    pairs.to("pairs", key_serde=TEXT, value_serde=TEXT)
    return builder


def _paired(judged: Judged) -> Iterator[str]:
    def rows(topic: str) -> list[Record]:
        return [record for partition in of_topic(judged.logs, topic) for record in partition]

    truth: Counter[tuple[bytes | None, bytes]] = Counter()
    for one in rows("left"):
        for other in rows("right"):
            if one.key == other.key and abs(one.timestamp - other.timestamp) <= 2_000:
                assert one.value is not None and other.value is not None
                truth[one.key, one.value + b"|" + other.value] += 1
    found = Counter((record.key, record.value) for record in rows("pairs"))
    for pair in sorted({*found, *truth}, key=repr):
        if not truth[pair] or found[pair] < truth[pair] or (judged.exact and found[pair] != truth[pair]):
            yield f"pairs: {pair} is there {found[pair]} times, not {truth[pair]}"


# a join of tables ------------------------------------------------------------------------------------


def _table_rows(random: Random, count: int) -> list[Input]:
    return [
        text(
            random.choice(("people", "places")),
            random.choice(KEYS),
            None if random.random() < 0.2 else f"v{at}",
            BEGIN_MS + at * 10,
        )
        for at in range(count)
    ]


def _table_join(pause: Pause) -> StreamsBuilder:
    builder = StreamsBuilder()
    people, places = (builder.table(each, key_serde=TEXT, value_serde=TEXT) for each in ("people", "places"))

    def both(one: str | None, other: str | None) -> str:
        pause()
        return f"{one}|{other}"

    people.outer_join(places, both, key_serde=TEXT, value_serde=TEXT, store="both").to_stream().to(
        "both", key_serde=TEXT, value_serde=TEXT
    )
    return builder


def _joined(judged: Judged) -> Iterator[str]:
    one, other = last_values(judged.logs, "people"), last_values(judged.logs, "places")
    truth = {
        key: f"{one.get(key, b'None').decode()}|{other.get(key, b'None').decode()}".encode() for key in {*one, *other}
    }
    found = last_values(judged.logs, "both")
    for key in sorted({*found, *truth}):
        if found.get(key) != truth.get(key):
            yield f"both: {key!r} is {found.get(key)!r}, not {truth.get(key)!r}"


# a table, counted by its values ------------------------------------------------------------------------


def _places(random: Random, count: int) -> list[Input]:
    return [
        text("people", random.choice((*KEYS, "e", "f")), random.choice((None, "x", "y", "z")), BEGIN_MS + at * 10)
        for at in range(count)
    ]


def _table_count(pause: Pause) -> StreamsBuilder:
    builder = StreamsBuilder()
    people = builder.table("people", key_serde=TEXT, value_serde=TEXT)

    def by_place(key: str, value: str) -> tuple[str, str]:
        pause()
        return value, key

    counts = people.group_by(by_place, key_serde=TEXT, value_serde=TEXT).count(store="counts")
    counts.to_stream().to("counts", key_serde=TEXT, value_serde=LONG)
    return builder


def _places_counted(judged: Judged) -> Iterator[str]:
    truth = Counter(last_values(judged.logs, "people").values())
    found = {key: number(value) for key, value in last_values(judged.logs, "counts").items()}
    for key in sorted({*found, *truth}):
        if found.get(key, 0) != truth.get(key, 0):
            yield f"counts: {key!r} is {found.get(key, 0)}, not {truth.get(key, 0)}"


APPLICATIONS = {
    each.name: each
    for each in (
        Application("word-count", {"lines": 2, "counts": 2}, _word_count, _lines, _words_counted),
        Application("windows", {"events": 2, "counts": 2}, _windowed, _events, _windows_counted),
        Application("suppress", {"events": 2, "final": 2}, _suppressed, _events_and_end, _finals),
        Application("stream-join", {"left": 2, "right": 2, "pairs": 2}, _stream_join, _pairs_in, _paired),
        Application("table-join", {"people": 2, "places": 2, "both": 2}, _table_join, _table_rows, _joined),
        Application("table-count", {"people": 2, "counts": 2}, _table_count, _places, _places_counted, exact_only=True),
    )
}
"""By name."""
