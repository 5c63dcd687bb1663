"""What the fields of option objects may hold, by the name of the field: checked when the object is made.

Options share their fields (`key_serde`, `partitioner`, `name`, …), so each rule stands here once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field
from typing import ClassVar, Protocol

from streams import arguments
from streams.config.table import unknown
from streams.config.topics import TOPIC
from streams.dsl.store_supplier import StoreSupplier
from streams.durations import duration_ms
from streams.errors import IllegalArgumentException, NotYetBuiltException
from streams.topology.graph import EXTRACTOR, PARTITIONER
from streams.topology.reset import AutoOffsetReset
from streams.validation import check_flag

Check = Callable[[object, str], object]


def partitioner(given: object, what: str) -> object:
    """A function that chooses partitions; it may give several."""
    return arguments.function(given, PARTITIONER, what, may_yield=True)


def extractor(given: object, what: str) -> object:
    """A function that gives a record's timestamp."""
    return arguments.function(given, EXTRACTOR, what)


def topic_settings(given: object, what: str) -> Mapping[str, object]:
    """Settings of an internal topic.

    Raises:
        IllegalArgumentException: they are no mapping.
        ConfigException: one is unknown, or its value not allowed.
    """
    if not isinstance(given, Mapping):
        raise IllegalArgumentException(f"{what} takes settings of a topic as a mapping, got {given!r}.")
    for setting, value in given.items():
        if setting not in TOPIC:
            raise unknown(str(setting), TOPIC)
        TOPIC[setting].parse(value)
    return dict(given)


def supplier(given: object, what: str) -> object:
    """A supplier of a store.

    Raises:
        NotYetBuiltException: it is one of the user's own.
        IllegalArgumentException: it is something else.
    """
    if isinstance(given, StoreSupplier):
        return given
    if hasattr(given, "get") and hasattr(given, "name"):
        raise NotYetBuiltException(
            f"{what}: stores of one's own ({type(given).__qualname__}) are not built yet; take a supplier that Stores "
            "makes, e.g. Stores.persistent_key_value_store(name)."
        )
    raise IllegalArgumentException(
        f"{what} takes a supplier that Stores makes, e.g. Stores.persistent_key_value_store(name), got {given!r}."
    )


def _reset(given: object, what: str) -> object:
    if isinstance(given, AutoOffsetReset):
        return given
    raise IllegalArgumentException(f"{what} takes AutoOffsetReset.earliest() and its like, got {given!r}.")


def _text(given: object, what: str) -> object:
    if isinstance(given, str):
        return given
    raise IllegalArgumentException(f"{what} takes text, got {given!r}.")


def _branch(given: object, what: str) -> object:
    return arguments.function(given, "stream", what)


CHECKS: Mapping[str, Check] = {
    "name": arguments.name,
    "store": arguments.name,
    "store_name": arguments.name,
    "key_serde": arguments.serde,
    "value_serde": arguments.serde,
    "other_value_serde": arguments.serde,
    "partitioner": partitioner,
    "other_partitioner": partitioner,
    "timestamp_extractor": extractor,
    "offset_reset": _reset,
    "grace_period": duration_ms,
    "retention": duration_ms,
    "ttl": duration_ms,
    "caching": check_flag,
    "retain_duplicates": check_flag,
    "logging": topic_settings,
    "supplier": supplier,
    "this_store": supplier,
    "other_store": supplier,
    "partitions": lambda given, what: arguments.whole(given, what, high=arguments.INT_MAX),
    "record_limit": arguments.whole,
    "byte_limit": arguments.whole,
    "emit_early": check_flag,
    "function": _branch,
    "consumer": _branch,
    "file": _text,
    "label": _text,
    "mapper": lambda given, what: arguments.function(given, "key, value", what),
}
"""By field; None (not given) passes them all."""


def check_store(given: object) -> str:
    """What stands for a store in `Materialized.as_`, where it is neither a supplier nor a place: its name.

    Raises:
        NotYetBuiltException: it is a supplier of the user's own.
        IllegalArgumentException: it is something else, such as the builder of a store.
    """
    if isinstance(given, str):
        return arguments.name(given, "Materialized.as_()")
    if hasattr(given, "spec"):
        raise IllegalArgumentException(
            "Materialized.as_() takes the name of a store or its supplier, got a builder. Give the supplier, and "
            "serdes by key_serde and value_serde."
        )
    supplier(given, "Materialized.as_()")
    raise IllegalArgumentException(f"Materialized.as_() takes the name of a store, got {given!r}.")


class Option(Protocol):
    """A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[object]]]


def check_fields(option: Option) -> None:
    """Refuses values that a field of the option cannot have.

    Raises:
        IllegalArgumentException: a value is of another kind, or out of range.
        TopologyException: a name is not allowed, or a function is none, or not plain.
        NotYetBuiltException: it is known and not built yet.
    """
    owner = type(option).__name__
    for field in option.__dataclass_fields__:
        given, check = getattr(option, field), CHECKS.get(field)
        if given is not None and check is not None:
            check(given, f"{field} of {owner}")
