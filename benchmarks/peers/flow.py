"""W0 to W3 on bytewax, in a process of its own. It prints a line of JSON with the samples of the run.

Its state lies in memory and is not recovered; windows go out when they close.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main
from run import Order, Progress, dumps, loads

order = Order(**json.loads(sys.argv[1]))
progress = Progress(order)
flow = Dataflow("bench")
source = KafkaSource([order.servers], [order.source], tail=False, batch_size=1_000)
rows = op.inspect("counted", op.input("in", flow, source), lambda step, row: progress.count())
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WINDOW = timedelta(seconds=10)


def sent(row, value):
    return KafkaSinkMessage(row.key, value, timestamp=row.timestamp[1])


def totals(row):
    value = loads(row.value)
    if value["status"] == "CANCELLED":
        return []
    one = {
        "id": value["id"],
        "customer": value["customer"],
        "total": value["amount"] * value["qty"],
        "status": value["status"],
        "ts": value["ts"],
        "priority": False,
    }
    found = [one] if one["total"] < 50_000 else [one, {**one, "priority": True}]
    return [sent(row, dumps(each)) for each in found]


def keyed(row):
    return row.key.decode(), row


def counted(state, row):
    seen = (state or 0) + 1
    return seen, sent(row, seen.to_bytes(8, "big"))


def summed(item):
    key, (window, value) = item
    return KafkaSinkMessage(key.encode(), dumps({"start": window * 10_000, "value": value}))


if order.job == "W0":
    rows = op.map("same", rows, lambda row: sent(row, row.value.decode().encode()))
elif order.job == "W1":
    rows = op.flat_map("totals", rows, totals)
elif order.job == "W2":
    rows = op.key_rm("unkeyed", op.stateful_map("count", op.map("keyed", rows, keyed), counted))
else:
    clock = win.EventClock(
        lambda row: datetime.fromtimestamp(row.timestamp[1] / 1000, UTC), wait_for_system_duration=WINDOW
    )
    windower = win.TumblingWindower(length=WINDOW, align_to=EPOCH)
    sums = win.fold_window(
        "sum",
        op.map("keyed", rows, keyed),
        clock,
        windower,
        lambda: 0,
        lambda so_far, row: so_far + loads(row.value)["amount"],
        lambda one, other: one + other,
    )
    rows = op.map("row", sums.down, summed)
op.output("out", rows, KafkaSink([order.servers], order.out))
with progress:
    run_main(flow)
