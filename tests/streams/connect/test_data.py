"""Schemas, structs and what fits them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest

from streams.connect.data import Schema, Struct, Type
from streams.connect.data.validate import validate_value
from streams.connect.errors import DataException

ADDRESS = Schema.struct({"city": Schema(Type.STRING)}, name="Address")
ORDER = Schema.struct(
    {
        "id": Schema(Type.INT64),
        "amount": Schema.decimal(2, optional=True),
        "at": Schema.timestamp(optional=True),
        "tags": Schema.array(Schema(Type.STRING), optional=True),
        "to": Schema(Type.STRUCT, optional=True, name="Address", fields=ADDRESS.fields),
        "state": Schema(Type.STRING, default="new"),
    }
)
NOW = datetime(2026, 11, 29, 22, 30, tzinfo=UTC)


def test_a_struct_has_the_values_that_were_put() -> None:
    to = ORDER.field("to")
    assert to is not None
    order = Struct(ORDER, {"id": 7, "amount": Decimal("1.50"), "at": NOW, "tags": ["a"]})
    order.put("to", Struct(to.schema, {"city": "Oslo"}))
    order.validate()
    assert order["id"] == 7
    assert order["amount"] == Decimal("1.50")
    assert str(order["to"]) == "Struct{city=Oslo}"


def test_a_default_stands_for_a_missing_value() -> None:
    order = Struct(ORDER, {"id": 7})
    assert order["state"] == "new"
    assert order.get_without_default("state") is None
    order.validate()


def test_structs_are_equal_by_schema_and_values() -> None:
    assert Struct(ORDER, {"id": 7}) == Struct(ORDER, {"id": 7})
    assert Struct(ORDER, {"id": 7}) != Struct(ORDER, {"id": 8})
    assert Struct(ADDRESS, {"city": "a"}) != Struct(Schema.struct({"city": Schema(Type.STRING)}), {"city": "a"})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (Schema(Type.INT8), 127),
        (Schema(Type.INT8), -128),
        (Schema(Type.INT64), 2**63 - 1),
        (Schema(Type.BYTES), b"a"),
        (Schema(Type.FLOAT32), 1.5),
        (Schema.date(), date(2026, 11, 29)),
        (Schema.time(), time(22, 30)),
        (Schema.timestamp(), NOW),
        (Schema.map(Schema(Type.STRING), Schema(Type.INT32)), {"a": 1}),
        (Schema(Type.STRING, optional=True), None),
    ],
    ids=str,
)
def test_what_fits(schema: Schema, value: object) -> None:
    validate_value(schema, value)


@pytest.mark.parametrize(
    ("schema", "value", "why"),
    [
        (Schema(Type.INT8), 128, "Invalid Python object for schema with type INT8: class int for value"),
        (Schema(Type.INT32), True, "Invalid Python object for schema with type INT32: class bool for value"),
        (Schema(Type.FLOAT64), 1, "Invalid Python object for schema with type FLOAT64: class int for value"),
        (Schema(Type.STRING), None, "Invalid value: null used for required value, schema type: STRING"),
        (
            Schema.date(),
            NOW,
            'Invalid Python object for schema "org.apache.kafka.connect.data.Date" with type INT32: class datetime '
            "for value",
        ),
        (
            Schema.array(Schema(Type.STRING)),
            ["a", None],
            "Invalid value: null used for required element of array value, schema type: STRING",
        ),
        (
            Schema.map(Schema(Type.STRING), Schema(Type.INT32)),
            {1: 1},
            "Invalid Python object for schema with type STRING: class int for key of map value",
        ),
        (ADDRESS, Struct(ORDER, {"id": 1}), "Struct schemas do not match."),
    ],
    ids=str,
)
def test_what_does_not_fit_says_why(schema: Schema, value: object, why: str) -> None:
    with pytest.raises(DataException) as raised:
        validate_value(schema, value)
    assert str(raised.value) == why


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(DataException, match="colour is not a valid field name"):
        Struct(ORDER, {"colour": 1})
    with pytest.raises(DataException, match='null used for required field: "id"'):
        Struct(ORDER).validate()
