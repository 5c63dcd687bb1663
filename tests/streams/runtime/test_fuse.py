"""The compiler: what is written into what, where it cuts, and what the text may hold."""

from __future__ import annotations

import re
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import StreamsException
from streams.operators import stateless
from streams.operators.aggregate import stream_count
from streams.operators.base import Call
from streams.operators.branch import branch
from streams.topology.node import Node
from tests.streams.runtime.walking import LONGS, RAW, STRING, Walked, sink, source, step, table


def chain(make: Any, length: int, first: str = "in") -> list[Node]:
    names = [first, *(f"node-{at}" for at in range(length))]
    return [step(names[at + 1], names[at], make(at)) for at in range(length)]


def deepest(text: str) -> int:
    return max((len(line) - len(line.lstrip())) // 4 for line in text.splitlines())


def test_long_chains_are_cut_by_indentation() -> None:
    nodes = [source(), *chain(lambda at: stateless.map_values(Call(lambda v: v + ".", False)), 400), sink("node-399")]
    walk = Walked(nodes)
    assert walk.pipe("in", ("k", "v", 1)) == [(b"k", b"v" + b"." * 400, 1)]
    assert "cut_" in walk.task.graph.text
    assert deepest(walk.task.graph.text) < 99


def test_long_chains_of_nodes_that_do_not_indent_are_cut_too() -> None:
    nodes = [source(), *chain(lambda at: stateless.pass_through(), 3000), sink("node-2999")]
    assert Walked(nodes).pipe("in", ("k", "v", 1)) == [(b"k", b"v", 1)]


def test_nested_loops_are_cut() -> None:
    make = lambda at: stateless.flat_map_values(Call(lambda v: [v, v] if at % 10 == 0 else [v], False))  # noqa: E731
    walk = Walked([source(), *chain(make, 40), sink("node-39")])
    assert walk.pipe("in", ("k", "v", 1)) == [(b"k", b"v", 1)] * 16


def test_children_come_in_the_order_they_were_added_depth_first() -> None:
    order: list[str] = []
    see = lambda name: stateless.peek(lambda k, v: order.append(f"{name}:{v}"))  # noqa: E731
    nodes = [
        source(),
        step("b", "in", see("b")),
        step("b1", "b", see("b1")),
        step("a", "in", see("a")),
        step("b2", "b", see("b2")),
    ]
    Walked(nodes).pipe("in", ("k", "1", 1), ("k", "2", 2))
    assert order == [f"{name}:{v}" for v in "12" for name in ("b", "b1", "b2", "a")]


def test_a_node_with_several_parents_is_one_function() -> None:
    seen: list[object] = []
    nodes = [
        source(),
        source("other"),
        step("up", "in", stateless.map_values(Call(str.upper, False))),
        step("merge", "in up other", stateless.pass_through()),
        step("seen", "merge", stateless.peek(lambda k, v: seen.append(v))),
        sink("seen"),
    ]
    walk = Walked(nodes)
    out = walk.pipe("in", ("k", "v", 1)) + walk.pipe("other", ("k", "w", 2))
    assert [row[1] for row in out] == [b"V", b"v", b"w"] or [row[1] for row in out] == [b"v", b"V", b"w"]
    assert len(seen) == 3
    assert len(re.findall(r"def merge_\d+\(", walk.task.graph.text)) == 1


def test_key_bytes_are_carried_to_stores_and_sinks_while_the_key_is_what_was_read() -> None:
    walk = Walked(
        [source(), step("count", "in", stream_count("store"), "store"), sink("count", value=LONGS)], [table()]
    )
    assert not re.search(r"encode_\d+\(key", walk.task.graph.text)
    changed = Walked(
        [
            source(),
            step("key", "in", stateless.select_key(lambda k, v: v)),
            step("count", "key", stream_count("store"), "store"),
            sink("count", value=LONGS),
        ],
        [table()],
    )
    assert re.search(r"encode_\d+\(key", changed.task.graph.text)


def test_a_flushed_key_is_decoded_only_if_something_uses_it() -> None:
    def flushed(*more: Node) -> str:
        nodes = [source(), step("count", "in", stream_count("store"), "store"), *more]
        walk = Walked(nodes, [table(caching=True)])
        walk.pipe("in", ("k", "v", 1))
        walk.task.flush()
        assert walk.sent() == [(b"k", b"\0" * 7 + b"\x01", 1)]
        return walk.task.graph.text

    assert not re.search(r"= decode_\d+\(raw\)", flushed(sink("count", value=LONGS)))
    used = flushed(step("seen", "count", stateless.peek(lambda k, v: None)), sink("seen", value=LONGS))
    assert re.search(r"= decode_\d+\(raw\)", used)


def test_bytes_are_not_decoded_at_all() -> None:
    walk = Walked([source(key=RAW, value=RAW), sink("in", key=RAW, value=RAW)])
    assert "try" not in walk.task.graph.text
    assert walk.pipe("in", ("k", b"\xff", 1), (None, None, 2)) == [(b"k", b"\xff", 1), (None, None, 2)]


def test_text_that_nobody_reads_is_not_decoded_but_held_against_utf_8() -> None:
    walk = Walked([source(), sink("in")])
    assert not re.search(r"= .*decode_\d+\(", walk.task.graph.text)
    untouched = [("k", "v", 1), ("ключ", "слово", 2), (None, None, 3), ("", "", 4)]
    texts = [(b"k", b"v", 1), ("ключ".encode(), "слово".encode(), 2), (None, None, 3), (b"", b"", 4)]
    assert walk.pipe("in", *untouched) == texts


def test_text_that_nobody_reads_comes_out_as_java_writes_it_where_it_is_malformed() -> None:
    walk = Walked([source(), sink("in")])
    assert walk.pipe("in", (b"\xff", b"a\xffb", 1)) == [("\ufffd".encode(), "a\ufffdb".encode(), 1)]


def test_the_handler_of_an_error_gets_the_key_that_nobody_else_reads() -> None:
    walk = Walked([source(), step("f", "in", stateless.map_values(Call(lambda v: 1 // 0, False))), sink("f")])
    assert re.search(r"guard_\d+\(error_\d+, \(None if kb is None else decode_\d+\(kb\)\)", walk.task.graph.text)


def test_text_that_became_its_own_key_is_encoded_once() -> None:
    walk = Walked([source(), step("key", "in", stateless.select_key(lambda k, v: v)), sink("key")])
    assert re.search(r"kb_\d+ = vb if value_\d+ is key_\d+ else None if", walk.task.graph.text)
    rows = [("k", "слово", 1), ("k", None, 2), (None, "v", 3)]
    assert walk.pipe("in", *rows) == [("слово".encode(), "слово".encode(), 1), (None, None, 2), (b"v", b"v", 3)]
    other = Walked([source(), step("key", "in", stateless.select_key(lambda k, v: v + "!")), sink("key")])
    assert other.pipe("in", ("k", "v", 1)) == [(b"v!", b"v", 1)]
    split = step("split", "in", stateless.flat_map_values(Call(str.split, False)))
    words = Walked([source(), split, step("key", "split", stateless.select_key(lambda k, v: v)), sink("key")])
    assert re.search(r"vb_\d+ = kb_\d+ if value_\d+ is key_\d+ else None if", words.task.graph.text)
    assert words.pipe("in", ("k", "a b", 1)) == [(b"a", b"a", 1), (b"b", b"b", 1)]


def test_a_value_that_was_not_changed_is_not_encoded_again() -> None:
    nodes = [source(), step("f", "in", stateless.filter_(lambda k, v: v != "no")), sink("f")]
    walk = Walked(nodes)
    assert "encode" not in walk.task.graph.text
    assert walk.pipe("in", ("k", "yes", 1), ("k", "no", 2)) == [(b"k", b"yes", 1)]


def test_nothing_of_the_users_enters_the_text_but_the_comments() -> None:
    name = "x.y-z_1"
    nodes = [
        source("top.ic-1"),
        step(name, "top.ic-1", stream_count("sto.re"), "sto.re"),
        sink(name, topic="ou.t", value=LONGS, name="si.nk"),
    ]
    text = Walked(nodes, [table("sto.re")]).task.graph.text
    code = "\n".join(line.split("  #")[0] for line in text.splitlines())
    for word in ("top.ic", "x.y", "sto.re", "ou.t", "si.nk"):
        assert word not in code
    assert name in text


def test_a_traceback_shows_the_step_and_its_node() -> None:
    def fail(value: str) -> str:
        raise ValueError("no")

    nodes = [source(), step("guilty", "in", stateless.map_values(Call(fail, False))), sink("guilty")]
    with pytest.raises(StreamsException) as caught:
        Walked(nodes).pipe("in", ("k", "v", 1))
    cause = caught.value.__cause__
    assert cause is not None
    shown = "".join(traceback.format_tb(cause.__traceback__))
    assert "# guilty" in shown


def test_headers_have_a_variant_of_their_own() -> None:
    walk = Walked([source(), sink("in")], partitions={"out": 3})
    assert "def source_0(rows)" in walk.task.graph.text
    assert "def source_0h(rows)" in walk.task.graph.text
    plain = walk.task.graph.text.split("def source_0h")[0]
    assert "headers" not in plain


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_graph_gives_what_a_walk_by_hand_gives(data: st.DataObject) -> None:
    """Graphs of steps that note who was reached, against depth-first recursion over the same graph."""
    count = data.draw(st.integers(1, 14))
    names = ["in"]
    nodes: list[Node] = [source()]
    children: dict[str, list[str]] = {"in": []}
    kinds: dict[str, str] = {}
    seen: list[tuple[str, str]] = []
    for at in range(count):
        name = f"n{at}"
        parents = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        kinds[name] = data.draw(st.sampled_from(["note", "drop odd", "twice"]))
        nodes.append(step(name, " ".join(parents), _noting(kinds[name], name, seen)))
        for parent in parents:
            children[parent].append(name)
        children[name] = []
        names.append(name)
    expected: list[tuple[str, str]] = []

    def walk(node: str, value: str) -> None:
        for child in children[node]:
            expected.append((child, value))
            kind = kinds[child]
            if kind == "drop odd" and len(value) % 2:
                continue
            for each in [value, value + "'"] if kind == "twice" else [value]:
                walk(child, each)

    rows = [("k", "v", 1), ("k", "vv", 2)]
    for row in rows:
        walk("in", row[1])
    if len(expected) < 3000:
        Walked(nodes).pipe("in", *rows)
        assert seen == expected


def _noting(kind: str, name: str, seen: list[tuple[str, str]]) -> Any:
    def fn(key: object, value: Any) -> list[tuple[object, object]]:
        seen.append((name, value))
        if kind == "drop odd" and len(value) % 2:
            return []
        return [(key, value), (key, value + "'")] if kind == "twice" else [(key, value)]

    return stateless.flat_map(fn)


def test_branches_and_merges_below_each_other() -> None:
    nodes = [
        source(),
        step("split", "in", branch([lambda k, v: v == "a", None], ["left", "right"])),
        step("left", "split", stateless.map_values(Call(lambda v: v + "l", False))),
        step("right", "split", stateless.map_values(Call(lambda v: v + "r", False))),
        step("merge", "left right", stateless.pass_through()),
        step("again", "merge", branch([lambda k, v: v.endswith("l")], ["only"])),
        sink("again", name="only", value=STRING),
    ]
    assert Walked(nodes).pipe("in", ("k", "a", 1), ("k", "b", 2)) == [(b"k", b"al", 1)]
