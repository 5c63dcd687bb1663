"""Who is still there: heartbeats, the poll interval, and leaving.

`session.timeout.ms` (45 s): so long the group waits for a heartbeat; `heartbeat.interval.ms` (3 s): how often one is
sent, by a thread of its own, however long the records take. `max.poll.interval.ms` (5 min): who does not poll for so
long loses its partitions. `close()` leaves at once.

    python examples/clients/timeouts.py [local://DIR]
"""

from __future__ import annotations

import sys
import time

from streams.clients import Admin, Consumer
from streams.errors import CommitFailedException


def member(servers: str, max_poll_interval_ms: int) -> Consumer:
    consumer = Consumer(
        bootstrap_servers=servers,
        group_id="patient",
        session_timeout_ms=10_000,
        heartbeat_interval_ms=50,
        max_poll_interval_ms=max_poll_interval_ms,
        enable_auto_commit=False,
    )
    consumer.subscribe(["slow-work"])
    while not consumer.assignment():
        consumer.poll(50)
    return consumer


def state(admin: Admin) -> str:
    return admin.describe_group("patient").state


def main(servers: str) -> list[str]:
    told: list[str] = []
    with Admin(bootstrap_servers=servers) as admin:
        if "slow-work" not in admin.list_topics():
            admin.create_topic("slow-work", 1)
        with member(servers, 60_000):
            time.sleep(0.3)  # six heartbeats long the work goes on without a poll
            told.append(f"busy: {state(admin)}")
        told.append(f"closed: {state(admin)}")

        slow = member(servers, 200)
        while state(admin) != "Empty":  # it does not poll
            time.sleep(0.05)
        told.append(f"not polled: {state(admin)}")
        try:
            slow.commit_sync(dict.fromkeys(slow.assignment(), 0))
        except CommitFailedException as error:
            told.append(type(error).__name__)
        slow.close()
    print(*told, sep="\n")
    return told


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")
