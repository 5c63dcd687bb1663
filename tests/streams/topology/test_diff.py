"""What a change of a script does to state, topics and offsets."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from streams import Grouped, Materialized, Serdes, StreamsBuilder, TimeWindows
from streams.errors import IllegalArgumentException
from streams.topology.tools.consequences import consequences
from streams.topology.tools.diff import Change, Diff, Fate, diff
from streams.topology.tools.outline import Outline, outline
from streams.topology.tools.outline_json import from_json, to_json
from tests.goldens import describe

S = Serdes.string()
Build = Callable[[StreamsBuilder], object]


def version(build: Build, application_id: str = "app", **config: object) -> Outline:
    builder = StreamsBuilder(config)
    build(builder)
    return outline(builder.build(config).built(config), application_id)


def lines(builder: StreamsBuilder) -> Any:
    return builder.stream("lines", key_serde=S, value_serde=S)


def fates(rows: tuple[Change, ...]) -> list[tuple[str, str | None, str | None]]:
    return [(row.fate.value, row.old, row.new) for row in rows]


def number(n: int) -> str:
    return f"KSTREAM-AGGREGATE-STATE-STORE-{n:010d}"


def test_nothing_changes_where_nothing_changed() -> None:
    """Every recorded topology against itself, through the saved form."""
    for case in describe.load(None):
        if "error" in case:
            continue
        settings = describe.settings_of(case)
        found = outline(describe.topology_of(case, settings).built(settings), "app")
        again = from_json(to_json(found))
        assert again == found
        same = diff(found, again)
        rows = (*same.subtopologies, *same.stores, *same.topics, *same.offsets)
        assert {(row.fate, row.old == row.new, row.note) for row in rows} <= {(Fate.KEPT, True, "")}, case["name"]
        assert consequences(same) == ("Everything that is there is found again.",)


def test_an_operator_put_in_before_renames_what_has_no_name() -> None:
    old = version(lambda b: lines(b).group_by_key().count())
    new = version(lambda b: lines(b).filter(lambda k, v: True).group_by_key().count())
    found = diff(old, new)
    assert fates(found.stores) == [("renamed", number(1), number(2))]
    assert fates(found.topics) == [("renamed", f"{number(1)}-changelog", f"{number(2)}-changelog")]
    assert fates(found.offsets) == [("kept", "lines", "lines")]
    assert found.harms()
    said = " ".join(consequences(found))
    assert f"State of {number(1)} is lost under the new name {number(2)}" in said
    assert f'Materialized.as_("{number(1)}")' in said


def test_the_advice_keeps_the_state() -> None:
    old = version(lambda b: lines(b).group_by_key().count())
    named = Materialized.as_(number(1))
    new = version(lambda b: lines(b).filter(lambda k, v: True).group_by_key().count(named))
    found = diff(old, new)
    assert fates(found.stores) == [("kept", number(1), number(1))]
    assert not found.harms()


def test_a_named_store_stays() -> None:
    old = version(lambda b: lines(b).group_by(lambda k, v: v).count(store="counts"))
    new = version(lambda b: lines(b).map_values(str.lower).group_by(lambda k, v: v).count(store="counts"))
    found = diff(old, new)
    assert not found.harms()
    assert {row.fate for row in (*found.stores, *found.topics, *found.offsets)} == {Fate.KEPT}
    assert "no task of a differing sub-topology moves" in " ".join(consequences(found))


def test_a_number_that_another_operator_gets_is_a_mistake_to_be_told() -> None:
    """Without the first count, the second has its number, and finds its state."""

    def both(builder: StreamsBuilder) -> None:
        lines(builder).group_by_key().count()
        builder.stream("words", key_serde=S, value_serde=S).group_by_key().count()

    def second(builder: StreamsBuilder) -> None:
        builder.stream("words", key_serde=S, value_serde=S).group_by_key().count()

    found = diff(version(both), version(second))
    assert fates(found.stores) == [("orphaned", number(1), None), ("mistaken", number(4), number(1))]
    assert fates(found.offsets) == [("orphaned", "lines", None), ("kept", "words", "words")]
    assert fates(found.subtopologies) == [("orphaned", "0", None), ("renamed", "1", "0")]
    assert "Wrong results come silently" in consequences(found)[0]


def test_counts_that_look_alike_keep_their_order() -> None:
    def counts(before: int) -> Build:
        def build(builder: StreamsBuilder) -> None:
            source = lines(builder)
            for _ in range(before):
                source = source.peek(lambda k, v: None)
            source.group_by_key().count()
            source.group_by_key().count()

        return build

    found = diff(version(counts(0)), version(counts(2)))
    assert fates(found.stores) == [("mistaken", number(1), number(3)), ("renamed", number(3), number(5))]


def test_repartition_topics_and_their_offsets() -> None:
    old = version(lambda b: lines(b).group_by(lambda k, v: v).count(store="c"))
    new = version(lambda b: lines(b).group_by(lambda k, v: v, Grouped.as_("by-line")).count(store="c"))
    found = diff(old, new)
    assert ("renamed", "c-repartition", "by-line-repartition") in fates(found.topics)
    assert ("renamed", "c-repartition", "by-line-repartition") in fates(found.offsets)
    assert "Records in c-repartition that are not processed yet are never read" in " ".join(consequences(found))


def test_a_store_that_no_longer_fits_its_name() -> None:
    def windows(seconds: int) -> Build:
        size = TimeWindows.of_size_with_no_grace(timedelta(seconds=seconds))
        return lambda b: lines(b).group_by_key().windowed_by(size).count(store="c")

    plain = version(lambda b: lines(b).group_by_key().count(store="c"))
    unlogged = version(lambda b: lines(b).group_by_key().count(Materialized.as_("c").with_logging_disabled()))
    for old, new, words in (
        (plain, version(windows(5)), "laid out otherwise"),
        (version(windows(5)), version(windows(7)), "5000 ms long"),
        (unlogged, plain, "begins empty"),
    ):
        found = diff(old, new)
        assert [row.fate for row in found.stores] == [Fate.CHANGED]
        assert words in found.stores[0].note
        assert found.harms()


def test_a_changelog_that_is_given_up_stays_behind() -> None:
    unlogged = version(lambda b: lines(b).group_by_key().count(Materialized.as_("c").with_logging_disabled()))
    found = diff(version(lambda b: lines(b).group_by_key().count(store="c")), unlogged)
    assert [(row.fate, row.note[:14]) for row in found.stores] == [(Fate.KEPT, "logged no more")]
    assert fates(found.topics) == [("orphaned", "c-changelog", None)]


def test_a_table_that_turns_to_its_source_topic_and_back() -> None:
    def table(builder: StreamsBuilder) -> None:
        builder.table("in", Materialized.as_("t"), key_serde=S, value_serde=S).to_stream().to("out")

    plain, reusing = version(table), version(table, **{"topology.optimization": "all"})
    found = diff(plain, reusing)
    assert [(row.fate, row.note) for row in found.stores] == [
        (Fate.KEPT, "restored from its source topic in from now on")
    ]
    assert "Store t is kept: restored from its source topic in from now on." in consequences(found)
    assert [row.fate for row in diff(reusing, plain).stores] == [Fate.CHANGED]


def test_state_without_changelog_is_lost_with_its_task_number() -> None:
    unlogged = Materialized.as_("c").with_logging_disabled()

    def alone(builder: StreamsBuilder) -> None:
        lines(builder).group_by_key().count(unlogged)

    def after(builder: StreamsBuilder) -> None:
        builder.stream("first").to("out")
        lines(builder).group_by_key().count(unlogged)

    found = diff(version(alone), version(after))
    assert fates(found.subtopologies) == [("renamed", "0", "1"), ("new", None, "0")]
    assert found.harms()
    assert "State without a changelog is lost with the old task directories: c." in consequences(found)


def test_other_settings_of_topics_are_told() -> None:
    build: Build = lambda b: lines(b).group_by_key().count(store="c")  # noqa: E731
    found = diff(version(build), version(build, **{"topic.segment.ms": "7"}))
    assert not found.harms()
    assert "segment.ms: not set → 7" in found.topics[0].note
    fixed: Build = lambda b: lines(b).repartition(name="r", number_of_partitions=4).to("out")  # noqa: E731
    wider: Build = lambda b: lines(b).repartition(name="r", number_of_partitions=6).to("out")  # noqa: E731
    found = diff(version(fixed), version(wider))
    assert found.harms()
    assert "partitions: 4 → 6" in " ".join(consequences(found))


def test_another_application_id_is_another_application() -> None:
    build: Build = lambda b: lines(b).group_by_key().count(store="c")  # noqa: E731
    found = diff(version(build), version(build, "other"))
    assert fates(found.stores) == [("orphaned", "c", None), ("new", None, "c")]
    assert consequences(found)[0].startswith("application.id changes from app to other")
    assert found.harms()


def test_nothing_at_all_is_no_harm() -> None:
    nothing = Outline("app", ())
    assert diff(nothing, nothing) == Diff(("app", "app"), (), (), (), ())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no object"),
        ('{"format": 9}', "has format 9"),
        ('{"format": 1}', "`application_id` of the document is None"),
        ('{"format": 1, "application_id": "a", "subtopologies": [{"id": "x"}]}', "entry 0 of `subtopologies` is 'x'"),
        ('{"format": 1, "application_id": "a", "subtopologies": 3}', "a list is expected"),
    ],
)
def test_what_is_no_saved_description(text: str, words: str) -> None:
    with pytest.raises(IllegalArgumentException, match=re.escape(words)):
        from_json(text)
