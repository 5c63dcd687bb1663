"""Pictures of topologies: all that is there is in them, and nothing covers anything."""

from __future__ import annotations

import re
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import JoinWindows, Serdes, StreamsBuilder, Topology
from streams.topology.tools.drawing import Drawing, Look, drawing
from streams.topology.tools.graphviz import graphviz
from streams.topology.tools.layered_layout import Edge, Size, layered, nearest
from streams.topology.tools.mermaid import mermaid
from streams.topology.tools.outline import outline
from streams.topology.tools.text_tree import text_tree

S = Serdes.string()


def joined() -> Topology:
    """Two streams, a table and a global table, one repartitioning, several sinks."""
    builder = StreamsBuilder()
    orders = builder.stream("orders", key_serde=S, value_serde=S)
    payments = builder.stream("payments", key_serde=S, value_serde=S)
    customers = builder.table("customers", key_serde=S, value_serde=S)
    countries = builder.global_table("countries", key_serde=S, value_serde=S)
    windows = JoinWindows.of_time_difference_with_no_grace(timedelta(seconds=5))
    paid = orders.map(lambda k, v: (v, k)).join(payments, lambda x, y: x, windows).left_join(customers, lambda x, y: x)
    paid.join(countries, lambda k, v: k, lambda x, y: x).group_by_key().count(store="paid").to_stream().to("counts")
    paid.to("all")
    paid.to(lambda key, value, context: "x")
    builder.stream(re.compile("log-.*")).to("logs")
    return builder.build()


def drawn(topology: Topology) -> Drawing:
    return drawing(outline(topology.built({}), "app"))


NAMES = {"orders", "payments", "customers", "countries", "counts", "all", "logs", "topics like log-.*"}


def test_a_drawing_has_every_node_topic_and_store_once() -> None:
    picture = drawn(joined())
    described = joined().describe()
    nodes = {node.name for sub in (*described.subtopologies, *described.global_stores) for node in sub.nodes}
    seen = [figure.name for figure in picture.figures if figure.look in (Look.SOURCE, Look.PROCESSOR, Look.SINK)]
    assert sorted(seen) == sorted(nodes)
    topics = {figure.name for figure in picture.figures if figure.look is Look.TOPIC}
    assert topics >= NAMES
    assert [f.name for f in picture.figures if f.look is Look.INTERNAL_TOPIC] == ["KSTREAM-MAP-0000000008-repartition"]
    stores = {figure.name: figure.note for figure in picture.figures if figure.look is Look.STORE}
    assert stores["paid"] == "timestamped key-value, on disk, logged"
    assert stores["countries-STATE-STORE-0000000005"].endswith("changelog countries")
    assert [box.title for box in picture.boxes] == [
        "Sub-topology 0",
        "Sub-topology 1",
        "Sub-topology 3",
        "Global store (on every instance)",
    ]


def test_arrows_are_those_of_the_description() -> None:
    picture = drawn(joined())
    names = {figure.id: figure.name for figure in picture.figures}
    described = joined().describe()
    wanted = {
        (node.name, child)
        for sub in (*described.subtopologies, *described.global_stores)
        for node in sub.nodes
        for child in node.successors
    }
    looks = {figure.id: figure.look for figure in picture.figures}
    inner = (Look.SOURCE, Look.PROCESSOR, Look.SINK)
    found = {
        (names[a.start], names[a.end]) for a in picture.arrows if looks[a.start] in inner and looks[a.end] in inner
    }
    assert found == wanted


def within(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        one[0] >= other[0]
        and one[1] >= other[1]
        and one[0] + one[2] <= other[0] + other[2]
        and one[1] + one[3] <= other[1] + other[3]
    )


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        one[0] + one[2] <= other[0]
        or other[0] + other[2] <= one[0]
        or one[1] + one[3] <= other[1]
        or other[1] + other[3] <= one[1]
    )


def test_what_a_language_takes_for_its_own_is_escaped() -> None:
    topology = StreamsBuilder()
    topology.stream(re.compile(r'<a>"&\\d[|]{2}')).to("out")
    picture = drawn(topology.build())
    assert r"topics like <a>\"&\\\\d[|]{2}" in graphviz(picture)
    label = next(line for line in mermaid(picture).splitlines() if "topics like" in line)
    assert label.count('"') == 2
    assert "#60;a#62;#34;#38;#92;#92;d#91;#124;#93;#123;2#125;" in label


def test_circles_are_drawn() -> None:
    """A sub-topology that reads what it writes, and two that feed each other."""
    builder = StreamsBuilder()
    builder.stream("a").to("a")
    builder.stream("b").to("c")
    builder.stream("c").to("b")
    picture = drawn(builder.build())
    assert text_tree(picture).count("(b)") == 2


def test_text_draws_a_node_with_two_parents_once() -> None:
    lines = text_tree(drawn(joined())).splitlines()
    merges = [line for line in lines if "KSTREAM-MERGE" in line]
    assert len(merges) == 2
    assert "(see above)" in merges[1]
    assert any(line.endswith("[paid]") for line in lines)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25), st.integers(1, 10))
def test_any_graph_is_laid_out_without_overlap(pairs: list[tuple[int, int]], count: int) -> None:
    sizes = {f"n{i}": Size(20 + 13 * i, 10 + 5 * (i % 3)) for i in range(count)}
    edges = [Edge(f"n{a % count}", f"n{b % count}") for a, b in pairs]
    found = layered(sizes, edges)
    places = [
        (point.x - sizes[name].width / 2, point.y - sizes[name].height / 2, *sizes[name])
        for name, point in found.centres.items()
    ]
    page = (-0.001, -0.001, found.size.width + 0.002, found.size.height + 0.002)
    for i, one in enumerate(places):
        assert within(one, page)
        assert all(apart(one, other) for other in places[i + 1 :])
    assert set(found.centres) == set(sizes)


def test_without_circles_every_edge_goes_down() -> None:
    names = "abcdef"
    edges = [Edge(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    found = layered(dict.fromkeys(names, Size(10, 10)), edges)
    assert all(found.centres[a].y < found.centres[b].y for a, b, *_ in edges)


def test_a_crossing_that_need_not_be_is_undone() -> None:
    found = layered(dict.fromkeys("abxy", Size(10, 10)), [Edge("a", "y"), Edge("b", "x")])
    a, b, x, y = (found.centres[name].x for name in "abxy")
    assert (a < b) == (y < x)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-500, 500), st.floats(1, 90)), min_size=1, max_size=8))
def test_places_keep_their_distance_and_no_shift_is_better(rows: list[tuple[float, float]]) -> None:
    wanted, steps = [want for want, _ in rows], [step for _, step in rows[1:]]
    found = nearest(wanted, steps)
    assert all(b - a >= step - 1e-6 for a, b, step in zip(found, found[1:], steps, strict=False))
    cost = sum((a - b) ** 2 for a, b in zip(found, wanted, strict=True))
    for i in range(len(found)):
        for moved in (found[:i] + [place + d for place in found[i:]] for d in (0.5, -0.5)):
            if all(b - a >= step for a, b, step in zip(moved, moved[1:], steps, strict=False)):
                assert sum((a - b) ** 2 for a, b in zip(moved, wanted, strict=True)) >= cost - 1e-6
