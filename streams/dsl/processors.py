"""Processors of the user's making inside the DSL."""

from __future__ import annotations

from dataclasses import replace

from streams.dsl.options import name_of
from streams.dsl.pick import Fields, Options
from streams.dsl.refs import StreamRef
from streams.errors import IllegalArgumentException, NullPointerException
from streams.topology.plan import UserStep
from streams.topology.suppliers import brought_stores, check_supplier


def process(stream: StreamRef, supplier: object, given: Options, fields: Fields, *, fixed_key: bool) -> StreamRef:
    """`process` and `process_values`: a user's processor with its stores."""
    make = check_supplier(supplier)
    name, stores = _name_and_stores("process_values" if fixed_key else "process", given, fields)
    if name is None:
        name = stream.plan.names.node("KSTREAM-PROCESSVALUES-" if fixed_key else "KSTREAM-PROCESSOR-")
    part = UserStep(make, stores, brought_stores(supplier), fixed_key)
    node = stream.plan.add(name, part, (stream.node,))
    if fixed_key:
        return replace(stream, node=node, name=name, value_serde=None)
    return replace(stream, node=node, name=name, key_serde=None, value_serde=None, rekeyed=True)


def _name_and_stores(method: str, given: Options, fields: Fields) -> tuple[str | None, tuple[str, ...]]:
    """The name may stand anywhere among the stores."""
    if any(thing is None for thing in given):
        raise NullPointerException("state store name cannot be null")
    stores = tuple(thing for thing in given if isinstance(thing, str))
    if any(hasattr(thing, "spec") for thing in given):
        raise IllegalArgumentException(
            f"{method}() takes the names of state stores, got a builder of one. Add it by builder.add_state_store(…), "
            "or let the supplier bring it by its `stores`."
        )
    return name_of(method, tuple(thing for thing in given if not isinstance(thing, str)), fields), stores
