"""A shop's whole topology in one script, of sixty nodes: the largest that the pictures are tried on."""

from __future__ import annotations

from datetime import timedelta

from streams import JoinWindows, Serdes, StreamsBuilder, TimeWindows

S = Serdes.string()


def topology(builder: StreamsBuilder) -> None:
    orders = builder.stream("orders", key_serde=S, value_serde=S)
    payments = builder.stream("payments", key_serde=S, value_serde=S)
    shipments = builder.stream("shipments", key_serde=S, value_serde=S)
    clicks = builder.stream("clicks", key_serde=S, value_serde=S)
    customers = builder.table("customers", key_serde=S, value_serde=S, store="customers")
    products = builder.table("products", key_serde=S, value_serde=S, store="products")
    regions = builder.global_table("regions", key_serde=S, value_serde=S)

    valid = orders.filter(lambda k, v: bool(v)).map_values(lambda v: v.strip())
    orders.filter_not(lambda k, v: bool(v)).to("rejected-orders")
    ten = JoinWindows.of_time_difference_with_no_grace(timedelta(minutes=10))
    paid = valid.join(payments, lambda order, payment: order, ten)
    shipped = paid.join(shipments, lambda order, shipment: order, ten)
    shipped.peek(lambda k, v: None).to("shipped-orders")

    by_customer = paid.select_key(lambda k, v: v)
    known = by_customer.left_join(customers, lambda order, customer: order)
    known.join(regions, lambda k, v: v, lambda order, region: order).to("orders-by-region")
    spent = known.group_by_key().count(store="orders-of-customer")
    spent.filter(lambda k, v: v > 10).to_stream().to("good-customers")

    sold = paid.group_by(lambda k, v: v, key_serde=S, value_serde=S).count(store="sold")
    priced = sold.join(products, lambda count: str(count), lambda count, product: product)
    priced.to_stream().to("product-sales")

    views = clicks.map_values(lambda v: v.lower()).filter(lambda k, v: "view" in v)
    windows = TimeWindows.of_size_with_no_grace(timedelta(minutes=5))
    views.group_by_key().windowed_by(windows).count(store="views").to_stream().map(lambda k, v: (k.key, str(v))).to(
        "views-a-minute", key_serde=S, value_serde=S
    )
