"""`python -m tests.goldens bytes [FILE]`: byte formats, row by row, against what Java wrote.

`FORMATS` says for each format how a row is made here: a function from the row's input to the fields that the
row records (`hex`, `key`, `partitions`, …). A row with `error` wants that exception and that text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from statestore import history
from statestore import keys as store_keys
from streams.partition import murmur2, partition_for
from streams.processor import RecordContext
from streams.record import Headers, Window, Windowed
from streams.serdes import (
    Serde,
    Serdes,
    buffered,
    change,
    foreign_key,
    headers,
    murmur3,
    offset_metadata,
    outer_join,
    position,
)

SHIPPED = Path(__file__).parent / "data" / "bytes.json"

Row = dict[str, Any]
Fields = dict[str, Any]
Make = Callable[[Row], Fields]

SERDES: dict[str, Callable[[], Serde[Any]]] = {
    "string": Serdes.string,
    "long": Serdes.long,
    "integer": Serdes.integer,
    "short": Serdes.short,
    "double": Serdes.double,
    "float": Serdes.float,
    "boolean": Serdes.boolean,
    "uuid": Serdes.uuid,
    "void": Serdes.void,
    "bytes": Serdes.bytes,
    "byte_array": Serdes.bytes,
    "byte_buffer": Serdes.bytes,
}


def named(name: str) -> Serde[Any]:
    if name.startswith("list of "):
        return Serdes.list(named(name.removeprefix("list of ")))
    return SERDES[name]()


def typed(name: str, value: Any) -> Any:
    """A value of the recording as the serde of that name takes it."""
    if value is None:
        return None
    if isinstance(value, list):
        inner = name.removeprefix("list of ")
        return [typed(inner, entry) for entry in value]
    if name == "uuid":
        return UUID(value)
    if name in ("double", "float"):
        return float(value.replace("Infinity", "inf") if isinstance(value, str) else value)
    return value


def value_of(name: str, given: Row) -> Any:
    if "value_hex" in given:
        return unhexed(given["value_hex"])
    return typed(name, given["value"])


def unhexed(given: Any) -> Any:
    if given is None:
        return None
    return [unhexed(entry) for entry in given] if isinstance(given, list) else bytes.fromhex(given)


def hexed(data: bytes | None) -> Fields:
    return {"hex": None if data is None else data.hex()}


def text(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def header_rows(given: list[list[str | None]]) -> Headers:
    return tuple((str(name), text(value)) for name, value in given)


def serde_row(name: str) -> Make:
    return lambda row: hexed(named(name).serialize("topic", value_of(name, row["input"])))


def list_row(row: Row) -> Fields:
    inner = row["input"]["inner"]
    return hexed(Serdes.list(named(inner)).serialize("topic", value_of(inner, row["input"])))


def key_of(given: Row) -> bytes:
    name = given.get("key_type", "string")
    return named(name).encode(typed(name, given["key"]))


def windowed_of(given: Row) -> Windowed:
    name = given.get("key_type", "string")
    return Windowed(typed(name, given["key"]), Window(given["start"], given.get("end", given["start"] + 10)))


def windowed_serde(given: Row, kind: str) -> Serde[Windowed]:
    inner = named(given.get("key_type", "string"))
    return Serdes.session_windowed(inner) if kind == "session" else Serdes.time_windowed(inner, 10)


def windowed_row(kind: str) -> Make:
    return lambda row: hexed(windowed_serde(row["input"], kind).serialize("topic", windowed_of(row["input"])))


def time_deserializer_row(row: Row) -> Fields:
    given = row["input"]
    serde = Serdes.time_windowed(Serdes.string(), given["window_size"], for_changelog=given["changelog"])
    read = serde.decode(bytes.fromhex(given["hex"]))
    return {"key": read.key, "start": read.window.start, "end": read.window.end}


def window_key_row(make: Callable[[bytes, int, int], bytes]) -> Make:
    return lambda row: hexed(make(key_of(row["input"]), row["input"]["start"], row["input"]["seqnum"]))


def session_key_row(make: Callable[[bytes, int, int], bytes]) -> Make:
    return lambda row: hexed(make(key_of(row["input"]), row["input"]["start"], row["input"]["end"]))


def value_and_timestamp_row(row: Row) -> Fields:
    given = row["input"]
    return hexed(headers.timestamped(given["timestamp"], given["value"].encode()))


def value_timestamp_headers_row(row: Row) -> Fields:
    given = row["input"]
    rows = header_rows(given["headers"])
    return hexed(headers.with_timestamp_and_headers(rows, given["timestamp"], given["value"].encode()))


def aggregation_with_headers_row(row: Row) -> Fields:
    given = row["input"]
    return hexed(headers.with_headers(header_rows(given["headers"]), given["value"].encode()))


def versioned_segment_row(row: Row) -> Fields:
    versions: history.History = ()
    end = 0
    for step in row["input"]["ops"]:
        start = step["valid_from"] if "valid_from" in step else step["timestamp"]
        if "valid_to" in step:
            if versions and start > end:
                # Nothing was valid in between: Java says so by a deletion.
                versions, _ = history.insert(versions, end, None)
            end = step["valid_to"]
        versions, _ = history.insert(versions, start, text(step["value"]))
    return hexed(history.pack(versions, end))


def change_row(row: Row) -> Fields:
    given = row["input"]
    both = given["upgrade_from"] not in change.ONE_VALUE_UPGRADES
    return hexed(change.change_encoder(Serdes.string().encode, both)(given["new"], given["old"]))


def change_read_row(row: Row) -> Fields:
    read = change.change_decoder(Serdes.string().decode)(bytes.fromhex(row["input"]["hex"]))
    return {"new": read.new, "old": read.old, "is_latest": read.is_latest}


def hash_of(left_value: str | None) -> bytes | None:
    return None if left_value is None else murmur3.murmur3_128(left_value.encode())


def subscription_row(row: Row) -> Fields:
    given = row["input"]
    version = min(given["version"], foreign_key.version_for(given.get("upgrade_from")))
    registration = foreign_key.Registration(
        hash_of(given["left_value"]),
        foreign_key.Instruction[given["instruction"]],
        given["primary_key"].encode(),
        given["primary_partition"],
        version,
    )
    return hexed(foreign_key.encode_registration(registration))


def response_row(row: Row) -> Fields:
    given = row["input"]
    answer = foreign_key.Answer(hash_of(given["left_value"]), text(given["foreign_value"]))
    return hexed(foreign_key.encode_answer(answer))


def combined_key_row(row: Row) -> Fields:
    given = row["input"]
    return hexed(foreign_key.combined_key(given["foreign_key"].encode(), given["primary_key"].encode()))


def prefix_row(row: Row) -> Fields:
    return hexed(foreign_key.combined_prefix(row["input"]["foreign_key"].encode()))


def murmur3_row(row: Row) -> Fields:
    hashed = murmur3.murmur3_128(bytes.fromhex(row["key_hex"]))
    return {"hash": [int.from_bytes(half, "big", signed=True) for half in (hashed[:8], hashed[8:])]}


def context_of(given: Row) -> RecordContext:
    return RecordContext(
        given["topic"],
        given["partition"],
        given["offset"],
        given["timestamp"],
        header_rows(given["headers"]),
    )


def buffer_value_of(given: Row) -> buffered.BufferValue:
    prior, old, new = text(given["prior"]), text(given["old"]), text(given["new"])
    return buffered.BufferValue(prior, old, new, context_of(given["context"]))


def record_context_row(row: Row) -> Fields:
    return hexed(buffered.encode_context(context_of(row["input"])))


def buffer_value_row(row: Row) -> Fields:
    given = row["input"]
    return hexed(buffered.encode_buffer_value(buffer_value_of(given)) + bytes(given["end_padding"]))


def changelog_value_row(row: Row) -> Fields:
    given = row["input"]
    return hexed(buffered.encode_changelog_value(buffer_value_of(given), given["buffer_time"]))


def outer_key_row(row: Row) -> Fields:
    given = row["input"]
    waiting = outer_join.Waiting(given["timestamp"], given["side"] == "left", given["key"].encode())
    return hexed(outer_join.encode_key(waiting))


def outer_value_row(row: Row) -> Fields:
    given = row["input"]
    name = given.get("value_type", "string")
    sided = outer_join.Sided(given["side"] == "left", named(name).encode(typed(name, given["value"])))
    return hexed(outer_join.encode_value(sided))


def outer_changelog_row(row: Row) -> Fields:
    given = row["input"]
    left = [outer_join.Sided(True, value.encode()) for value in given.get("left_values", ())]
    right = [outer_join.Sided(False, value.encode()) for value in given.get("right_values", ())]
    return hexed(outer_join.encode_values(left + right))


def offset_metadata_row(row: Row) -> Fields:
    given = row["input"]
    written = offset_metadata.encode_offset_metadata(given["partition_time"], given["processor_metadata"])
    return {"text": written, "hex": offset_metadata.raw_bytes(written).hex()}


def offset_metadata_read_row(row: Row) -> Fields:
    read = offset_metadata.decode_offset_metadata(row["input"]["text"])
    return {"partition_time": read.partition_time, "processor_metadata": dict(read.processor_metadata)}


def position_row(row: Row) -> Fields:
    given = row["input"]["position"]
    offsets = {topic: {int(at): offset for at, offset in rows.items()} for topic, rows in given.items()}
    return hexed(position.encode_position(offsets))


def partition_row(row: Row) -> Fields:
    key = bytes.fromhex(row["key_hex"])
    hashed = murmur2(key)
    return {
        "murmur2": hashed - (1 << 32) if hashed >> 31 else hashed,
        "partitions": {n: partition_for(key, int(n)) for n in row["partitions"]},
    }


def partition_windowed_row(row: Row) -> Fields:
    given = row["input"]
    serde = windowed_serde(given, given["kind"])
    assert serde.partition_bytes is not None
    inner = serde.partition_bytes(serde.encode(windowed_of(given)))
    return {"partitions": [partition_for(inner, given["n"])]}


def thousand_keys_row(row: Row) -> Fields:
    return {"partitions": [partition_for(f"key-{at}".encode(), 7) for at in range(1_000)]}


FORMATS: dict[str, Make] = {
    **{f"serde.{name}": serde_row(name) for name in SERDES},
    "serde.list": list_row,
    "windowed.time_serializer": windowed_row("time"),
    "windowed.session_serializer": windowed_row("session"),
    "windowed.time_deserializer": time_deserializer_row,
    "store.window_key": window_key_row(store_keys.window_key),
    "store.window_key_time_first": window_key_row(store_keys.window_key_time_first),
    "store.window_key_index": window_key_row(store_keys.window_key_index),
    "store.session_key": session_key_row(store_keys.session_key),
    "store.session_key_time_first": session_key_row(store_keys.session_key_time_first),
    "store.session_key_index": session_key_row(store_keys.session_key_index),
    "store.headers": lambda row: hexed(headers.encode_headers(header_rows(row["input"]["headers"]))),
    "store.value_and_timestamp": value_and_timestamp_row,
    "store.value_timestamp_headers": value_timestamp_headers_row,
    "store.aggregation_with_headers": aggregation_with_headers_row,
    "store.versioned_segment": versioned_segment_row,
    "repartition.change": change_row,
    "repartition.change_read": change_read_row,
    "fk.subscription": subscription_row,
    "fk.response": response_row,
    "fk.combined_key": combined_key_row,
    "fk.prefix": prefix_row,
    "fk.murmur3_128": murmur3_row,
    "suppress.record_context": record_context_row,
    "suppress.buffer_value": buffer_value_row,
    "suppress.changelog_value_v3": changelog_value_row,
    "outer_join.key": outer_key_row,
    "outer_join.value": outer_value_row,
    "outer_join.changelog_value": outer_changelog_row,
    "offset_commit.metadata": offset_metadata_row,
    "offset_commit.metadata_read": offset_metadata_read_row,
    "position": position_row,
    "partition.default": partition_row,
    "partition.key_0_to_999_of_7": thousand_keys_row,
    "partition.windowed": partition_windowed_row,
}

# Texts that the Java machine writes, not Kafka: only the class is compared.
JVM_TEXTS = ("Cannot invoke ", "class java.", "Index ")


def difference(kind: str, row: Row) -> str | None:
    """The first difference of one row, or None."""
    make = FORMATS.get(kind)
    if make is None:
        return "this format has no function here"
    wanted = row.get("error")
    try:
        made = make(row)
    except Exception as error:
        if wanted is None:
            return f"{type(error).__name__}: {error}"
        name, message = wanted["class"].split(".")[-1], wanted["message"] or ""
        if type(error).__name__ != name:
            return f"{type(error).__name__} ({error}) instead of {name} ({message})"
        if not message.startswith(JVM_TEXTS) and not str(error).startswith(message):
            return f"message {str(error)!r} instead of {message!r}"
        return None
    if wanted is not None:
        return f"{made} instead of {wanted['class']}: {wanted['message']}"
    for field, recorded in row.items():
        if field in made and made[field] != recorded:
            return f"{field} is {made[field]}, recorded {recorded}"
    if not made.keys() & row.keys():
        return f"nothing to compare: made {sorted(made)}, recorded {sorted(row)}"
    return None


def rows(file: str | Path | None) -> Iterator[tuple[str, Row]]:
    recorded: dict[str, list[Row]] = json.loads(Path(file or SHIPPED).read_text("utf-8"))
    for kind, entries in recorded.items():
        for entry in entries:
            yield kind, entry


def run(file: str | None = None) -> int:
    """Prints the first difference of each failing row, and `passed/total` last. 1 on any difference."""
    passed = total = 0
    for kind, row in rows(file):
        total += 1
        found = difference(kind, row)
        if found is None:
            passed += 1
        else:
            given = {name: value for name, value in row.items() if name in ("input", "key_hex")}
            print(f"FAIL {kind}: {json.dumps(given)[:300]}\n  {found}")
    print(f"{passed}/{total}")
    return 0 if passed == total else 1
