"""What Java's names mean in Python: the rule of the public face, and the few classes of Java's own library."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import streams
from streams import errors
from streams.serdes.base import Serde
from streams.serdes.choose import named_serde
from streams.testing import TestRecord
from tests.goldens.java import helpers
from tests.goldens.java.interpret import text

RESERVED = {"as": "as_", "with": "with_"}


def snake(name: str) -> str:
    """`flatMapValues` -> `flat_map_values`; what Python reserves gets an underscore behind it."""
    if name.isupper():
        return name.lower()
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    return RESERVED.get(plain, plain)


class Static:
    """A class of Java's library: its static methods and fields."""

    def __init__(self, **members: Any) -> None:
        self.members = members


def serde_of(name: str) -> Serde[Any]:
    """The serde of a class, which is its name here (`String.class`)."""
    found = named_serde(name)
    assert found is not None
    return found


JAVA: dict[str, Any] = {
    "Duration": Static(
        ofMillis=lambda n: timedelta(milliseconds=n),
        ofSeconds=lambda n: timedelta(seconds=n),
        ofMinutes=lambda n: timedelta(minutes=n),
        ofHours=lambda n: timedelta(hours=n),
        ofDays=lambda n: timedelta(days=n),
        ZERO=timedelta(0),
    ),
    "Instant": Static(
        EPOCH=datetime(1970, 1, 1, tzinfo=UTC),
        ofEpochMilli=lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=n),
        ofEpochSecond=lambda n: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=n),
    ),
    "List": Static(of=lambda *items: list(items)),
    "Arrays": Static(asList=lambda *items: list(items)),
    "Collections": Static(
        emptyList=list, emptyMap=dict, emptySet=set, singleton=lambda x: {x}, singletonList=lambda x: [x]
    ),
    "Set": Static(of=lambda *items: set(items)),
    "Map": Static(of=lambda *items: dict(zip(items[::2], items[1::2], strict=True))),
    "Optional": Static(of=lambda x: x, empty=lambda: None),
    "Math": Static(max=max, min=min, abs=abs),
    "Objects": Static(equals=lambda one, other: one == other, hash=lambda *things: hash(things)),
    "Boolean": Static(TRUE=True, FALSE=False, valueOf=bool),
    "Double": Static(valueOf=float, parseDouble=float),
    "UUID": Static(fromString=UUID, randomUUID=uuid4),
    "Pattern": Static(compile=re.compile),
    "KeyValue": Static(pair=lambda key, value: (key, value)),
    "String": Static(**{"valueOf": text, "join": lambda by, *parts: by.join(parts), "class": "string"}),
    "WindowedSerdes": Static(
        timeWindowedSerdeFrom=lambda inner, size: streams.Serdes.time_windowed(serde_of(inner), size),
        sessionWindowedSerdeFrom=lambda inner: streams.Serdes.session_windowed(serde_of(inner)),
    ),
    "Long": Static(MAX_VALUE=2**63 - 1, MIN_VALUE=-(2**63), valueOf=int, parseLong=int),
    "Integer": Static(MAX_VALUE=2**31 - 1, MIN_VALUE=-(2**31), valueOf=int, parseInt=int),
}

SERDES: dict[str, Callable[[], Serde[Any]]] = {
    "String": streams.Serdes.string,
    "Long": streams.Serdes.long,
    "Integer": streams.Serdes.integer,
    "Short": streams.Serdes.short,
    "Double": streams.Serdes.double,
    "Float": streams.Serdes.float,
    "Boolean": streams.Serdes.boolean,
    "UUID": streams.Serdes.uuid,
    "ByteArray": streams.Serdes.bytes,
    "Bytes": streams.Serdes.bytes,
    "Void": streams.Serdes.void,
}
CREATED: dict[str, Callable[..., Any]] = {
    **{f"{name}{side}": make for name, make in SERDES.items() for side in ("Serializer", "Deserializer")},
    "TimeWindowedSerializer": lambda inner=None: streams.Serdes.time_windowed(inner, 1),
    "TimeWindowedDeserializer": lambda inner=None, size=None: streams.Serdes.time_windowed(inner, size),
    "SessionWindowedSerializer": lambda inner=None: streams.Serdes.session_windowed(inner),
    "SessionWindowedDeserializer": lambda inner=None: streams.Serdes.session_windowed(inner),
    "KeyValue": lambda key, value: (key, value),
    "TestRecord": lambda *fields: TestRecord(*fields),
    "TreeMap": lambda source=None: dict(sorted((source or {}).items())),
    "HashMap": lambda source=None: dict(source or {}),
    "LinkedHashMap": lambda source=None: dict(source or {}),
    "Properties": lambda source=None: dict(source or {}),
    "ArrayList": lambda source=(): list(source),
    "LinkedList": lambda source=(): list(source),
    "HashSet": lambda source=(): set(source),
    "RuntimeException": RuntimeError,
    "Exception": Exception,
    "Error": Exception,
}

STRING: dict[str, Callable[..., Any]] = {
    "length": len,
    "isEmpty": lambda s: not s,
    "toUpperCase": str.upper,
    "toLowerCase": str.lower,
    "repeat": lambda s, n: s * n,
    "substring": lambda s, a, b=None: s[a:b],
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": lambda s, x: x in s,
    "equals": lambda s, x: s == x,
    "concat": lambda s, x: s + x,
    "charAt": lambda s, i: s[i],
    "split": lambda s, pattern: re.split(pattern, s),
    "indexOf": str.find,
    "trim": str.strip,
    "strip": str.strip,
    "lastIndexOf": str.rfind,
    "replace": str.replace,
    "replaceAll": lambda s, pattern, by: re.sub(pattern, by, s),
    "matches": lambda s, pattern: re.fullmatch(pattern, s) is not None,
    "compareTo": lambda s, x: (s > x) - (s < x),
    "equalsIgnoreCase": lambda s, x: x is not None and s.lower() == x.lower(),
    "getBytes": lambda s, charset=None: s.encode(),
    "toString": str,
}

COLLECTION: dict[str, Callable[..., Any]] = {
    "size": len,
    "isEmpty": lambda c: not c,
    "contains": lambda c, x: x in c,
    "containsKey": lambda c, x: x in c,
    "keySet": lambda c: list(c),
    "values": lambda c: list(c.values()),
    "put": lambda c, k, v: c.__setitem__(k, v),
    "remove": lambda c, k: c.pop(k, None),
    "get": lambda c, k: c.get(k) if isinstance(c, Mapping) else c[k],
    "add": lambda c, x: c.add(x) if isinstance(c, set) else c.append(x),
    "addAll": lambda c, xs: c.update(xs) if isinstance(c, set) else c.extend(xs),
    "putAll": lambda c, other: c.update(other),
    "getOrDefault": lambda c, k, otherwise: c.get(k, otherwise),
}

NUMBER: dict[str, Callable[..., Any]] = {
    "intValue": int,
    "longValue": int,
    "doubleValue": float,
    "toString": text,
    "equals": lambda n, x: type(n) is type(x) and n == x,
    "compareTo": lambda n, x: (n > x) - (n < x),
}


class PythonWorld:
    """`functions`: the free functions that a kind of case has, such as `driver(topology, props)`."""

    def __init__(self, functions: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self.functions = dict(functions or {})

    def lookup(self, name: str) -> Any:
        for place in (helpers, streams):
            found = getattr(place, name, None)
            if found is not None:
                return found
        if name in JAVA:
            return JAVA[name]
        if name in CREATED:
            return CREATED[name]
        raise NameError(f"nothing here is called {name}")

    def create(self, name: str, arguments: list[Any]) -> Any:
        if name in CREATED:
            return CREATED[name](*arguments)
        made = getattr(errors, name, None) or self.lookup(name)
        return made(*arguments)

    def function(self, method: str, arguments: list[Any]) -> Any:
        return self.functions[method](*arguments)

    def call(self, target: Any, method: str, arguments: list[Any]) -> Any:
        if isinstance(target, Static):
            return target.members[method](*arguments)
        if isinstance(target, str) and method in STRING:
            return STRING[method](target, *arguments)
        if isinstance(target, (list, dict, set)) and method in COLLECTION:
            return COLLECTION[method](target, *arguments)
        if isinstance(target, (int, float)) and method in NUMBER:
            return NUMBER[method](target, *arguments)
        if isinstance(target, Serde) and method in ("serializer", "deserializer"):
            return target  # here a serde is both
        if method == "onInvalidTimestamp" and callable(target):
            record, timestamp, partition_time = arguments
            return target(record._replace(timestamp=timestamp), partition_time)
        if method == "next" and hasattr(target, "__next__"):
            return next(target)
        if target is None:
            raise errors.NullPointerException(f'Cannot invoke "{method}" because the value is null')
        member = self.member(target, method)
        if callable(member):
            return member(*arguments)
        if arguments:
            raise TypeError(f"{type(target).__name__}.{method} is no method")
        return member

    def field(self, target: Any, name: str) -> Any:
        return target.members[name] if isinstance(target, Static) else self.member(target, name)

    def member(self, target: Any, name: str) -> Any:
        """An attribute by Java's name: as it is, in snake_case, or without `get` (a bare property)."""
        plain = snake(name)
        for candidate in (name, plain, plain.removeprefix("get_"), plain + "_", plain.removeprefix("byte_")):
            found = getattr(target, candidate, None)
            if found is not None:
                return found
        if isinstance(target, type) and hasattr(streams, name):
            return getattr(streams, name)  # a class inside a class: Suppressed.BufferConfig
        raise AttributeError(f"{target!r} has no {plain}")

    def reference(self, target: Any, method: str) -> Any:
        return target if method == "new" else self.member(target, method)

    def error(self, thrown: Any) -> Exception:
        return thrown if isinstance(thrown, Exception) else RuntimeError(str(thrown))
