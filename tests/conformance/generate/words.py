"""Functions of SPEC.md section 4, drawn by the types they take and give."""

from __future__ import annotations

from typing import Any

from tests.conformance.generate.draw import Draw
from tests.conformance.generate.flow import Serde

Fn = str | list[Any]
PREFIXES = ["a", "b", "1", "k", "(", "-", "Z"]
SPANS = [1, 5, 10, 50, 100, 1000]


def mappers(draw: Draw, key: Serde, value: str) -> dict[str, list[Fn]]:
    """All mappers that take these types, by the type of the result."""
    n, prefix = draw.between(2, 5), draw.pick(PREFIXES)
    found: dict[str, list[Fn]] = {
        "long": ["length", ["const", draw.between(-3, 9)], "key_length"],
        "string": [
            "text",
            ["prefix", draw.pick(["p", "é", ""])],
            ["suffix", "s"],
            ["const", "c"],
            "key_value_text",
            ["value_prefix", draw.between(0, 3)],
            "before_colon",
            "after_colon",
            ["length_mod_text", n],
            ["key_prefix", draw.between(0, 3)],
            "key_text",
        ],
        "json": [["const", [1, "x", None]]],
    }
    found[value] += ["value", ["null_if_prefix", prefix]]
    if draw.chance(0.06):
        found[value].append(["raise_if_prefix", prefix])
    if value == "long":
        found["long"] += [["add", draw.between(-5, 5)], ["mul", draw.between(-2, 3)], "negate", ["mod", n]]
        found["long"].append("null_if_even")
        found["string"] += [["value_mod_text", n], ["value_mod_text_or_null", n]]
    if value == "string":
        found["string"].append("upper")
        found["long"].append("parse_long")
    if isinstance(key, list):
        found["long"] += ["window_start", "window_length"]
        found[key[1]].append("inner_key")
    else:
        found[key].append("key")
        if key == "string":
            found["string"].append("key_upper")
    return found


def mapper(draw: Draw, key: Serde, value: str, to: str) -> Fn:
    """A mapper to type `to`; one that looks at the value or key more often than a constant."""
    choices = mappers(draw, key, value)[to]
    if isinstance(key, list) and to == "long" and draw.chance(0.4):
        return draw.pick(["window_start", "window_length"])
    found = draw.pick(choices)
    return draw.pick(choices) if isinstance(found, list) and found[0] == "const" else found


def key_mapper(draw: Draw, key: Serde, value: str, to: str) -> Fn:
    """A mapper to a new key: few different keys, sometimes null."""
    if isinstance(key, list) and key[1] == to and draw.chance(0.4):
        return "inner_key"
    if to == "string" and draw.chance(0.6):
        n = draw.between(2, 4)
        few: list[Fn] = [["length_mod_text", n], ["key_prefix", 1], ["value_prefix", 1], "before_colon"]
        if value == "long":
            few += [["value_mod_text", n], ["value_mod_text_or_null", n]]
        return draw.pick(few)
    if to == "long" and value == "long" and draw.chance(0.5):
        return ["mod", draw.between(2, 4)]
    return mapper(draw, key, value, to)


def predicate(draw: Draw, value: str) -> Fn:
    n = draw.between(2, 4)
    choices: list[Fn] = ["always", "never", "value_not_null", "key_not_null"]
    choices += [["value_starts_with", draw.pick(PREFIXES)], ["value_contains", draw.pick(["a", " ", "1", ":"])]]
    choices += [["value_length_gt", draw.between(0, 4)], ["key_in", "alice", "bob", "1"]]
    choices += [["key_hash_is", n, draw.between(0, n - 1)]] * 2
    if value == "long":
        choices += ["value_is_even", ["value_gt", draw.between(-3, 20)]] * 2
        choices += [["value_mod_is", n, draw.between(0, n - 1)]] * 2
    return draw.pick(choices)


def flat_values(draw: Draw, value: str) -> tuple[Fn, str]:
    """A flat mapper to values, and their type."""
    choices: list[tuple[Fn, str]] = [("split_words", "string"), (["repeat", draw.between(0, 3)], value)]
    if value == "long":
        choices += [("halves", "long"), (["countdown", draw.between(2, 4)], "long")]
    return draw.pick(choices)


def flat_pairs(draw: Draw, key: Serde, value: str) -> tuple[Fn, Serde, str]:
    """A flat mapper to pairs, and the types of their keys and values."""
    choices: list[tuple[Fn, Serde, str]] = [
        ("words_as_keys", "string", "long"),
        (["fan_keys", draw.between(0, 3)], "string", value),
    ]
    if value == "long":
        choices.append((["same_key_steps", draw.between(1, 3)], key, "long"))
    return draw.pick(choices)


def reducer(draw: Draw, value: str) -> Fn:
    choices: list[Fn] = ["last", "first"]
    if value == "long":
        choices += ["sum", "subtract", "count_up", "count_down", "concat_length", "uncount_length", "max", "min"]
        choices.append(["sum_null_if_multiple", draw.between(2, 4)])
    if value == "string":
        choices += [["concat", draw.pick(["", "-"])], ["keyed_concat", ";"]]
    return draw.pick(choices)


def aggregator(draw: Draw, value: str, to: str) -> Fn:
    """An aggregator of values into a result of type `to`."""
    if to == "long":
        choices: list[Fn] = ["count_up", "count_down", "concat_length", "uncount_length"]
        if value == "long":
            choices += ["sum", "subtract", "max", "min", "last", "first"]
            choices += [["sum_null_if_multiple", draw.between(2, 4)]] * 2
        return draw.pick(choices)
    if to == "string":
        choices = [["concat", draw.pick(["", "-", "é"])], ["keyed_concat", ";"]]
        return draw.pick([*choices, "last", "first"] if value == "string" else choices)
    return draw.pick(["append", "append", "remove_first"])


def initial(draw: Draw, to: str) -> Any:
    return draw.pick({"long": [0, 0, None, 5], "string": ["", None, "i"], "json": [[], None, [7]]}[to])


def merger(draw: Draw, to: str) -> Fn:
    return draw.pick({"long": ["sum", "max"], "string": [["concat", "+"]], "json": ["append"]}[to])


def adding(draw: Draw, value: str, to: str) -> tuple[Fn, Fn]:
    """An adder and its subtractor: mostly one that undoes it, sometimes one that gives null."""
    n = draw.between(2, 4)
    if to == "json":
        return "append", "remove_first"
    if to == "string":
        return draw.pick([(["concat", "+"], ["concat", "-"]), (["keyed_concat", "+"], ["keyed_concat", "-"])])
    choices: list[tuple[Fn, Fn]] = [("count_up", "count_down"), ("concat_length", "uncount_length")]
    if value == "long":
        choices += [("sum", "subtract"), ("last", "first"), ("max", "min"), (["sum_null_if_multiple", n], "subtract")]
        choices.append(("sum", ["sum_null_if_multiple", n]))
    return draw.pick(choices)


def reducing(draw: Draw, value: str) -> tuple[Fn, Fn]:
    if value == "long":
        return adding(draw, "long", "long")
    if value == "string":
        return draw.pick([adding(draw, value, value), ("last", "first")])
    return draw.pick([("last", "first"), ("last", "last")])


def joiner(draw: Draw, left: str, right: str) -> tuple[Fn, str]:
    """A joiner, and the type of what it gives."""
    choices: list[tuple[Fn, str]] = [("pair", "string"), ("keyed", "string"), ("list", "json")]
    choices += [("left", left), ("right", right)]
    if left == right:
        choices.append(("right_or_left", left))
    if left == right == "long":
        choices += [("sum", "long"), ("sum", "long"), ("null_if_odd_sum", "long")]
    return draw.pick(choices)
