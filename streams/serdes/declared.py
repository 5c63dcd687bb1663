"""What the declared type of JSON values promises of them, so that not every value has to be looked through."""

from __future__ import annotations

from msgspec import inspect

_PLAIN = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.StrType,
    inspect.BytesType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.UUIDType,
    inspect.DecimalType,
)
"""Written as something else than a float, whatever their value."""
_COLLECTIONS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def without_floats(type_: object) -> type | None:
    """The class whose instances hold no float in any field, if `type_` is one: a Struct, dataclass or NamedTuple.

    Fields that are such classes themselves do not count: a subclass of theirs may hold more.
    """
    found = inspect.type_info(type_)
    if isinstance(found, inspect.StructType | inspect.DataclassType | inspect.NamedTupleType) and all(
        _is_without_floats(field.type) for field in found.fields
    ):
        return found.cls
    return None


def _is_without_floats(type_: inspect.Type) -> bool:
    if isinstance(type_, _COLLECTIONS):
        return _is_without_floats(type_.item_type)
    if isinstance(type_, inspect.TupleType):
        return all(map(_is_without_floats, type_.item_types))
    if isinstance(type_, inspect.UnionType):
        return all(map(_is_without_floats, type_.types))
    if isinstance(type_, inspect.DictType):
        return _is_without_floats(type_.key_type) and _is_without_floats(type_.value_type)
    return isinstance(type_, _PLAIN)
