"""Windows, durations, suppress and stores: what is allowed, and in which words it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from streams import (
    BufferConfig,
    EmitStrategy,
    JoinWindows,
    Materialized,
    Named,
    SessionWindows,
    SlidingWindows,
    Stores,
    StreamsBuilder,
    Suppressed,
    TimeWindows,
    UnlimitedWindows,
    Window,
    Windows,
)
from streams.durations import iso, to_ms
from streams.errors import (
    IllegalArgumentException,
    IllegalStateException,
    NotYetBuiltException,
    NullPointerException,
    TopologyException,
)
from streams.operators.windows import Aligned, Custom, Unlimited
from streams.topology.store import StoreKind, StoreSpec

SECOND = timedelta(seconds=1)


def test_durations_are_timedeltas_or_milliseconds() -> None:
    assert TimeWindows.of_size_with_no_grace(SECOND) == TimeWindows.of_size_with_no_grace(1000)
    assert to_ms(timedelta(microseconds=1999), "d") == 1
    for wrong in (None, "1s", 1.5, True):
        with pytest.raises(IllegalArgumentException, match='Invalid value for parameter "d"'):
            to_ms(wrong, "d")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "PT0S"), (2, "PT0.002S"), (90_000, "PT1M30S"), (3_600_000, "PT1H"), (-1500, "PT-1.5S")]
)
def test_durations_as_java_writes_them(ms: int, text: str) -> None:
    assert iso(ms) == text


def test_shapes() -> None:
    hopping = TimeWindows.of_size_and_grace(10, 3).advance_by(5)
    assert hopping.shape() == Aligned(10, 5, 3)
    start = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert UnlimitedWindows.of().start_on(start).shape() == Unlimited(1000)
    windows = JoinWindows.of_time_difference_and_grace(10, 2).before(0).after(20)
    assert (windows.before_ms, windows.after_ms, windows.grace_ms, windows.size_ms) == (0, 20, 2, 20)


def test_the_deprecated_way_of_join_windows() -> None:
    old = JoinWindows.of(10)
    assert (old.before_ms, old.after_ms, old.grace_ms, old.eager) == (10, 10, 86_400_000 - 20, True)
    assert old.grace(5).grace_ms == 5
    with pytest.raises(IllegalStateException, match=r"Cannot call grace\(\) after setting grace value"):
        JoinWindows.of_time_difference_with_no_grace(1).grace(5)
    builder = StreamsBuilder()
    builder.stream("a").left_join(builder.stream("b"), lambda left, right: (left, right), old)
    assert "OUTERSHARED" not in str(builder.build().describe())


def test_stores_with_headers_are_not_built_yet() -> None:
    with pytest.raises(NotYetBuiltException, match="persistent_session_store_with_headers"):
        Stores.persistent_session_store_with_headers("s", 5)


class Fiscal(Windows):
    def windows_for(self, timestamp: int) -> dict[int, Window]:
        start = timestamp // 7 * 7
        return {start: Window(start, start + 7)}

    def size(self) -> int:
        return 7

    def grace_period_ms(self) -> int:
        return 1


def test_windows_of_the_users_making() -> None:
    shape = Fiscal().shape()
    assert isinstance(shape, Custom) and list(shape.windows_for(15)) == [(14, 21)]
    builder = StreamsBuilder()
    builder.stream("in").group_by_key().windowed_by(Fiscal()).count(store="c")
    (store,) = builder.build().built().subtopologies[0].stores
    assert (store.window_ms, store.retention_ms) == (7, 8)


def store_of(windows: object, **fields: object) -> StoreSpec:
    builder = StreamsBuilder()
    builder.stream("in").group_by_key().windowed_by(windows).count(store="s", **fields)  # type: ignore[call-overload]
    (store,) = builder.build().built().subtopologies[0].stores
    assert isinstance(store, StoreSpec)
    return store


def test_stores_of_windows() -> None:
    tumbling = store_of(TimeWindows.of_size_and_grace(10, 5))
    assert (tumbling.kind, tumbling.retention_ms, tumbling.window_ms) == (StoreKind.TIMESTAMPED_WINDOW, 15, 10)
    assert tumbling.segment_ms == 60_000 and tumbling.caching
    sliding = store_of(SlidingWindows.of_time_difference_and_grace(10, 5))
    assert (sliding.retention_ms, sliding.window_ms) == (25, 10)
    session = store_of(SessionWindows.of_inactivity_gap_and_grace(10, 5))
    assert (session.kind, session.retention_ms) == (StoreKind.SESSION, 15)
    longer = store_of(TimeWindows.of_size_with_no_grace(10), retention=timedelta(minutes=4))
    assert (longer.retention_ms, longer.segment_ms) == (240_000, 120_000)


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: TimeWindows.of_size_with_no_grace(0), "Window size (sizeMs) must be larger than zero."),
    (lambda: TimeWindows.of_size_and_grace(1, -1), "Grace period must not be negative."),
    (lambda: TimeWindows.of_size_with_no_grace(5).advance_by(6), "which is 5 ms, but given advancement interval is: 6"),
    (lambda: SlidingWindows.of_time_difference_with_no_grace(-1), "Window time difference must not be negative."),
    (lambda: SessionWindows.of_inactivity_gap_with_no_grace(-1), "Gap time cannot be negative."),
    (lambda: JoinWindows.of_time_difference_with_no_grace(1).before(-2), "(ie, beforeMs+afterMs) must not be negative"),
    (lambda: UnlimitedWindows.of().start_on(-1), "Window start time (startMs) cannot be negative."),
    (lambda: UnlimitedWindows.of().start_on(datetime(2020, 1, 1)), "aware datetime"),
    (lambda: store_of(TimeWindows.of_size_with_no_grace(10), retention=9), "Got size=[10], grace=[0], retention=[9]"),
    (lambda: Stores.persistent_window_store("w", 1, 2), "Got size=[PT0.002S], retention=[PT0.001S]"),
    (lambda: Stores.window_store_builder(Stores.lru_map("l", 1), None, None), "is a lru store"),
    (lambda: Suppressed.until_window_closes(BufferConfig.max_records(1)), "cannot emit early"),
    (lambda: Materialized(supplier=Stores.lru_map("a", 1), store="b"), "name it once"),
]


@pytest.mark.parametrize(("misuse", "words"), REFUSED)
def test_what_is_refused(misuse: Callable[[], object], words: str) -> None:
    with pytest.raises(IllegalArgumentException) as raised:
        misuse()
    assert words in str(raised.value)


def test_the_time_without_input_is_checked() -> None:
    for windows in (
        TimeWindows.of_size_with_no_grace(1),
        SlidingWindows.of_time_difference_with_no_grace(1),
        SessionWindows.of_inactivity_gap_with_no_grace(1),
        Suppressed.until_window_closes(BufferConfig.unbounded()),
    ):
        assert windows.close_when_idle(5).idle_ms == 5
        with pytest.raises(IllegalArgumentException, match="must be larger than zero"):
            windows.close_when_idle(0)
    with pytest.raises(IllegalArgumentException, match="is for until_window_closes"):
        Suppressed.until_time_limit(5, BufferConfig.unbounded()).close_when_idle(5)


def test_emission_on_close_needs_an_end() -> None:
    grouped = StreamsBuilder().stream("in").group_by_key()
    with pytest.raises(IllegalArgumentException, match="cannot be used for UnlimitedWindows"):
        grouped.windowed_by(UnlimitedWindows.of()).emit_strategy(EmitStrategy.on_window_close())
    with pytest.raises(NullPointerException, match="windows can't be null"):
        grouped.windowed_by(None)  # type: ignore[call-overload]


def test_suppress_finds_when_windows_close() -> None:
    builder = StreamsBuilder()
    counts = builder.stream("in").group_by_key().windowed_by(SessionWindows.of_inactivity_gap_and_grace(10, 5)).count()
    counts.filter(lambda k, v: True).suppress(Suppressed.until_window_closes(BufferConfig.unbounded()))
    builder.build()
    with pytest.raises(TopologyException, match=r"Got \[root->KTABLE-SOURCE-\d+->keep\]"):
        builder.table("t").filter(lambda k, v: True, Named("keep")).suppress(
            Suppressed.until_window_closes(BufferConfig.unbounded())
        )


def test_versions_cannot_be_suppressed_or_global() -> None:
    versioned = Materialized.as_(Stores.persistent_versioned_key_value_store("v", 1000))
    builder = StreamsBuilder()
    with pytest.raises(TopologyException, match="GlobalTables cannot be versioned"):
        builder.global_table("g", versioned)
    with pytest.raises(TopologyException, match="only supported for non-versioned KTables"):
        builder.table("t", versioned).suppress(Suppressed.until_time_limit(1, BufferConfig.unbounded()))


def test_lru_stores_of_tables_have_timestamps() -> None:
    builder = StreamsBuilder()
    builder.stream("in").group_by_key().count(Materialized.as_(Stores.lru_map("lru", 5)))
    (store,) = builder.build().built().subtopologies[0].stores
    assert (store.kind, store.max_entries, store.timestamped, store.caching) == (StoreKind.LRU, 5, True, True)
    plain = Stores.key_value_store_builder(Stores.lru_map("lru", 5), None, None).with_caching_enabled().spec()
    assert (plain.kind, plain.timestamped, plain.caching) == (StoreKind.LRU, False, True)


@pytest.mark.parametrize(
    ("retention", "segment"), [(1000, 2000), (120_000, 24_000), (3_600_000, 300_000), (86_400_000, 3_600_000)]
)
def test_segments_of_versions(retention: int, segment: int) -> None:
    assert Stores.persistent_versioned_key_value_store("v", retention).segment_ms == segment
