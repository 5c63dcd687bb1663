"""The processors, fixed-key processors and transformers of SPEC.md 4.5 to 4.7."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streams.processor import PunctuationType
from streams.record import ValueAndTimestamp, Window, Windowed
from streams.state.key_value_store import TimestampedKeyValueStore
from tests.conformance.functions import Spec, number, parts, predicate, raise_if, text


class Step:
    """A processor: what it does with a record is `process`; what it opens at the start is `open`."""

    def init(self, context: Any) -> None:
        self.context = context
        self.open(context)

    def open(self, context: Any) -> None: ...

    def process(self, record: Any) -> None:
        self.context.forward(record)

    def close(self) -> None: ...


class WithStore(Step):
    def __init__(self, store: str) -> None:
        self.store_name = store

    def open(self, context: Any) -> None:
        self.store = context.get_state_store(self.store_name)

    def stored(self, key: Any) -> Any:
        """A value, whether the store keeps timestamps beside it or not."""
        found = self.store.get(key)
        return getattr(found, "value", found)

    def save(self, key: Any, value: Any, timestamp: int) -> None:
        """Puts a value, with its timestamp where the store keeps them."""
        timestamped = isinstance(self.store, TimestampedKeyValueStore) and value is not None
        self.store.put(key, ValueAndTimestamp(value, timestamp) if timestamped else value)


class Swallow(Step):
    def process(self, record: Any) -> None: ...


class CountInStore(WithStore):
    def process(self, record: Any) -> None:
        if record.key is None:
            self.context.forward(record.with_value(-1))
            return
        n = number(self.stored(record.key)) + 1
        self.save(record.key, n, record.timestamp)
        self.context.forward(record.with_value(n))


class PutInStore(WithStore):
    def process(self, record: Any) -> None:
        if record.key is not None:
            self.save(record.key, record.value, record.timestamp)


class LookupStore(WithStore):
    def process(self, record: Any) -> None:
        found = None if record.key is None else self.stored(record.key)
        self.context.forward(record.with_value(f"({text(record.value)},{text(found)})"))


class RangeStore(WithStore):
    def process(self, record: Any) -> None:
        if record.key is None:
            return
        self.save(record.key, record.value, record.timestamp)
        with self.store.range(record.key, None) as up:
            above = "".join(text(key) + " " for (key, _), _ in zip(up, range(3), strict=False))
        with self.store.reverse_range(None, record.key) as down:
            below = "".join(" " + text(key) for (key, _), _ in zip(down, range(3), strict=False))
        self.context.forward(record.with_value(above + "|" + below))


class SumOn(WithStore):
    def __init__(self, kind: PunctuationType, store: str, ms: int, clear: bool) -> None:
        super().__init__(store)
        self.kind, self.ms, self.clear = kind, ms, clear

    def open(self, context: Any) -> None:
        super().open(context)
        context.schedule(self.ms, self.kind, self.punctuate)

    def process(self, record: Any) -> None:
        if record.key is not None:
            total = number(self.stored(record.key)) + number(record.value)
            self.save(record.key, total, record.timestamp)

    def punctuate(self, time: int) -> None:
        from streams.processor import Record

        with self.store.all() as rows:
            found = [(key, getattr(value, "value", value)) for key, value in rows]
        for key, value in found:
            self.context.forward(Record(key, value, time))
        if self.clear:
            for key, _ in found:
                self.store.delete(key)


class Tick(Step):
    def __init__(self, ms: int, kind: str, most: int) -> None:
        self.ms, self.most, self.calls = ms, most, 0
        self.kind = PunctuationType.STREAM_TIME if kind == "stream" else PunctuationType.WALL_CLOCK_TIME

    def open(self, context: Any) -> None:
        self.scheduled = context.schedule(self.ms, self.kind, self.punctuate)

    def process(self, record: Any) -> None:
        self.context.forward(record.with_value(text(record.value)))

    def punctuate(self, time: int) -> None:
        from streams.processor import Record

        stream = self.context.current_stream_time_ms()
        # Java has empty metadata here, we have none (docs/differences-from-java.md).
        meta = "true" if self.context.record_metadata is None else "false"
        self.context.forward(Record("tick", f"ts={time} stream={stream} meta={meta}", time))
        self.calls += 1
        if self.calls == self.most:
            self.scheduled.cancel()


class Dedup(WithStore):
    def __init__(self, store: str, ttl: int, ms: int) -> None:
        super().__init__(store)
        self.ttl, self.ms = ttl, ms

    def open(self, context: Any) -> None:
        super().open(context)
        context.schedule(self.ms, PunctuationType.STREAM_TIME, self.punctuate)

    def process(self, record: Any) -> None:
        if record.key is not None and self.store.put_if_absent(record.key, record.timestamp) is None:
            self.context.forward(record)

    def punctuate(self, time: int) -> None:
        with self.store.all() as rows:
            old = [key for key, timestamp in rows if timestamp <= time - self.ttl]
        for key in old:
            self.store.delete(key)


class Forward(Step):
    """Forwards what `change` makes of the record."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self.change = change

    def process(self, record: Any) -> None:
        self.context.forward(self.change(record))


def add_header(name: str) -> Callable[[Any], Any]:
    return lambda r: r.with_headers((*r.headers, (name, text(r.value).encode())))


def drop_header(name: str) -> Callable[[Any], Any]:
    return lambda r: r.with_headers(tuple(h for h in r.headers if h[0] != name))


def header_to_value(name: str) -> Callable[[Any], Any]:
    def change(record: Any) -> Any:
        found = [value for header, value in record.headers if header == name]
        shown = found[-1].decode() if found and found[-1] is not None else "none"
        return record.with_value(text(record.value) + "/" + shown)

    return change


class ToChild(Step):
    def __init__(self, test: Spec, then: str, otherwise: str) -> None:
        self.test, self.then, self.otherwise = predicate(test), then, otherwise

    def process(self, record: Any) -> None:
        self.context.forward(record, self.then if self.test(record.key, record.value) else self.otherwise)


class ForwardTwice(Step):
    def process(self, record: Any) -> None:
        self.context.forward(record)
        self.context.forward(record.with_key(text(record.key) + "'").with_timestamp(record.timestamp + 1))


class ForwardTwiceFixedKey(Step):
    def process(self, record: Any) -> None:
        self.context.forward(record)
        self.context.forward(record.with_timestamp(record.timestamp + 1))


class ContextInfo(Step):
    def process(self, record: Any) -> None:
        c, at = self.context, self.context.record_metadata
        where = "null--1@-1" if at is None else f"{at.topic}-{at.partition}@{at.offset}"  # None: of a punctuation
        times = f"stream={c.current_stream_time_ms()} wall={c.current_system_time_ms()}"
        shown = f"{text(record.value)} {where} {times} task={c.task_id} app={c.application_id}"
        self.context.forward(record.with_value(shown))


class RaiseIfPrefix(Step):
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def process(self, record: Any) -> None:
        raise_if(self.prefix, record.value)
        self.context.forward(record)


class ForwardThenRaise(RaiseIfPrefix):
    def process(self, record: Any) -> None:
        self.context.forward(record)
        raise_if(self.prefix, record.value)


class WindowCount(WithStore):
    def __init__(self, store: str, span: int) -> None:
        super().__init__(store)
        self.span = span

    def process(self, record: Any) -> None:
        if record.key is None or record.value is None:
            return
        self.store.put(record.key, record.value, record.timestamp)
        with self.store.fetch(record.key, record.timestamp - self.span, record.timestamp) as rows:
            shown = " ".join(f"{time}={text(value)}" for time, value in rows)
        self.context.forward(record.with_value(shown))


class SessionCount(WithStore):
    def __init__(self, store: str, gap: int) -> None:
        super().__init__(store)
        self.gap = gap

    def process(self, record: Any) -> None:
        if record.key is None:
            return
        ts = record.timestamp
        with self.store.find_sessions(record.key, ts - self.gap, ts + self.gap) as rows:
            found = list(rows)
        for session, _ in found:
            self.store.remove(session)
        start = min([ts, *(s.window.start for s, _ in found)])
        end = max([ts, *(s.window.end for s, _ in found)])
        count = 1 + sum(number(value) for _, value in found)
        self.store.put(Windowed(record.key, Window(start, end)), count)
        self.context.forward(record.with_value(f"{start}-{end}={count}"))


class VersionLookup(WithStore):
    def __init__(self, store: str, back: int) -> None:
        super().__init__(store)
        self.back = back

    def process(self, record: Any) -> None:
        if record.key is None:
            return
        code = self.store.put(record.key, record.value, record.timestamp)
        shown = {-(2**63): "not put", -1: "open"}.get(code, str(code))
        now = self.store.get(record.key)
        then = self.store.get(record.key, record.timestamp - self.back)
        self.context.forward(record.with_value(f"{shown} now={version(now)} then={version(then)}"))


def version(record: Any) -> str:
    return "none" if record is None else f"{text(record.value)}@{record.timestamp}"


PROCESSORS: dict[str, Callable[..., Step]] = {
    "pass": Step,
    "swallow": Swallow,
    "count_in_store": CountInStore,
    "put_in_store": PutInStore,
    "lookup_store": LookupStore,
    "range_store": RangeStore,
    "sum_on_stream_time": lambda s, ms, clear: SumOn(PunctuationType.STREAM_TIME, s, ms, clear),
    "sum_on_wall_clock": lambda s, ms, clear: SumOn(PunctuationType.WALL_CLOCK_TIME, s, ms, clear),
    "tick": Tick,
    "dedup": Dedup,
    "add_header": lambda name: Forward(add_header(name)),
    "drop_header": lambda name: Forward(drop_header(name)),
    "header_to_value": lambda name: Forward(header_to_value(name)),
    "shift_time": lambda n: Forward(lambda r: r.with_timestamp(r.timestamp + n)),
    "to_child": ToChild,
    "forward_twice": ForwardTwice,
    "context_info": ContextInfo,
    "raise_if_prefix": RaiseIfPrefix,
    "forward_then_raise": ForwardThenRaise,
    "window_count": WindowCount,
    "session_count": SessionCount,
    "version_lookup": VersionLookup,
}


class Previous(WithStore):
    def process(self, record: Any) -> None:
        if record.key is None:
            return
        old = self.stored(record.key)
        self.context.forward(record.with_value(f"({text(old)},{text(record.value)})"))
        self.save(record.key, record.value, record.timestamp)


class DropOdd(Step):
    def process(self, record: Any) -> None:
        if record.value is not None and record.value % 2 == 0:
            self.context.forward(record)


FIXED_KEY: dict[str, Callable[..., Step]] = {
    "pass": Step,
    "count_in_store": CountInStore,
    "add_header": lambda name: Forward(add_header(name)),
    "previous": Previous,
    "forward_twice": ForwardTwiceFixedKey,
    "drop_odd": DropOdd,
}


class Transformer:
    """Of `transform_values`."""

    def __init__(self, transform: Callable[[Any, Any], Any]) -> None:
        self.transform = transform

    def init(self, context: Any) -> None: ...

    def close(self) -> None: ...


class CallCount(WithStore):
    def transform(self, key: Any, value: Any) -> Any:
        n = number(self.stored(key)) + 1
        self.save(key, n, 0)
        return None if value is None else f"{text(value)}#{n}"


TRANSFORMERS: dict[str, Callable[..., Any]] = {
    "key_value_text": lambda: Transformer(lambda k, v: None if v is None else text(k) + ":" + text(v)),
    "null_to_none": lambda: Transformer(lambda k, v: "none" if v is None else text(v)),
    "call_count": CallCount,
}


def supplier(spec: Spec, table: dict[str, Callable[..., Any]] = PROCESSORS) -> Callable[[], Any]:
    """A fresh processor each time it is called (but for `same_instance`, which is an error on purpose)."""
    name, arguments = parts(spec)
    if name == "same_instance":
        one = Step()
        return lambda: one
    return lambda: table[name](*arguments)
