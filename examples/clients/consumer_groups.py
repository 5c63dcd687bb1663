"""A group divides the partitions of a topic among its members; another group reads the same topic by itself.

When a member ends, the coordinator gives its partitions to the others. A member too many is idle.

    python examples/clients/consumer_groups.py [local://DIR]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from streams.clients import Admin, Consumer

TOPIC, PARTITIONS = "orders", 3


def member(servers: str, group: str) -> Consumer:
    """A member that hears of a rebalance within a tenth of a second."""
    consumer = Consumer(
        bootstrap_servers=servers, group_id=group, auto_offset_reset="earliest", heartbeat_interval_ms=100
    )
    consumer.subscribe([TOPIC])
    return consumer


def settle(members: Sequence[Consumer]) -> list[int]:
    """Polls until the partitions are divided; how many each member has."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for each in members:
            each.poll(10)
        counts = [len(each.assignment()) for each in members]
        if sum(counts) == PARTITIONS and sum(count == 0 for count in counts) == max(0, len(members) - PARTITIONS):
            return sorted(counts)
    raise TimeoutError("the group did not come to rest")


def main(servers: str) -> dict[str, list[int]]:
    with Admin(bootstrap_servers=servers) as admin:
        if TOPIC not in admin.list_topics():
            admin.create_topic(TOPIC, PARTITIONS)
    shipping = [member(servers, "shipping")]
    seen = {"one": settle(shipping)}
    shipping.append(member(servers, "shipping"))
    seen["two"] = settle(shipping)
    shipping += [member(servers, "shipping") for _ in range(2)]
    seen["four"] = settle(shipping)
    billing = [member(servers, "billing")]
    seen["another group"] = settle(billing)
    for each in shipping[:3]:
        each.close()
    seen["after three have left"] = settle(shipping[3:])
    for each in (*shipping, *billing):
        each.close()
    for what, counts in seen.items():
        print(f"{what}: partitions per member {counts}")
    return seen


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")
