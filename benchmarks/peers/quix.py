"""W0 to W3 on quixstreams, in a process of its own. It prints a line of JSON with the samples of the run.

Each update goes out, as quixstreams has no cache that would leave some out.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import timedelta

from quixstreams import Application
from run import Order, Progress

order = Order(**json.loads(sys.argv[1]))
logging.disable(logging.WARNING)
progress = Progress(order)
app = Application(
    broker_address=order.servers,
    consumer_group=order.application,
    auto_offset_reset="earliest",
    state_dir=order.state,
    loglevel="ERROR",
    consumer_extra_config={"fetch.queue.backoff.ms": 10, "queued.min.messages": 1_000_000},
    producer_extra_config={"linger.ms": 50},
)
kind = {"W0": "str", "W2": "bytes"}.get(order.job, "json")
source = app.topic(order.source, key_deserializer="str", value_deserializer=kind)
out = app.topic(order.out, key_serializer="str", value_serializer={"W0": "str", "W2": "bytes"}.get(order.job, "json"))
rows = app.dataframe(source)


def count(value, state):
    seen = state.get("n", 0) + 1
    state.set("n", seen)
    return seen.to_bytes(8, "big")


def total(value):
    return {
        "id": value["id"],
        "customer": value["customer"],
        "total": value["amount"] * value["qty"],
        "status": value["status"],
        "ts": value["ts"],
        "priority": False,
    }


def twice_if_large(value):
    return [value] if value["total"] < 50_000 else [value, {**value, "priority": True}]


rows = rows.update(progress.count)
if order.job == "W1":
    rows = rows.filter(lambda value: value["status"] != "CANCELLED").apply(total).apply(twice_if_large, expand=True)
elif order.job == "W2":
    rows = rows.apply(count, stateful=True)
elif order.job == "W3":
    windows = rows.apply(lambda value: value["amount"]).tumbling_window(
        timedelta(seconds=10), grace_ms=timedelta(seconds=10)
    )
    rows = windows.sum().current()
rows.to_topic(out)
with progress:
    app.run(count=order.outputs, collect=False)  # it counts what goes out
