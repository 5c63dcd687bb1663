"""What a client does beside instances that are asked: writes records at a rate, or asks for keys at a rate.

    python -m benchmarks.asking '{"role": "ask", ...}'

prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from streams.clients.connect import connect
from streams.http.client import HttpClient, Unreachable
from streams.partition import partition_for
from streams.record import RecordBatch, TopicPartition

EVERY_S = 0.01
KEYS = [f"c{number:05d}" for number in range(10_000)]
LATE_S = 5.0


def feed(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Sends records with random keys, so many a second, and never waits; how many."""
    door = connect(order["address"], "feeder")
    writer = door.writer()
    topic, count, chance = order["topic"], order["partitions"], random.Random(1)
    encoded: list[bytes | None] = [key.encode() for key in KEYS]
    places = [TopicPartition(topic, partition_for(key.encode(), count)) for key in KEYS]
    begun, sent = time.monotonic(), 0
    while (passed := time.monotonic() - begun) < order["seconds"]:
        due = int(passed * order["rate"]) - sent
        rows: dict[TopicPartition, list[bytes | None]] = {}
        for _ in range(due):
            at = chance.randrange(len(KEYS))
            rows.setdefault(places[at], []).append(encoded[at])
        now = int(time.time() * 1000)
        for place, keys in rows.items():
            batch = RecordBatch(keys, [b"{}"] * len(keys), [now] * len(keys), None, range(len(keys)), len(keys))
            writer.send(place, batch, lambda sent: None)
        sent += due
        writer.await_acks(0)
        time.sleep(EVERY_S)
    writer.await_acks(60_000)
    writer.close()
    door.close()
    return {"sent": sent}


def ask(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Asks for random keys at random instances, so many a second; how long each answer took from when it was due, by
    whether the instance that was asked has answered itself."""
    return asyncio.run(_ask(order))


async def _ask(order: Mapping[str, Any]) -> Mapping[str, Any]:
    client, chance = HttpClient({}), random.Random(2)
    waits: dict[str, list[float]] = {"local": [], "forwarded": []}
    others: Counter[str] = Counter()

    async def one(due: float) -> None:
        endpoint = chance.choice(order["endpoints"])
        try:
            reply = await client.get(endpoint, f"/stores/counts/keys/{chance.choice(KEYS)}", {}, LATE_S)
            await reply.body()
        except Unreachable:
            others["unreachable"] += 1
            return
        client.done(endpoint, reply)
        if reply.status != 200:
            others[str(reply.status)] += 1
            return
        kind = "local" if reply.headers.get("streams-source", "").endswith(f"={endpoint}") else "forwarded"
        waits[kind].append((time.monotonic() - due) * 1000)

    begun, asked = time.monotonic(), 0
    under_way: set[asyncio.Task[None]] = set()
    while (now := time.monotonic()) < begun + order["seconds"]:
        due = begun + asked / order["rate"]
        if due > now:
            await asyncio.sleep(due - now)
            continue
        task = asyncio.create_task(one(due))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        asked += 1
        if asked % 20 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*under_way)
    return {"asked": asked, "waits": {kind: sorted(each) for kind, each in waits.items()}, "others": others}


ROLES: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {"feed": feed, "ask": ask}


def main() -> int:
    """Does what the order in the first argument says."""
    order = json.loads(sys.argv[1])
    print(json.dumps(ROLES[order["role"]](order)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
