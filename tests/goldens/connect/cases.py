"""The cases that Java is asked: `python -m tests.goldens.connect.record` runs them through the recorder."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

Case = dict[str, Any]

TRANSFORMS = "org.apache.kafka.connect.transforms."
PREDICATES = f"{TRANSFORMS}predicates."
STORAGE = "org.apache.kafka.connect.storage."
CONVERTERS = "org.apache.kafka.connect.converters."
DATA = "org.apache.kafka.connect.data."


# Schemas and values, as the recorder reads them


def of(kind: str, **more: Any) -> Case:
    return {"type": kind, **more}


def optional(schema: Case) -> Case:
    return {**schema, "optional": True}


def struct(fields: dict[str, Case], **more: Any) -> Case:
    return {"type": "struct", "fields": [{"field": name, "schema": each} for name, each in fields.items()], **more}


def decimal(scale: int) -> Case:
    return {"type": "bytes", "name": f"{DATA}Decimal", "version": 1, "parameters": {"scale": str(scale)}}


DATE = {"type": "int32", "name": f"{DATA}Date", "version": 1}
TIME = {"type": "int32", "name": f"{DATA}Time", "version": 1}
TIMESTAMP = {"type": "int64", "name": f"{DATA}Timestamp", "version": 1}
STRING = of("string")
MS = 1_795_991_445_678
"""A moment with milliseconds, in November 2026."""
DAY_MS = 86_400_000


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


NESTED = struct({"x": of("int32"), "y": struct({"z": optional(STRING), "n": of("int64", default=["int64", "4"])})})
ORDER = struct(
    {
        "id": of("int64"),
        "name": optional(STRING),
        "amount": of("float64"),
        "small": of("int8"),
        "flag": of("boolean"),
        "at": optional(TIMESTAMP),
        "state": of("string", optional=True, default=["string", "new"]),
        "blob": of("bytes"),
        "price": decimal(2),
        "tags": of("array", items=STRING),
        "in": NESTED,
    },
    name="Order",
    version=3,
    doc="An order.",
)
ORDER_VALUE = [
    "struct",
    [
        ["int64", "1795991445678"],
        ["string", "42"],
        ["float64", "-3.75"],
        ["int8", 7],
        ["boolean", True],
        ["date", MS],
        None,
        ["bytes", b64(b"\x00\xff")],
        ["decimal", "12.50"],
        ["list", [["string", "a"], ["string", "b"]]],
        ["struct", [["int32", 9], ["struct", [["string", "deep"], None]]]],
    ],
]
ORDER_MAP = [
    "map",
    [
        [["string", "id"], ["int64", "1795991445678"]],
        [["string", "name"], ["string", "42"]],
        [["string", "amount"], ["float64", "-3.75"]],
        [["string", "small"], ["int32", 300]],
        [["string", "flag"], ["boolean", True]],
        [["string", "at"], ["date", MS]],
        [["string", "state"], None],
        [["string", "blob"], ["bytes", b64(b"\x00\xff")]],
        [["string", "tags"], ["list", [["string", "a"]]]],
        [
            ["string", "in"],
            ["map", [[["string", "x"], ["int64", "9"]],
                     [["string", "y"], ["map", [[["string", "z"], ["string", "deep"]]]]]]],
        ],
    ],
]  # fmt: skip
HEADERS = [
    {"key": "kind", "value": ["string", "a"], "schema": STRING},
    {"key": "kind", "value": ["int32", 5], "schema": of("int32")},
    {"key": "source", "value": None, "schema": None},
]


def record(
    schema: Case | None, value: Any, side: str = "Value", *, topic: str = "orders", timestamp: int | None = MS
) -> Case:
    """A record with this on one side, and a string on the other."""
    mine, other = ("value", "key") if side == "Value" else ("key", "value")
    return {
        "topic": topic,
        "partition": 2,
        "offset": 41,
        "timestamp": timestamp,
        "headers": HEADERS,
        f"{mine}_schema": schema,
        mine: value,
        f"{other}_schema": STRING,
        other: ["string", "other"],
    }


def all_records(side: str) -> list[Case]:
    """With and without schema, nested, null, tombstone, not even a struct."""
    return [
        record(ORDER, ORDER_VALUE, side),
        record(None, ORDER_MAP, side),
        record(optional(ORDER), None, side),
        record(None, None, side),
        record(STRING, ["string", "plain"], side),
        record(None, ["string", "plain"], side),
        record(None, ["map", []], side),
    ]


# Transforms

SIDES: dict[str, list[dict[str, Any]]] = {
    "Cast": [
        *(
            {"spec": each}
            for each in (
                "id:string,small:int64",
                "name:int8",
                "name:float32,amount:int32",
                "flag:int16,amount:boolean",
                "amount:int8,id:int32",
                "at:int64,state:string",
                "blob:string",
                "at:string",
                "price:string",
                "tags:string",
                "in:string",
                "amount:string,flag:string",
                "name:boolean",
                "price:float64",
                "string",
                "int64",
                "id:int8,id:int16",
                "missing:int8",
                "small:float32,id:float32",
            )
        ),
        {"spec": "state:string,id:float64", "replace.null.with.default": "false"},
    ],
    "ExtractField": [
        {"field": "id"},
        {"field": "in"},
        {"field": "missing"},
        {"field": "in.y.z"},
        {"field": "in.y.z", "field.syntax.version": "V2"},
        {"field": "in.y.n", "field.syntax.version": "V2"},
        {"field": "in.y.n", "field.syntax.version": "V2", "replace.null.with.default": "false"},
        {"field": "in.no.z", "field.syntax.version": "V2"},
        {"field": "name.y", "field.syntax.version": "V2"},
        {"field": "`in`.`y`.z", "field.syntax.version": "V2"},
        {"field": "state"},
        {"field": "state", "replace.null.with.default": "false"},
    ],
    "Flatten": [{}, {"delimiter": "_"}, {"delimiter": ""}],
    "HeaderFrom": [
        {"fields": "id,name", "headers": "h1,kind", "operation": "copy"},
        {"fields": "id,in", "headers": "h1,h2", "operation": "move"},
        {"fields": "state", "headers": "h1", "operation": "copy", "replace.null.with.default": "false"},
        {"fields": "state", "headers": "h1", "operation": "move"},
        {"fields": "missing", "headers": "h1", "operation": "copy"},
    ],
    "HoistField": [{"field": "wrapped"}],
    "InsertField": [
        {"topic.field": "t"},
        {"topic.field": "t!", "partition.field": "p!", "offset.field": "o", "timestamp.field": "ts"},
        {"static.field": "s", "static.value": "fixed", "timestamp.field": "ts!"},
        {"static.field": "s?", "static.value": "fixed", "replace.null.with.default": "false"},
        {"topic.field": "name"},
    ],
    "MaskField": [
        {"fields": "id,name,amount,small,flag,at,price,tags"},
        {"fields": "name,id", "replacement": "0815"},
        {"fields": "small", "replacement": "12"},
        {"fields": "name,id", "replacement": "secret"},
        {"fields": "amount", "replacement": "1.5"},
        {"fields": "price", "replacement": "1.50"},
        {"fields": "blob"},
        {"fields": "in"},
        {"fields": "state", "replace.null.with.default": "false"},
        {"fields": "state"},
        {"fields": "flag", "replacement": "true"},
    ],
    "ReplaceField": [
        {"exclude": "name,in"},
        {"include": "id,name"},
        {"renames": "id:number,name:title"},
        {"include": "id,name,state", "exclude": "name", "renames": "id:number"},
        {"include": "state", "replace.null.with.default": "false"},
        {"include": "missing"},
        {},
        {"renames": "id:name"},
    ],
    "SetSchemaMetadata": [
        {"schema.name": "New"},
        {"schema.version": "7"},
        {"schema.name": "New", "schema.version": "7", "replace.null.with.default": "false"},
    ],
    "TimestampConverter": [
        {"target.type": "string", "field": "at", "format": "yyyy-MM-dd'T'HH:mm:ss.SSS"},
        {"target.type": "unix", "field": "at"},
        {"target.type": "unix", "field": "at", "unix.precision": "seconds"},
        {"target.type": "unix", "field": "at", "unix.precision": "nanoseconds"},
        {"target.type": "Date", "field": "at"},
        {"target.type": "Time", "field": "at"},
        {"target.type": "Timestamp", "field": "id"},
        {"target.type": "Timestamp", "field": "id", "unix.precision": "microseconds"},
        {"target.type": "Timestamp", "field": "id", "unix.precision": "nanoseconds"},
        {"target.type": "Date", "field": "id"},
        {"target.type": "string", "field": "id", "format": "EEE, d MMM yyyy HH:mm:ss Z"},
        {"target.type": "string", "field": "id", "format": "yy/M/d h:mm a D w u"},
        {"target.type": "Timestamp", "field": "name", "format": "ss"},
        {"target.type": "Timestamp", "field": "name", "format": "yyyy-MM-dd"},
        {"target.type": "Timestamp", "field": "amount"},
        {"target.type": "Timestamp", "field": "missing"},
        {"target.type": "Timestamp"},
        {"target.type": "Timestamp", "format": "yyyy"},
    ],
}
"""By transform the settings that are tried on key and value, over `all_records`."""
PLAIN: dict[str, list[dict[str, Any]]] = {
    "DropHeaders": [{"headers": "kind"}, {"headers": "kind,source"}, {"headers": "none"}],
    "Filter": [{}],
    "InsertHeader": [
        {"header": "h", "value.literal": each}
        for each in (
            "text",
            "12",
            "300",
            "70000",
            "3000000000",
            "1.5",
            "true",
            "false",
            "null",
            "",
            "[1,2]",
            "[1, 2.5]",
            '{"a":1}',
            '{"a": [1, 2], "b": []}',
            "2026-11-29",
            "12:30:01.5Z",
            "2026-11-29T12:30:01.500Z",
            "-7",
            '"quoted"',
            "1e3",
            "12345678901234567890",
            "[a",
            " 5 ",
            "-0",
            "1.0f",
            "NaN",
            '["a", "b"]',
            "True",
            "0x10",
            '"a\\"b"',
            "1.1",
            "123456789.123456789",
            "128",
            "-129",
            "32768",
        )
    ],
    "RegexRouter": [
        {"regex": "(.*)", "replacement": "copy-$1"},
        {"regex": "or(.)ers", "replacement": "${1}$1"},
        {"regex": "none", "replacement": "x"},
        {"regex": "(?<head>o)(.*)", "replacement": "${head}-$2"},
        {"regex": "o.*", "replacement": "a\\$b"},
        {"regex": "ord", "replacement": "x"},
        {"regex": "(o)(r)?.*", "replacement": "$11"},
    ],
    "TimestampRouter": [
        {},
        {"topic.format": "${timestamp}_${topic}", "timestamp.format": "yyyy-MM-dd'T'HH"},
        {"topic.format": "fixed", "timestamp.format": "HH:mm:ss.SSS"},
        {"topic.format": "${topic}.${topic}.${timestamp}", "timestamp.format": "MMM-EEEE"},
    ],
    "ValueToKey": [
        {"fields": "id"},
        {"fields": "id,state"},
        {"fields": "state", "replace.null.with.default": "false"},
        {"fields": "missing"},
        {"fields": "in.y.z", "field.syntax.version": "V2"},
        {"fields": "in.y.z,id", "field.syntax.version": "V2"},
        {"fields": "in.no.z", "field.syntax.version": "V2"},
    ],
}
"""Those that are for no side."""
WRONG_TRANSFORMS: list[tuple[str, dict[str, Any]]] = [
    ("Cast$Value", {}),
    ("Cast$Value", {"spec": ""}),
    ("Cast$Value", {"spec": "a:nothing"}),
    ("Cast$Value", {"spec": "a:b:c"}),
    ("Cast$Value", {"spec": "int8,a:int8"}),
    ("Cast$Value", {"spec": "a:bytes"}),
    ("Cast$Value", {"spec": "a:int8", "replace.null.with.default": "maybe"}),
    ("DropHeaders", {}),
    ("DropHeaders", {"headers": ""}),
    ("ExtractField$Key", {}),
    ("ExtractField$Key", {"field": "`a", "field.syntax.version": "V2"}),
    ("ExtractField$Key", {"field": "a", "field.syntax.version": "V3"}),
    ("HeaderFrom$Value", {"fields": "a", "headers": "b", "operation": "swap"}),
    ("HeaderFrom$Value", {"fields": "a,b", "headers": "b", "operation": "copy"}),
    ("HeaderFrom$Value", {"fields": "a", "operation": "copy"}),
    ("HoistField$Value", {}),
    ("InsertField$Value", {}),
    ("InsertField$Value", {"static.field": "s"}),
    ("InsertHeader", {"header": "h"}),
    ("MaskField$Value", {"fields": "a", "replacement": ""}),
    ("MaskField$Value", {}),
    ("RegexRouter", {"regex": "(", "replacement": "a"}),
    ("RegexRouter", {"regex": "a"}),
    ("ReplaceField$Value", {"renames": "a"}),
    ("ReplaceField$Value", {"renames": "a:b:c"}),
    ("SetSchemaMetadata$Value", {}),
    ("SetSchemaMetadata$Value", {"schema.version": "one"}),
    ("TimestampConverter$Value", {}),
    ("TimestampConverter$Value", {"target.type": "clock"}),
    ("TimestampConverter$Value", {"target.type": "string"}),
    ("TimestampConverter$Value", {"target.type": "string", "format": "bbb"}),
    ("TimestampConverter$Value", {"target.type": "unix", "unix.precision": "days"}),
    ("ValueToKey", {}),
    ("ValueToKey", {"fields": "a", "field.syntax.version": "V9"}),
]


def predicate(name: str, negate: bool, config: dict[str, str]) -> Case:
    return {"class": f"{PREDICATES}{name}", "negate": negate, "config": config}


def transforms() -> Iterator[Case]:
    def case(name: str, config: dict[str, Any], records: list[Case], **more: Any) -> Case:
        return {"kind": "transform", "class": f"{TRANSFORMS}{name}", "config": config, **more, "records": records}

    for name, configs in SIDES.items():
        for side in ("Key", "Value"):
            for config in configs:
                yield case(f"{name}${side}", config, all_records(side))
    for name, configs in PLAIN.items():
        for config in configs:
            yield case(name, config, [*all_records("Value")[:4], record(None, None, timestamp=None, topic="r")])
    times = [record(schema, value) for schema, value in (
        (TIMESTAMP, ["date", MS]), (DATE, ["date", 20_000 * DAY_MS]), (TIME, ["date", 45_000_678]),
        (of("int64"), ["int64", "-1"]), (STRING, ["string", "2026-11-29 08:09:10"]), (of("int32"), ["int32", 5]),
        (optional(TIMESTAMP), None), (None, ["int64", "1500"]), (None, ["string", "1999-12-31 23:59:59"]),
        (None, ["string", "31.12.1999"]), (None, ["float64", "1.5"]),
    )]  # fmt: skip
    for target in ("string", "unix", "Date", "Time", "Timestamp"):
        yield case("TimestampConverter$Value", {"target.type": target, "format": "yyyy-MM-dd HH:mm:ss"}, times)
    scalars = [record(schema, value) for schema, value in (
        (of("int8"), ["int8", -5]), (of("int16"), ["int16", 300]), (of("int32"), ["int32", 70000]),
        (of("int64"), ["int64", "9007199254740993"]), (of("float32"), ["float32", "1.1"]),
        (of("float64"), ["float64", "1e300"]), (of("float64"), ["float64", "2.5"]), (of("boolean"), ["boolean", False]),
        (STRING, ["string", "17"]), (STRING, ["string", "1.5"]), (STRING, ["string", "TRUE"]), (STRING, ["string", ""]),
        (of("bytes"), ["bytes", b64(b"ab")]), (DATE, ["date", DAY_MS]), (TIME, ["date", 1500]),
        (TIMESTAMP, ["date", MS]), (decimal(2), ["decimal", "12.50"]),
        (of("int32", default=["int32", 5], optional=True), ["int32", 1]),
        (None, ["int64", "5"]), (None, ["float64", "7.9"]), (None, ["string", "8"]), (None, ["boolean", True]),
        (None, ["list", []]), (None, ["float64", "NaN"]), (of("float64"), ["float64", "1e20"]),
    )]  # fmt: skip
    for target in ("int8", "int16", "int32", "int64", "float32", "float64", "boolean", "string"):
        yield case("Cast$Value", {"spec": target}, scalars)
    both = [record(ORDER, ORDER_VALUE), record(None, None, topic="other"), record(None, ORDER_MAP, topic="")]
    for negate in (False, True):
        for name, config in (
            ("TopicNameMatches", {"pattern": "ord.*"}), ("TopicNameMatches", {"pattern": "ord"}),
            ("HasHeaderKey", {"name": "kind"}), ("HasHeaderKey", {"name": "none"}), ("RecordIsTombstone", {}),
        ):  # fmt: skip
            for transform, settings in (("Filter", {}), ("InsertHeader", {"header": "seen", "value.literal": "yes"}),
                                        ("HoistField$Value", {"field": "f"})):  # fmt: skip
                yield case(transform, settings, both, predicate=predicate(name, negate, config))
    for name, config in WRONG_TRANSFORMS:
        yield case(name, config, [])
    for name, config in (
        ("TopicNameMatches", {}), ("TopicNameMatches", {"pattern": ""}), ("TopicNameMatches", {"pattern": "["}),
        ("HasHeaderKey", {}), ("HasHeaderKey", {"name": ""}),
    ):  # fmt: skip
        yield case("Filter", {}, [], predicate={"class": f"{PREDICATES}{name}", "negate": False, "config": config})


# Converters

VALUES: list[tuple[Case | None, Any]] = [
    (None, None),
    (optional(STRING), None),
    (STRING, ["string", "Grüße ☃"]),
    (None, ["string", "plain"]),
    (of("int8"), ["int8", -128]),
    (of("int16"), ["int16", 32767]),
    (of("int32"), ["int32", -1]),
    (of("int64"), ["int64", "9223372036854775807"]),
    (of("float32"), ["float32", "1.1"]),
    (of("float64"), ["float64", "1.0E10"]),
    (of("float64"), ["float64", "0.1"]),
    (of("boolean"), ["boolean", True]),
    (of("bytes"), ["bytes", b64(b"\x00\x01\xfe")]),
    (of("array", items=of("int32")), ["list", [["int32", 1], ["int32", 2]]]),
    (of("map", keys=STRING, items=of("int32")), ["map", [[["string", "a"], ["int32", 1]]]]),
    (of("map", keys=of("int32"), items=STRING), ["map", [[["int32", 1], ["string", "a"]]]]),
    (ORDER, ORDER_VALUE),
    (None, ["map", [[["string", "a"], ["int64", "1"]], [["string", "b"], ["list", [["boolean", True], None]]]]]),
    (None, ["map", [[["int64", "1"], ["string", "a"]]]]),
    (None, ["list", [["float64", "1.5"], ["string", "a"]]]),
    (None, ["int64", "7"]),
    (None, ["boolean", False]),
    (decimal(2), ["decimal", "12.50"]),
    (decimal(0), ["decimal", "-7"]),
    (DATE, ["date", 20_000 * DAY_MS]),
    (TIME, ["date", 45_000_678]),
    (TIMESTAMP, ["date", MS]),
    (of("string", default=["string", "d"], optional=True), None),
    (struct({"a": of("string", default=["string", "d"])}), ["struct", [None]]),
    (of("string", name="Named", version=2, doc="A doc", parameters={"p": "q"}), ["string", "x"]),
]
READ = [
    b"", b"null", b"5", b'"text"', b"{", b'{"a":1}', b'{"schema":null,"payload":null}',
    b'{"schema":{"type":"int32","optional":true},"payload":null}', b'{"schema":{"type":"int32"},"payload":7}',
    b'{"schema":{"type":"int32"},"payload":"x"}', b'{"schema":{"type":"strange"},"payload":1}',
    b'{"schema":{"optional":true},"payload":1}', b'{"schema":{"type":"string"},"payload":null}',
    b'{"schema":{"type":"struct","fields":[{"field":"a","type":"int64"}]},"payload":{"a":5}}',
    b'{"schema":{"type":"struct","fields":[{"field":"a","type":"int64"}]},"payload":{}}',
    b'{"schema":{"type":"struct","fields":[{"type":"int64"}]},"payload":{}}',
    b'{"schema":{"type":"struct"},"payload":{}}',
    b'{"schema":{"type":"array","items":{"type":"string"}},"payload":["a"]}',
    b'{"schema":{"type":"array"},"payload":[]}',
    b'{"schema":{"type":"map","keys":{"type":"string"},"values":{"type":"int32"}},"payload":{"a":1}}',
    b'{"schema":{"type":"map","keys":{"type":"int32"},"values":{"type":"int32"}},"payload":[[1,2]]}',
    b'{"payload":1}', b'{"schema":null,"payload":{"a":[1,2.5,"x",null,true]}}', b"[1,2]", b"1.5", b"true",
    b'{"schema":{"type":"int8"},"payload":300}', b'{"schema":{"type":"bytes"},"payload":"AAEC"}',
    b"12345678901234567890",
    b'{"schema":{"type":"int32","default":3},"payload":null}', b"\xff",
    b'{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}},'
    b'"payload":"BOI="}',
    b'{"schema":{"type":"bytes","name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2"}},'
    b'"payload":12.5}',
    b'{"schema":{"type":"int32","name":"org.apache.kafka.connect.data.Date","version":1},"payload":20000}',
    b'{"schema":{"type":"int64","name":"org.apache.kafka.connect.data.Timestamp","version":1},"payload":1500}',
]  # fmt: skip
NUMBERS = {"Short": "int16", "Integer": "int32", "Long": "int64", "Float": "float32", "Double": "float64"}


def converters() -> Iterator[Case]:
    def case(name: str, config: dict[str, str] | None = None, **more: Any) -> Case:
        return {"kind": "converter", "class": name, "config": config or {}, "key": False, **more}

    json = "org.apache.kafka.connect.json.JsonConverter"
    for schema, value in VALUES:
        yield case(json, schema=schema, value=value)
        yield case(json, {"schemas.enable": "false"}, schema=schema, value=value)
        yield case(f"{STORAGE}StringConverter", schema=schema, value=value)
        yield case(f"{CONVERTERS}ByteArrayConverter", schema=schema, value=value)
    yield case(json, {"decimal.format": "NUMERIC"}, schema=decimal(2), value=["decimal", "12.50"])
    yield case(json, {"replace.null.with.default": "false"}, schema=VALUES[-2][0], value=["struct", [None]])
    for data in READ:
        for enabled in ("true", "false"):
            yield case(json, {"schemas.enable": enabled}, bytes=b64(data))
    yield case(json, bytes=None)
    yield case(json, {"schemas.enable": "false"}, bytes=None)
    for name, kind in NUMBERS.items():
        for schema, value in (
            (of(kind), [kind, "3" if kind in ("int64", "float32", "float64") else 3]), (None, None),
            (STRING, ["string", "x"]), (optional(of(kind)), None),
        ):  # fmt: skip
            yield case(f"{CONVERTERS}{name}Converter", schema=schema, value=value)
        for data in (b"", b"\x00", b"\x00" * 2, b"\x01" * 4, b"\x40" * 8):
            yield case(f"{CONVERTERS}{name}Converter", bytes=b64(data))
    for schema, value in ((of("boolean"), ["boolean", True]), (of("boolean"), ["boolean", False]), (None, None),
                          (STRING, ["string", "true"])):  # fmt: skip
        yield case(f"{CONVERTERS}BooleanConverter", schema=schema, value=value)
    for data in (b"\x00", b"\x01", b"\x02", b"", b"\x00\x00"):
        yield case(f"{CONVERTERS}BooleanConverter", bytes=b64(data))
    for data in (b"", b"text", "Grüße".encode(), b"\xff\xfe"):
        yield case(f"{STORAGE}StringConverter", bytes=b64(data))
        yield case(f"{CONVERTERS}ByteArrayConverter", bytes=b64(data))
    yield case(f"{STORAGE}StringConverter", {"converter.encoding": "ISO-8859-1"}, schema=STRING, value=["string", "ü"])
    for schema, value in VALUES:
        yield {
            "kind": "header",
            "class": f"{STORAGE}SimpleHeaderConverter",
            "config": {},
            "schema": schema,
            "value": value,
        }
    for data in (b"", b"12", b"abc", b"[1,2]", b"true", b'{"a":1}', b"2026-11-29", b"1.5"):
        yield {"kind": "header", "class": f"{STORAGE}SimpleHeaderConverter", "config": {}, "bytes": b64(data)}


# Configurations

GOOD_WORKER = {
    "bootstrap.servers": "localhost:9092",
    "key.converter": f"{STORAGE}StringConverter",
    "value.converter": f"{STORAGE}StringConverter",
    "offset.storage.file.filename": "/tmp/offsets",
}
SOURCE = {"name": "lines", "connector.class": "FileStreamSource", "topic": "lines", "file": "/tmp/x"}
SINK = {"name": "out", "connector.class": "FileStreamSink", "topics": "lines", "file": "/tmp/y"}


def configurations() -> Iterator[Case]:
    def without(name: str) -> dict[str, str]:
        return {each: value for each, value in GOOD_WORKER.items() if each != name}

    for name in GOOD_WORKER:
        yield {"kind": "worker", "config": without(name)}
    for wrong in (
        {}, {"offset.flush.interval.ms": "soon"}, {"task.shutdown.graceful.timeout.ms": "1.5"},
        {"plugin.discovery": "guess"}, {"topic.creation.enable": "perhaps"}, {"key.converter": "no.such.Converter"},
        {"value.converter": "java.lang.String"}, {"header.converter": "no.such.Header"}, {"listeners": "nowhere"},
        {"listeners": ""}, {"response.http.headers.config": "bad"}, {"offset.flush.timeout.ms": ""},
        {"bootstrap.servers": ""}, {"topic.tracking.enable": "1"}, {"admin.listeners": "x"},
        {"rest.advertised.listener": "ftp"}, {"connector.client.config.override.policy": ""},
    ):  # fmt: skip
        yield {"kind": "worker", "config": {**GOOD_WORKER, **wrong}}
    for base, wrong in (
        (SOURCE, {}), (SINK, {}),
        *((SOURCE, each) for each in (
            {"name": None}, {"topic": None}, {"topic": ""}, {"file": None}, {"batch.size": "0"}, {"batch.size": "-5"},
            {"batch.size": "many"}, {"tasks.max": "0"}, {"tasks.max": "x"}, {"tasks.max": "-1"},
            {"key.converter": "no.such.Converter"}, {"value.converter": "java.lang.String"},
            {"header.converter": "no.such.Header"}, {"errors.tolerance": "some"}, {"errors.retry.timeout": "soon"},
            {"errors.retry.delay.max.ms": "x"}, {"errors.log.enable": "perhaps"}, {"errors.log.include.messages": "2"},
            {"config.action.reload": "later"}, {"transaction.boundary": "never"}, {"exactly.once.support": "please"},
            {"transforms": "a"}, {"transforms": "a,a", "transforms.a.type": f"{TRANSFORMS}Filter"},
            {"transforms": "a", "transforms.a.type": "no.such.Transform"},
            {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}Cast$Value"},
            {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}Cast"},
            {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}HoistField$Value"},
            {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}RegexRouter", "transforms.a.regex": "("},
            {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}Filter", "transforms.a.predicate": "p"},
            {"transforms": "a", "transforms.a.type": f"{TRANSFORMS}Filter", "transforms.a.negate": "x"},
            {"predicates": "p"}, {"predicates": "p,p", "predicates.p.type": f"{PREDICATES}RecordIsTombstone"},
            {"predicates": "p", "predicates.p.type": "no.such.Predicate"},
            {"predicates": "p", "predicates.p.type": f"{PREDICATES}HasHeaderKey"},
            {"predicates": "p", "predicates.p.type": f"{PREDICATES}TopicNameMatches", "predicates.p.pattern": "["},
            {"topic.creation.groups": "a"}, {"offsets.storage.topic": ""}, {"transaction.boundary.interval.ms": "0"},
            {"connector.class": None}, {"connector.class": "FileStream"}, {"connector.class": ""},
            {"tasks.max.enforce": "x"}, {"topic.creation.default.replication.factor": "1"},
            {"topic.creation.default.partitions": "2", "topic.creation.default.replication.factor": "0"},
        )),
        *((SINK, each) for each in (
            {"name": None}, {"topics": None}, {"topics.regex": "l.*"}, {"topics": None, "topics.regex": "["},
            {"topics": ""}, {"file": None}, {"errors.deadletterqueue.topic.name": "lines"},
            {"topics": None, "topics.regex": "li.*", "errors.deadletterqueue.topic.name": "lines"},
            {"errors.deadletterqueue.context.headers.enable": "x"},
            {"errors.deadletterqueue.topic.replication.factor": "x"}, {"errors.tolerance": "none "}, {"tasks.max": ""},
            {"topics": "a,b,,c"}, {"topics": None, "topics.regex": ""},
        )),
    ):  # fmt: skip
        merged = {**base, **wrong}
        yield {"kind": "connector", "config": {name: value for name, value in merged.items() if value is not None}}


def all_cases() -> Iterator[Case]:
    """Every case, in the order in which they are recorded."""
    yield from transforms()
    yield from converters()
    yield from configurations()
