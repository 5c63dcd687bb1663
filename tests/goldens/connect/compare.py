"""Ours beside what Java recorded: `differences()` runs one case and says where they part."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from streams.connect.connector_config import validate
from streams.connect.data.schema import Schema
from streams.connect.plugins import converter_called, header_converter_called, predicate_called, transform_called
from streams.connect.records import Header, SinkRecord
from streams.connect.transforms.chain import Stage
from streams.connect.worker_config import OFFSET_FILE, worker_config
from streams.errors import KafkaException
from tests.goldens.connect.record import DATA
from tests.goldens.connect.values import (
    said_of_schema,
    said_of_value,
    schema_in_our_terms,
    schema_of,
    value_of,
    without_widths,
)

Row = dict[str, Any]

OURS = {
    "java.lang.String": "str",
    "java.lang.Long": "int",
    "java.lang.Integer": "int",
    "java.lang.Double": "float",
    "java.lang.Boolean": "bool",
    "java.util.LinkedHashMap": "dict",
    "java.util.HashMap": "dict",
    "java.util.ArrayList": "list",
    "java.util.Date": "datetime",
    "java.math.BigDecimal": "Decimal",
    "[B": "bytes",
    "org.apache.kafka.connect.data.Struct": "Struct",
}
"""Java's classes, and what stands for them in Python."""
SLIPS = {"NullPointerException", "ClassCastException"}
"""Java stumbles there; ours says what is wrong, by any of Kafka's exceptions."""
DETAILS = re.compile(
    r"(serialization error: |Invalid regex: |Failed to (?:de)?serialize.*?: |SinkRecord\{).*", re.DOTALL
)
"""Behind these words stands what another library says of it."""


def rows() -> list[Row]:
    """Every recorded case."""
    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def in_our_words(message: str | None) -> str:
    """A message of Java's with our names of types, without what another library says."""
    said = message or ""
    for java, ours in OURS.items():
        said = said.replace(f"class {java}", f"class {ours}").replace(f"found: {java}", f"found: {ours}")
    return DETAILS.sub(r"\1", said)


def error_difference(java: Mapping[str, str], error: KafkaException | None) -> str | None:
    """Where an error of ours is another than Java's."""
    if error is None:
        return f"Java: {java}; ours went on"
    if java["class"] in SLIPS:
        return None
    said = (type(error).__name__, DETAILS.sub(r"\1", str(error)))
    wanted = (java["class"], in_our_words(java["message"]))
    return None if said == wanted else f"Java: {wanted}; ours: {said}"


def part(java: Any, ours: Any, where: str) -> Iterator[str]:
    """Says it where the two are not the same."""
    if java != ours:
        yield f"{where}: Java {json.dumps(java, ensure_ascii=False)}; ours {json.dumps(ours, ensure_ascii=False)}"


# Transforms


def record_of(said: Row) -> SinkRecord:
    """A record of ours."""
    key_schema, value_schema = schema_of(said["key_schema"]), schema_of(said["value_schema"])
    headers = []
    for each in said.get("headers", ()):
        schema = schema_of(each["schema"])
        headers.append(Header(each["key"], value_of(each["value"], schema), schema))
    return SinkRecord(
        said["topic"],
        value_of(said["value"], value_schema),
        value_schema,
        value_of(said["key"], key_schema),
        key_schema,
        said["partition"],
        said["timestamp"],
        tuple(headers),
        said["offset"],
        said["topic"],
    )


def value_differences(said: Any, said_schema: Any, value: object, schema: Schema | None, where: str) -> Iterator[str]:
    """A recorded value with its schema, beside ours."""
    yield from part(schema_in_our_terms(said_schema), said_of_schema(schema), f"{where}'s schema")
    yield from part(without_widths(said, said_schema), said_of_value(value, schema), where)


def record_differences(java: Row, ours: SinkRecord) -> Iterator[str]:
    """A recorded record beside ours."""
    for name in ("topic", "partition", "timestamp", "offset"):
        yield from part(java[name], getattr(ours, name), name)
    yield from value_differences(java["key"], java["key_schema"], ours.key, ours.key_schema, "key")
    yield from value_differences(java["value"], java["value_schema"], ours.value, ours.value_schema, "value")
    yield from part([each["key"] for each in java["headers"]], [each.key for each in ours.headers], "headers")
    for said, header in zip(java["headers"], ours.headers, strict=False):
        yield from value_differences(said["value"], said["schema"], header.value, header.schema, f"header {header.key}")


def transform(row: Row) -> Iterator[str]:
    """One transform over its records."""
    java = row["java"]
    try:
        plugin = transform_called(row["class"])
        made = plugin.made(plugin.config_def.parse(row["config"]))
        predicate = None
        if "predicate" in row:
            found = predicate_called(row["predicate"]["class"])
            predicate = found.made(found.config_def.parse(row["predicate"]["config"]))
    except KafkaException as error:
        if "error" not in java:
            yield f"ours: {error!r}"
        elif (found_difference := error_difference(java["error"], error)) is not None:
            yield found_difference
        return
    if "error" in java:
        yield f"Java: {java['error']}; ours took it"
        return
    stage = Stage("it", made, predicate, row.get("predicate", {}).get("negate", False))
    for number, (given, said) in enumerate(zip(row["records"], java["records"], strict=True)):
        where = f"record {number}: "
        try:
            ours = stage.apply(record_of(given))
        except KafkaException as error:
            if said is None or "error" not in said:
                yield f"{where}Java went on; ours: {error!r}"
            elif (difference := error_difference(said["error"], error)) is not None:
                yield where + difference
            continue
        if said is None or ours is None:
            yield from part(said, ours, where + "dropped")
        elif "error" in said:
            yield f"{where}Java: {said['error']}; ours went on"
        else:
            yield from (where + each for each in record_differences(said, ours))


# Converters


def converter(row: Row) -> Iterator[str]:
    """One value, or one piece of bytes, through a converter of values."""
    plugin = converter_called(row["class"])
    ours = plugin.made(plugin.config_def.parse(row["config"]), row["key"])
    yield from _converted(
        row,
        lambda schema, value: ours.from_connect_data("topic", schema, value),
        lambda data: ours.to_connect_data("topic", data),
    )


def header(row: Row) -> Iterator[str]:
    """The same through a converter of headers."""
    plugin = header_converter_called(row["class"])
    ours = plugin.made(plugin.config_def.parse(row["config"]))
    yield from _converted(
        row,
        lambda schema, value: ours.from_connect_header("topic", "name", schema, value),
        lambda data: ours.to_connect_header("topic", "name", data),
    )


def _converted(row: Row, write: Any, read: Any) -> Iterator[str]:
    java = row["java"]
    try:
        if "bytes" in row:
            data = None if row["bytes"] is None else base64.b64decode(row["bytes"])
        else:
            schema = schema_of(row["schema"])
            data = write(schema, value_of(row["value"], schema))
            if "bytes" in java:
                wanted = None if java["bytes"] is None else base64.b64decode(java["bytes"])
                if data != wanted:
                    yield f"bytes: Java {wanted!r}; ours {data!r}"
        if "error" in java.get("back", {}):
            java = java["back"]
        found = read(data)
    except KafkaException as error:
        if "error" not in java:
            yield f"Java went on: {json.dumps(java)}; ours: {error!r}"
        elif (difference := error_difference(java["error"], error)) is not None:
            yield difference
        return
    if "error" in java:
        yield f"Java: {java['error']}; ours went on"
        return
    back = java["back"]
    yield from value_differences(back["value"], back["schema"], found.value, found.schema, "back")


# Configurations

PREFIX = re.compile(r"(?:transforms\.a|predicates\.p)\.")


def begins_alike(java: str, ours: str) -> bool:
    """Does ours say what Java says, and perhaps more? Of a part Java leaves the prefix out."""
    return PREFIX.sub("", DETAILS.sub(r"\1", ours)).startswith(PREFIX.sub("", DETAILS.sub(r"\1", java)))


def connector(row: Row) -> Iterator[str]:
    """What is wrong with a connector's settings: the same ones are named, with the same words first."""
    java = row["java"]
    try:
        errors = validate(row["config"]).errors
    except KafkaException as error:
        if "error" not in java or java["error"]["class"] != type(error).__name__:
            yield f"Java: {json.dumps(java)}; ours: {error!r}"
        elif not str(error).startswith(java["error"]["message"].partition("available")[0]):
            yield f"Java: {java['error']['message']}; ours: {error}"
        return
    yield from part(sorted(java.get("errors", {})), sorted(errors), "the settings that are wrong")
    for name, said in java.get("errors", {}).items():
        if name in errors and not begins_alike(said[0], errors[name][0]):
            yield f"{name}: Java {said[0]!r}; ours {errors[name][0]!r}"


def worker(row: Row) -> Iterator[str]:
    """What is wrong with a worker's settings."""
    given = {name: value for name, value in row["config"].items() if name != OFFSET_FILE}
    try:
        worker_config(given)
    except KafkaException as error:
        if "error" not in row["java"]:
            yield f"Java took it; ours: {error!r}"
        elif not begins_alike(row["java"]["error"]["message"], str(error)):
            yield f"Java: {row['java']['error']['message']}; ours: {error}"
        return
    if "error" in row["java"]:
        yield f"Java: {row['java']['error']}; ours took it"


KINDS = {
    "transform": transform,
    "converter": converter,
    "header": header,
    "connector": connector,
    "worker": worker,
}


def differences(row: Row) -> list[str]:
    """Where one case parts from Java."""
    return list(KINDS[row["kind"]](row))
