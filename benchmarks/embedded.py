"""A script's topology in a program of one's own, as a service embeds it: `KafkaStreams`, started and closed.

    python -m benchmarks.embedded SCRIPT APPLICATION SERVERS [NAME=VALUE ...]

It runs until SIGTERM.
"""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from streams import KafkaStreams
from streams.cli.load import load


def main() -> int:
    """Runs the application until it is told to stop; 1 where it failed."""
    script, application, servers, *pairs = sys.argv[1:]
    loaded = load(script)
    config = {**loaded.config, "application.id": application, "bootstrap.servers": servers}
    config |= dict(pair.split("=", 1) for pair in pairs)
    over = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        over.set()

    signal.signal(signal.SIGTERM, stop)
    app = KafkaStreams(loaded.build(config), config)
    app.set_state_listener(lambda new, old: over.set() if new.is_final else None)
    app.start()
    over.wait()
    app.close()
    return 0 if app.failure is None else 1


if __name__ == "__main__":
    sys.exit(main())
