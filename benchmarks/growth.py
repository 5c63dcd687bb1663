"""How the cost of a record grows with what is kept: keys, open windows, records held back by suppress."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from benchmarks.data import CHUNK, START
from benchmarks.figures import Figure
from benchmarks.jobs import LONG, RAW, TEXT
from benchmarks.rig import TOPIC, Rig, all_of, rig
from streams import Materialized, StreamsBuilder, Suppressed, TimeWindows
from streams.clients.api import Fetched

RECORDS = 200_000
SIZES = (1_000, 10_000, 100_000, 1_000_000)
LARGE = 10_000_000
WINDOW_MS = 1_000


class Curve(NamedTuple):
    """One curve: what grows, the sizes, and the topology at a size."""

    title: str
    sizes: tuple[int, ...]
    build: Callable[[int], Callable[[StreamsBuilder], None]]
    fill: Callable[[int], Iterator[tuple[bytes, int]]]
    """Key and timestamp of the records that bring the size about."""
    draw: Callable[[int, random.Random, int], tuple[bytes, int]]
    """Key and timestamp of the n-th measured record."""


def _counted(size: int) -> Callable[[StreamsBuilder], None]:
    def build(builder: StreamsBuilder) -> None:
        grouped = builder.stream(TOPIC, key_serde=TEXT, value_serde=RAW).group_by_key()
        grouped.count(Materialized.as_("counts").with_key_serde(TEXT)).to_stream().to("out", value_serde=LONG)

    return build


def _in_windows(size: int) -> Callable[[StreamsBuilder], None]:
    def build(builder: StreamsBuilder) -> None:
        windows = TimeWindows.of_size_and_grace(WINDOW_MS, size * WINDOW_MS)
        grouped = builder.stream(TOPIC, key_serde=TEXT, value_serde=RAW).group_by_key()
        grouped.windowed_by(windows).count().to_stream().to("out", value_serde=LONG)

    return build


def _held_back(size: int) -> Callable[[StreamsBuilder], None]:
    def build(builder: StreamsBuilder) -> None:
        grouped = builder.stream(TOPIC, key_serde=TEXT, value_serde=RAW).group_by_key()
        wait = Suppressed.until_time_limit(10_000_000, Suppressed.BufferConfig.unbounded())
        counts = grouped.count(Materialized.as_("counts").with_key_serde(TEXT).with_caching_disabled())
        counts.suppress(wait).to_stream().to("out", value_serde=LONG)

    return build


def _key(at: int) -> bytes:
    return b"k%08d" % at


CURVES: Mapping[str, Curve] = {
    "keys": Curve(
        "count, so many keys, each equally likely",
        SIZES,
        _counted,
        lambda size: ((_key(at), START) for at in range(size)),
        lambda size, draw, at: (_key(draw.randrange(size)), START + at),
    ),
    "windows": Curve(
        "tumbling count, so many windows open, 100 keys",
        (1, 10, 100, 1_000, 10_000),
        _in_windows,
        lambda size: ((_key(at % 100), START + at // 10 * WINDOW_MS) for at in range(size * 10)),
        lambda size, draw, at: (_key(draw.randrange(100)), START + draw.randrange(size) * WINDOW_MS),
    ),
    "suppress": Curve(
        "count held back, so many records in the buffer",
        SIZES,
        _held_back,
        lambda size: ((_key(at), START) for at in range(size)),
        lambda size, draw, at: (_key(draw.randrange(size)), START + at),
    ),
}


def measured(name: str, records: int | None, large: bool) -> Iterator[Figure]:
    """One row a size of a curve.

    Args:
        records: measured ones; None: 200,000.
        large: ten million as well, where keys grow.
    """
    curve = CURVES[name]
    count = records or RECORDS
    for size in (*curve.sizes, LARGE) if large and name == "keys" else curve.sizes:
        if records is not None and size > 100 * records:
            continue
        with rig(curve.build(size)) as one:
            for fetched in _batches(one, curve.fill(size)):
                one.take(fetched)
            one.commit()
            one.spill()
            draw = random.Random(size)
            rows = (curve.draw(size, draw, at) for at in range(count))
            ns = all_of(one, _batches(one, rows)) / count
        yield Figure(f"{name} {size:,}", curve.title, "records", count, 1e9 / ns, ns, (ns, ns))


def _batches(one: Rig, rows: Iterator[tuple[bytes, int]]) -> Iterator[Fetched]:
    keys: list[bytes | None] = []
    times: list[int] = []
    for key, time in rows:
        keys.append(key)
        times.append(time)
        if len(keys) == CHUNK:
            yield one.batch(keys, [b"v"] * CHUNK, times)
            keys, times = [], []
    if keys:
        yield one.batch(keys, [b"v"] * len(keys), times)
