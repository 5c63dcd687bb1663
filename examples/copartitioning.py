"""A join that cannot work: its topics have different numbers of partitions.

    streams-app topics create orders --partitions 3
    streams-app topics create customers --partitions 2
    streams-app --application-id orders examples/copartitioning.py

Records of one key must lie in partitions of one number on both sides, or the instance that has an order would look for
its customer in vain. So the start is refused with a `TopologyException` that names both topics, both counts and the
two ways out: `copartitioning_repartition.py` and `copartitioning_global_table.py`.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def topology(builder: StreamsBuilder) -> None:
    orders = builder.stream("orders", key_serde=text, value_serde=text)
    customers = builder.table("customers", key_serde=text, value_serde=text)
    orders.join(customers, lambda order, customer: f"{order} for {customer}").to(
        "orders-of-customers", value_serde=text
    )
