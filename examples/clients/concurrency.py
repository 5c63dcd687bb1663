"""More hands: one consumer a thread, all in one group. (More processes, launched again and again, are the same thing.)

python examples/clients/concurrency.py [local://DIR]
"""

from __future__ import annotations

import sys
import threading

from streams.clients import Admin, Consumer, Producer, ProducerRecord

THREADS, COUNT = 3, 300


def work(servers: str, done: list[tuple[str, object]], enough: threading.Event) -> None:
    me = threading.current_thread().name
    with Consumer(
        bootstrap_servers=servers, group_id="hands", auto_offset_reset="earliest", heartbeat_interval_ms=50
    ) as consumer:
        consumer.subscribe(["jobs"])
        while not enough.is_set():
            done += [(me, record.value) for record in consumer.poll(50)]
            if len(done) >= COUNT:
                enough.set()


def main(servers: str) -> list[tuple[str, object]]:
    with Admin(bootstrap_servers=servers) as admin:
        if "jobs" not in admin.list_topics():
            admin.create_topic("jobs", 6)
    done: list[tuple[str, object]] = []
    enough = threading.Event()
    threads = [threading.Thread(target=work, args=(servers, done, enough)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    with Producer(bootstrap_servers=servers) as producer:
        for number in range(COUNT):
            producer.send(ProducerRecord("jobs", b"%d" % number, key=b"%d" % number))
    for thread in threads:
        thread.join()
    print(f"{len(done)} jobs done by {len({name for name, _ in done})} of {THREADS} threads")
    return done


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")
