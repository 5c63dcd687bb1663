"""The join of `copartitioning.py` made possible by writing one side to as many partitions as the other has.

    streams-app topics create orders --partitions 3
    streams-app topics create customers --partitions 2
    echo '7:Alice' | streams-app produce customers --key-separator :
    streams-app --application-id orders examples/copartitioning_repartition.py &
    echo '7:a clock' | streams-app produce orders --key-separator :
    streams-app consume orders-of-customers --from-beginning

The orders go through an internal topic of 2 partitions; nothing else changes.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()
CUSTOMER_PARTITIONS = 2


def topology(builder: StreamsBuilder) -> None:
    orders = builder.stream("orders", key_serde=text, value_serde=text)
    customers = builder.table("customers", key_serde=text, value_serde=text)
    (
        orders.repartition(name="orders-like-customers", key_serde=text, partitions=CUSTOMER_PARTITIONS)
        .join(customers, lambda order, customer: f"{order} for {customer}")
        .to("orders-of-customers", value_serde=text)
    )
