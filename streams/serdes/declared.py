"""What the declared type of JSON and MessagePack values promises of them, so that not every value has to be looked
through, nor be read again."""

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


def is_immutable(type_: object) -> bool:
    """What is read into this type cannot be changed: plain values, and frozen classes and tuples of such."""
    return _is_immutable(inspect.type_info(type_), set())


def _is_immutable(type_: inspect.Type, seen: set[type]) -> bool:
    if isinstance(type_, inspect.StructType | inspect.DataclassType | inspect.NamedTupleType):
        if type_.cls in seen:
            return True
        seen.add(type_.cls)
        return _is_frozen(type_) and all(_is_immutable(field.type, seen) for field in type_.fields)
    if isinstance(type_, inspect.VarTupleType | inspect.FrozenSetType):
        return _is_immutable(type_.item_type, seen)
    if isinstance(type_, inspect.TupleType):
        return all(_is_immutable(each, seen) for each in type_.item_types)
    if isinstance(type_, inspect.UnionType):
        return all(_is_immutable(each, seen) for each in type_.types)
    return isinstance(type_, (*_PLAIN, inspect.FloatType, inspect.EnumType, inspect.LiteralType))


def _is_frozen(type_: inspect.StructType | inspect.DataclassType | inspect.NamedTupleType) -> bool:
    if isinstance(type_, inspect.StructType):
        return type_.cls.__struct_config__.frozen
    if isinstance(type_, inspect.DataclassType):
        # (classes of `attrs` come as dataclasses too, and do not say it)
        parameters = getattr(type_.cls, "__dataclass_params__", None)
        return parameters is not None and parameters.frozen
    return True


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
