"""Orders joined with addresses by a key that is taken from the order: a stream with a global table.

    echo 'alice:Rome' | streams-app produce addresses --key-separator :
    echo 'order-1:alice/a clock' | streams-app produce orders --key-separator :
    streams-app --application-id shipping examples/order_address_global.py
    streams-app consume shipments --from-beginning

The order's own key is its number; the key selector gives the customer, and every instance has all addresses.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def customer(_: str, order: str) -> str:
    return order.partition("/")[0]


def goods(order: str) -> str:
    return order.partition("/")[2]


def topology(builder: StreamsBuilder) -> None:
    addresses = builder.global_table("addresses", key_serde=text, value_serde=text)
    orders = builder.stream("orders", key_serde=text, value_serde=text)
    orders.join(addresses, customer, lambda order, address: goods(order) + " send to " + address).to(
        "shipments", value_serde=text
    )
