"""Orders joined with the customers' addresses, both keyed by customer: a stream with a table.

    streams-app topics create addresses --partitions 2
    streams-app topics create orders --partitions 2
    echo 'alice:Rome' | streams-app produce addresses --key-separator :
    streams-app --application-id shipping examples/order_address_table.py &
    echo 'alice:a clock' | streams-app produce orders --key-separator :
    streams-app consume shipments --from-beginning

Gives `a clock send to Rome`. Both topics need the same number of partitions.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def topology(builder: StreamsBuilder) -> None:
    addresses = builder.table("addresses", key_serde=text, value_serde=text)
    orders = builder.stream("orders", key_serde=text, value_serde=text)
    orders.join(addresses, lambda order, address: order + " send to " + address).to("shipments", value_serde=text)
