"""Lag is the end offset less the committed offset, per group, topic and partition.

Two topics of three partitions and two groups make twelve figures. The command for one group:
`streams-app groups describe GROUP`.

    python examples/clients/lag.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition

TOPICS, GROUPS = ("clicks", "views"), ("fast", "slow")
Key = tuple[str, str, int]


def main(servers: str) -> dict[Key, int | None]:
    with Admin(bootstrap_servers=servers) as admin, Producer(bootstrap_servers=servers) as producer:
        for topic in TOPICS:
            if topic not in admin.list_topics():
                admin.create_topic(topic, 3)
            for number in range(30):
                producer.send(ProducerRecord(topic, b"%d" % number, partition=number % 3))
        producer.flush()

        for group, done in zip(GROUPS, (10, 4), strict=True):
            with Consumer(bootstrap_servers=servers, group_id=group) as consumer:
                consumer.commit_sync({TopicPartition(topic, number): done for topic in TOPICS for number in range(3)})

        lags: dict[Key, int | None] = {}
        for group in GROUPS:
            for row in admin.describe_group(group).partitions:
                lags[group, row.partition.topic, row.partition.partition] = row.lag
                print(f"{group:5} {row.partition}  committed {row.committed}  end {row.end}  lag {row.lag}")
    return lags


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")
