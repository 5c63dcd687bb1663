"""The functions of SPEC.md section 4: a name, or a list of a name and its arguments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from streams import errors
from streams.record import Windowed

Spec = str | list[Any]


def text(value: Any) -> str:
    """`text(x)` of the specification."""
    if value is None:
        return "null"
    if isinstance(value, Windowed):
        return f"{text(value.key)}@{value.window.start}/{value.window.end}"
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def parts(spec: Spec) -> tuple[str, list[Any]]:
    return (spec, []) if isinstance(spec, str) else (spec[0], list(spec[1:]))


def some(fn: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """A mapper of the value that gives None for None."""
    return lambda k, v: None if v is None else fn(v)


def some_key(fn: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda k, v: None if k is None else fn(k)


def upper(value: str) -> str:
    return "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in value)


def before_colon(value: Any) -> str | None:
    at = text(value).find(":")
    return text(value)[:at] if at > 0 else None


def after_colon(value: Any) -> str:
    at = text(value).find(":")
    return text(value)[at + 1 :]


def raise_if(prefix: str, value: Any) -> Any:
    if value is not None and text(value).startswith(prefix):
        raise errors.IllegalStateException("refused " + text(value))
    return value


MAPPERS: dict[str, Callable[..., Callable[[Any, Any], Any]]] = {
    "value": lambda: lambda k, v: v,
    "key": lambda: lambda k, v: k,
    "add": lambda n: some(lambda v: v + n),
    "mul": lambda n: some(lambda v: v * n),
    "negate": lambda: some(lambda v: -v),
    "mod": lambda n: some(lambda v: v % n),
    "length": lambda: some(lambda v: len(text(v))),
    "text": lambda: some(text),
    "upper": lambda: some(lambda v: upper(text(v))),
    "prefix": lambda s: some(lambda v: s + text(v)),
    "suffix": lambda s: some(lambda v: text(v) + s),
    "parse_long": lambda: some(lambda v: int(v) if re.fullmatch(r"-?[0-9]{1,15}", text(v)) else None),
    "null_if_even": lambda: some(lambda v: None if v % 2 == 0 else v),
    "null_if_prefix": lambda s: some(lambda v: None if text(v).startswith(s) else v),
    "const": lambda c: lambda k, v: c,
    "key_value_text": lambda: lambda k, v: text(k) + ":" + text(v),
    "value_prefix": lambda n: some(lambda v: text(v)[:n]),
    "before_colon": lambda: some(before_colon),
    "after_colon": lambda: some(after_colon),
    "value_mod_text": lambda n: some(lambda v: str(v % n)),
    "value_mod_text_or_null": lambda n: some(lambda v: str(v % n) if v % n else None),
    "length_mod_text": lambda n: some(lambda v: str(len(text(v)) % n)),
    "key_upper": lambda: some_key(lambda k: upper(text(k))),
    "key_prefix": lambda n: some_key(lambda k: text(k)[:n]),
    "key_text": lambda: some_key(text),
    "key_length": lambda: some_key(lambda k: len(text(k))),
    "inner_key": lambda: some_key(lambda k: k.key),
    "window_start": lambda: some_key(lambda k: k.window.start),
    "window_length": lambda: some_key(lambda k: k.window.end - k.window.start),
    "raise_if_prefix": lambda s: lambda k, v: raise_if(s, v),
}


def known(fn: Callable[[Any], bool]) -> Callable[[Any, Any], bool]:
    """A predicate of the value that is false for None."""
    return lambda k, v: v is not None and fn(v)


PREDICATES: dict[str, Callable[..., Callable[[Any, Any], bool]]] = {
    "always": lambda: lambda k, v: True,
    "never": lambda: lambda k, v: False,
    "value_is_even": lambda: known(lambda v: v % 2 == 0),
    "value_gt": lambda n: known(lambda v: v > n),
    "value_mod_is": lambda n, r: known(lambda v: v % n == r),
    "value_not_null": lambda: lambda k, v: v is not None,
    "key_not_null": lambda: lambda k, v: k is not None,
    "value_starts_with": lambda s: known(lambda v: text(v).startswith(s)),
    "value_contains": lambda s: known(lambda v: s in text(v)),
    "value_length_gt": lambda n: known(lambda v: len(text(v)) > n),
    "key_in": lambda *names: lambda k, v: k is not None and text(k) in names,
    "key_hash_is": lambda m, r: lambda k, v: sum(text(k).encode()) % m == r,
}

FLAT_VALUES: dict[str, Callable[..., Callable[[Any, Any], list[Any]]]] = {
    "split_words": lambda: lambda k, v: [] if v is None else [w for w in text(v).split(" ") if w],
    "repeat": lambda n: lambda k, v: [v] * n,
    "halves": lambda: lambda k, v: [] if v is None else [v // 2, v - v // 2],
    "countdown": lambda n: lambda k, v: [] if v is None else list(range(v % n, 0, -1)),
}

FLAT_PAIRS: dict[str, Callable[..., Callable[[Any, Any], list[tuple[Any, Any]]]]] = {
    "words_as_keys": lambda: lambda k, v: [] if v is None else [(w, len(w)) for w in text(v).split(" ") if w],
    "fan_keys": lambda n: lambda k, v: [(f"{text(k)}-{i}", v) for i in range(n)],
    "same_key_steps": lambda n: lambda k, v: [] if v is None else [(k, v + i) for i in range(n)],
}


def number(value: Any) -> int:
    return 0 if value is None else int(value)


def either(pick: Callable[[Any, Any], Any], a: Any, b: Any) -> Any:
    if a is None or b is None:
        return a if b is None else b
    return pick(a, b)


def concat(agg: Any, s: str, added: str) -> str:
    return (("" if agg is None else text(agg)) + s + added)[-120:]


def remove_first(agg: Any, value: Any) -> list[Any]:
    found = list(agg or [])
    if value in found:
        found.remove(value)
    return found


def multiple_to_null(total: int, m: int) -> int | None:
    return None if total % m == 0 else total


AGGREGATORS: dict[str, Callable[..., Callable[[Any, Any, Any], Any]]] = {
    "sum": lambda: lambda k, v, agg: number(agg) + number(v),
    "subtract": lambda: lambda k, v, agg: number(agg) - number(v),
    "count_up": lambda: lambda k, v, agg: number(agg) + 1,
    "count_down": lambda: lambda k, v, agg: number(agg) - 1,
    "concat_length": lambda: lambda k, v, agg: number(agg) + len(text(v)),
    "uncount_length": lambda: lambda k, v, agg: number(agg) - len(text(v)),
    "max": lambda: lambda k, v, agg: either(max, agg, v),
    "min": lambda: lambda k, v, agg: either(min, agg, v),
    "last": lambda: lambda k, v, agg: v,
    "first": lambda: lambda k, v, agg: v if agg is None else agg,
    "sum_null_if_multiple": lambda m: lambda k, v, agg: multiple_to_null(number(agg) + number(v), m),
    "concat": lambda s: lambda k, v, agg: concat(agg, s, text(v)),
    "keyed_concat": lambda s: lambda k, v, agg: concat(agg, s, text(k) + "=" + text(v)),
    "append": lambda: lambda k, v, agg: [*(agg or []), v][-12:],
    "remove_first": lambda: lambda k, v, agg: remove_first(agg, v),
}

MERGERS: dict[str, Callable[..., Callable[[Any, Any, Any], Any]]] = {
    "sum": lambda: lambda k, a, b: number(a) + number(b),
    "max": lambda: lambda k, a, b: either(max, a, b),
    "concat": lambda s: lambda k, a, b: concat(a, s, "" if b is None else text(b)),
    "append": lambda: lambda k, a, b: [*(a or []), *(b or [])][-12:],
}


def odd_to_null(total: int) -> int | None:
    return None if total % 2 else total


JOINERS: dict[str, Callable[..., Callable[[Any, Any, Any], Any]]] = {
    "pair": lambda: lambda k, a, b: f"({text(a)},{text(b)})",
    "keyed": lambda: lambda k, a, b: f"{text(k)}=({text(a)},{text(b)})",
    "sum": lambda: lambda k, a, b: number(a) + number(b),
    "list": lambda: lambda k, a, b: [a, b],
    "left": lambda: lambda k, a, b: a,
    "right": lambda: lambda k, a, b: b,
    "right_or_left": lambda: lambda k, a, b: a if b is None else b,
    "null_if_odd_sum": lambda: lambda k, a, b: odd_to_null(number(a) + number(b)),
}


def mapper(spec: Spec) -> Callable[[Any, Any], Any]:
    name, arguments = parts(spec)
    return MAPPERS[name](*arguments)


def predicate(spec: Spec) -> Callable[[Any, Any], bool]:
    name, arguments = parts(spec)
    return PREDICATES[name](*arguments)


def flat_values(spec: Spec) -> Callable[[Any, Any], list[Any]]:
    name, arguments = parts(spec)
    return FLAT_VALUES[name](*arguments)


def flat_pairs(spec: Spec) -> Callable[[Any, Any], list[tuple[Any, Any]]]:
    name, arguments = parts(spec)
    return FLAT_PAIRS[name](*arguments)


def aggregator(spec: Spec) -> Callable[[Any, Any, Any], Any]:
    name, arguments = parts(spec)
    return AGGREGATORS[name](*arguments)


def reducer(spec: Spec) -> Callable[[Any, Any], Any]:
    aggregate = aggregator(spec)
    return lambda a, b: aggregate(None, b, a)


def merger(spec: Spec) -> Callable[[Any, Any, Any], Any]:
    name, arguments = parts(spec)
    return MERGERS[name](*arguments)


def joiner(spec: Spec) -> Callable[[Any, Any, Any], Any]:
    name, arguments = parts(spec)
    return JOINERS[name](*arguments)


def value_joiner(spec: Spec) -> Callable[[Any, Any], Any]:
    """Of two tables: the joiner's key is None."""
    joined = joiner(spec)
    return lambda left, right: joined(None, left, right)


class TopicChooser:
    """`by_predicate p a b`, with the text that `describe` shows."""

    def __init__(self, spec: Spec) -> None:
        self.name, (test, self.then, self.otherwise) = parts(spec)
        self.test = predicate(test)

    def __call__(self, key: Any, value: Any, context: Any) -> str:
        return str(self.then if self.test(key, value) else self.otherwise)

    def __str__(self) -> str:
        return self.name
