"""Every row of the byte goldens, and the way back: what Java wrote is read as what it was."""

from __future__ import annotations

from typing import Any

import pytest

from streams.serdes import Serdes, buffered, foreign_key, headers, offset_metadata, outer_join, position
from tests.goldens import bytes as goldens

ROWS = list(goldens.rows(None))


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [row for kind, row in ROWS if kind in kinds and "error" not in row]


@pytest.mark.parametrize("kind", sorted({kind for kind, _ in ROWS}))
def test_we_write_what_java_wrote(kind: str) -> None:
    differences = {
        str(row): found for at, row in ROWS if at == kind and (found := goldens.difference(kind, row)) is not None
    }
    assert differences == {}


def test_a_wrong_byte_is_a_difference() -> None:
    assert goldens.difference("serde.long", {"input": {"value": 1}, "hex": "0000000000000002"}) is not None
    assert goldens.difference("serde.long", {"input": {"value": "x"}, "hex": "00"}) is not None
    assert goldens.difference("no.such", {"input": {}, "hex": ""}) == "this format has no function here"


@pytest.mark.parametrize("name", sorted(set(goldens.SERDES) - {"byte_array", "byte_buffer"}))
def test_serdes_read_what_java_wrote(name: str) -> None:
    serde = goldens.named(name)
    for row in of_kind(f"serde.{name}"):
        data = None if row["hex"] is None else bytes.fromhex(row["hex"])
        assert serde.deserialize("topic", data) == goldens.value_of(name, row["input"])


def test_lists_are_read() -> None:
    for row in of_kind("serde.list"):
        serde = Serdes.list(goldens.named(row["input"]["inner"]))
        data = None if row["hex"] is None else bytes.fromhex(row["hex"])
        assert serde.deserialize("topic", data) == goldens.value_of(row["input"]["inner"], row["input"])


@pytest.mark.parametrize("kind", ["time", "session"])
def test_windowed_keys_are_read(kind: str) -> None:
    for row in of_kind(f"windowed.{kind}_serializer"):
        size = row["input"]["end"] - row["input"]["start"]
        inner = goldens.named(row["input"].get("key_type", "string"))
        serde = Serdes.session_windowed(inner) if kind == "session" else Serdes.time_windowed(inner, size)
        assert serde.decode(bytes.fromhex(row["hex"])) == goldens.windowed_of(row["input"])


def test_registrations_and_answers_are_read() -> None:
    for row in of_kind("fk.subscription"):
        given, data = row["input"], bytes.fromhex(row["hex"])
        read = foreign_key.decode_registration(data)
        assert foreign_key.encode_registration(read) == data
        assert read.primary_key == given["primary_key"].encode()
        assert read.instruction.name == given["instruction"]
        assert read.hash == goldens.hash_of(given["left_value"])
        assert read.partition == (None if read.version == 0 else given["primary_partition"])
    for row in of_kind("fk.response"):
        answer = foreign_key.decode_answer(bytes.fromhex(row["hex"]))
        assert answer.hash == goldens.hash_of(row["input"]["left_value"])
        assert answer.foreign_value == (goldens.text(row["input"]["foreign_value"]) or None)
    for row in of_kind("fk.combined_key"):
        given = row["input"]
        keys = foreign_key.split_combined_key(bytes.fromhex(row["hex"]))
        assert keys == (given["foreign_key"].encode(), given["primary_key"].encode())


def test_buffered_records_are_read() -> None:
    for row in of_kind("suppress.changelog_value_v3"):
        value, time = buffered.decode_changelog_value(bytes.fromhex(row["hex"]))
        assert (value, time) == (goldens.buffer_value_of(row["input"]), row["input"]["buffer_time"])


def test_waiting_records_are_read() -> None:
    for row in of_kind("outer_join.key"):
        given = row["input"]
        waiting = outer_join.decode_key(bytes.fromhex(row["hex"]))
        assert waiting == (given["timestamp"], given["side"] == "left", given["key"].encode())
    for row in of_kind("outer_join.changelog_value"):
        values = outer_join.decode_values(bytes.fromhex(row["hex"]))
        assert values == [(True, value.encode()) for value in row["input"]["left_values"]]


def test_headers_beside_values_are_read() -> None:
    for row in of_kind("store.aggregation_with_headers"):
        given = row["input"]
        read = headers.split_headers(bytes.fromhex(row["hex"]))
        assert read == (goldens.header_rows(given["headers"]), given["value"].encode())


def test_offset_metadata_and_positions_are_read() -> None:
    for row in of_kind("offset_commit.metadata"):
        given = row["input"]
        read = offset_metadata.decode_offset_metadata(row["text"])
        assert read == (given["partition_time"], given["processor_metadata"])
    for row in of_kind("position"):
        read_position = position.decode_position(bytes.fromhex(row["hex"]))
        assert {topic: {str(p): o for p, o in offsets.items()} for topic, offsets in read_position.items()} == row[
            "input"
        ]["position"]
