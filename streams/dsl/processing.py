"""Processors of the user's making inside the DSL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streams.dsl.flow import Flow, store_names
from streams.topology.plan import UserStep
from streams.topology.suppliers import brought_stores, check_supplier


def process(
    flow: Flow, supplier: object, given: tuple[object, ...], fields: Mapping[str, object], *, fixed_key: bool
) -> Flow:
    """`process` and `process_values`: a user's processor with its stores."""
    method = "process_values" if fixed_key else "process"
    make = check_supplier(supplier)
    name, stores = store_names(method, given, fields)
    if name is None:
        name = flow.plan.names.node("KSTREAM-PROCESSVALUES-" if fixed_key else "KSTREAM-PROCESSOR-")
    part = UserStep(make, stores, brought_stores(supplier), fixed_key)
    node = flow.plan.add(name, part, (flow.node,))
    if fixed_key:
        return replace(flow, node=node, name=name, value_serde=None)
    return replace(flow, node=node, name=name, key_serde=None, value_serde=None, rekeyed=True)
