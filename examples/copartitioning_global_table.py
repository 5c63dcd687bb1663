"""The join of `copartitioning.py` made possible by a table that every instance holds whole.

    streams-app topics create orders --partitions 3
    streams-app topics create customers --partitions 2
    echo '7:Alice' | streams-app produce customers --key-separator :
    streams-app --application-id orders examples/copartitioning_global_table.py &
    echo '7:a clock' | streams-app produce orders --key-separator :
    streams-app consume orders-of-customers --from-beginning

Good for tables that are small and change seldom.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def topology(builder: StreamsBuilder) -> None:
    orders = builder.stream("orders", key_serde=text, value_serde=text)
    customers = builder.global_table("customers", key_serde=text, value_serde=text)
    orders.join(customers, lambda key, _: key, lambda order, customer: f"{order} for {customer}").to(
        "orders-of-customers", value_serde=text
    )
