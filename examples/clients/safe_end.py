"""A safe end: SIGTERM calls `wakeup()`, the `poll` raises `WakeupException`, and `close()` commits and leaves.

python examples/clients/safe_end.py [local://DIR]      then Ctrl-C, or kill PID
"""

from __future__ import annotations

import os
import signal
import sys

from streams.clients import Consumer
from streams.errors import WakeupException


def main(servers: str) -> int:
    consumer = Consumer(bootstrap_servers=servers, group_id="safe", auto_offset_reset="earliest")
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: consumer.wakeup())
    print(f"reading; kill {os.getpid()} ends it", flush=True)
    read = 0
    try:
        consumer.subscribe(["events"])
        while True:
            for record in consumer.poll(1_000):
                read += 1
                print(f"{record.partition}:{record.offset} {record.value!r}", flush=True)
    except WakeupException:
        print(f"{read} records read; committing and leaving")
    finally:
        consumer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "local://"))
