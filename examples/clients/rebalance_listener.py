"""Told before partitions are given up, and after new ones have come: the place to commit and to tidy up.

python examples/clients/rebalance_listener.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Admin, Consumer, TopicPartition


class Noting:
    """Commits what has been done before partitions go."""

    def __init__(self, name: str, consumer: Consumer, told: list[str]) -> None:
        self.name = name
        self.consumer = consumer
        self.told = told

    def on_partitions_revoked(self, partitions: list[TopicPartition]) -> None:
        self.consumer.commit_sync()
        self.told.append(f"{self.name} gives up {len(partitions)}")

    def on_partitions_assigned(self, partitions: list[TopicPartition]) -> None:
        self.told.append(f"{self.name} gets {len(partitions)}")

    def on_partitions_lost(self, partitions: list[TopicPartition]) -> None:
        self.told.append(f"{self.name} has lost {len(partitions)}")


def main(servers: str) -> list[str]:
    with Admin(bootstrap_servers=servers) as admin:
        if "moving" not in admin.list_topics():
            admin.create_topic("moving", 4)
    told: list[str] = []
    one, two = (
        Consumer(bootstrap_servers=servers, group_id="movers", enable_auto_commit=False, heartbeat_interval_ms=50)
        for _ in range(2)
    )
    one.subscribe(["moving"], Noting("one", one, told))
    while "one gets 4" not in told:
        one.poll(50)
    two.subscribe(["moving"], Noting("two", two, told))
    while not {"one gets 2", "two gets 2"} <= set(told):
        one.poll(20)
        two.poll(20)
    two.close()
    while told.count("one gets 4") < 2:
        one.poll(50)
    one.close()
    print(*told, sep="\n")
    return told


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")
