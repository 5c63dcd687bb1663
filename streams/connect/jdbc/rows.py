"""From records to rows: which columns a record has, which of them are its key, and their values.

By `pk.mode`, `pk.fields` and `fields.whitelist`. Records with the same schemas have the same layout, which is found
once; objects without a schema have one for each set of names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from streams.connect.data.schema import Schema, Type
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException
from streams.connect.records import SinkRecord

KAFKA_FIELDS = ("__connect_topic", "__connect_partition", "__connect_offset")
_KAFKA_SCHEMAS = (Schema(Type.STRING), Schema(Type.INT32), Schema(Type.INT64))

MOST = 1_000
"""So many layouts are remembered: objects without a schema may each have names of their own."""

Values = Callable[[SinkRecord], Sequence[object]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How records of one kind become rows.

    Args:
        names: of the columns, those of the key first.
        schemas: what is in them; None: nobody says.
        keys: how many of them are the key.
        values: the values of a record, in that order.
    """

    names: tuple[str, ...]
    schemas: tuple[Schema | None, ...]
    keys: int
    values: Values


class Layouts:
    """Finds the layouts of records.

    Args:
        pk_mode: none, kafka, record_key, record_value.
        pk_fields: the names of the key's columns; (): as the mode has them.
        whitelist: which fields of values are written; (): all.
        deletes: does a tombstone delete?
    """

    def __init__(
        self, pk_mode: str, pk_fields: tuple[str, ...], whitelist: tuple[str, ...], deletes: bool
    ) -> None:
        self._mode = pk_mode
        self._fields = pk_fields
        self._whitelist = frozenset(whitelist)
        self._deletes = deletes
        self._found: dict[object, Layout] = {}

    def of(self, record: SinkRecord) -> Layout:
        """The layout of a record.

        Raises:
            DataException: it has no key, no fields, or not those that are asked for.
        """
        kind = (_kind(record.key_schema, record.key), _kind(record.value_schema, record.value))
        found = self._found.get(kind)
        if found is None:
            if len(self._found) >= MOST:
                self._found.clear()
            found = self._found[kind] = self._made(record)
        return found

    def _made(self, record: SinkRecord) -> Layout:
        if record.value is None and not self._deletes:
            raise DataException(
                "A record without a value (a tombstone) deletes a row only with delete.enabled=true and "
                "pk.mode=record_key. Set them, or drop such records by a Filter with RecordIsTombstone."
            )
        keys, key_schemas, key_values = self._key(record)
        if record.value is None:
            return Layout(keys, key_schemas, len(keys), key_values)
        names, schemas = _fields(record.value_schema, record.value, "value")
        if self._mode == "record_value":
            chosen = self._fields or names
            _check_has(names, chosen, "value")
            places = [names.index(name) for name in chosen]
            keys, key_schemas = tuple(chosen), tuple(schemas[place] for place in places)
            key_values = _of_part(record.value, keys, places, schemas, "value")
        others = [
            place for place, name in enumerate(names)
            if name not in keys and (not self._whitelist or name in self._whitelist)
        ]  # fmt: skip
        other_names = tuple(names[place] for place in others)
        if not keys and not other_names:
            raise DataException("The value has no field that is to be written.")
        other_values = _of_part(record.value, other_names, others, schemas, "value")

        def values(each: SinkRecord) -> list[object]:
            return [*key_values(each), *other_values(each)]

        all_schemas = (*key_schemas, *(schemas[place] for place in others))
        return Layout((*keys, *other_names), all_schemas, len(keys), values if keys else other_values)

    def _key(self, record: SinkRecord) -> tuple[tuple[str, ...], tuple[Schema | None, ...], Values]:
        if self._mode == "kafka":
            return self._fields or KAFKA_FIELDS, _KAFKA_SCHEMAS, _coordinates
        if self._mode != "record_key":
            return (), (), lambda each: []
        key, schema = record.key, record.key_schema
        if key is None:
            raise DataException("The record has no key, and pk.mode=record_key needs one.")
        if not isinstance(key, Struct | dict):
            if len(self._fields) != 1:
                raise DataException(
                    "The key is a single value: pk.fields has to name the one column that it is written to."
                )
            return self._fields, (schema,), lambda each: [each.key]
        names, schemas = _fields(schema, key, "key")
        chosen = self._fields or names
        _check_has(names, chosen, "key")
        places = [names.index(name) for name in chosen]
        return tuple(chosen), tuple(schemas[place] for place in places), _of_part(key, chosen, places, schemas, "key")


def _kind(schema: Schema | None, value: object) -> object:
    """What tells records of one layout from those of another."""
    if isinstance(value, Struct):
        return value.schema
    if isinstance(value, dict):
        return tuple(value)
    return value is None, schema


def _fields(
    schema: Schema | None, value: object, part: str
) -> tuple[tuple[str, ...], tuple[Schema | None, ...]]:
    if isinstance(value, Struct):
        return tuple(field.name for field in value.schema.fields), tuple(field.schema for field in value.schema.fields)
    if isinstance(value, dict):
        names = tuple(map(str, value))
        inner = None if schema is None else schema.value_schema
        return names, (inner,) * len(names)
    raise DataException(
        f"The {part} is a {type(value).__name__}, and a row needs fields: a struct, or a JSON object. Put it into one "
        "with HoistField, or set the converter to JsonConverter."
    )


def _check_has(names: tuple[str, ...], wanted: tuple[str, ...], part: str) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataException(
            f"pk.fields names {missing[0]}, and the {part} has no such field. It has {', '.join(names) or 'none'}."
        )


def _of_part(
    value: object, names: tuple[str, ...], places: list[int], schemas: tuple[Schema | None, ...], part: str
) -> Values:
    """Takes these fields of the key or the value."""
    is_key = part == "key"
    if isinstance(value, dict):
        look_up = _looking_up(names)

        def of_object(each: SinkRecord) -> Sequence[object]:
            found = each.key if is_key else each.value
            assert isinstance(found, dict)
            return look_up(found)

        return of_object
    defaults: Mapping[int, object] = {
        index: schema.default
        for index, place in enumerate(places)
        if (schema := schemas[place]) is not None and schema.default is not None
    }

    def of(each: SinkRecord) -> list[object]:
        whole = each.key if is_key else each.value
        assert isinstance(whole, Struct)
        given = whole.values
        found = [given[place] for place in places]
        for index, default in defaults.items():
            if found[index] is None:
                found[index] = default
        return found

    return of


def _looking_up(names: tuple[str, ...]) -> Callable[[dict[str, object]], Sequence[object]]:
    """Takes the values of these names."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda value: [value[name] for name in names]


def _coordinates(record: SinkRecord) -> list[object]:
    return [record.original_topic, record.original_partition, record.offset]
