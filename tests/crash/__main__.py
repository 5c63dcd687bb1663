"""`python -m tests.crash run`, `kafka`, `calls`, `connect`, `damage`, `fuzz`, `queries`, `race`, `soak`: see the
modules of these names.

Each is imported when it is asked for: only what runs on Kafka needs its clients.
"""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {name: name for name in ("run", "calls", "connect", "damage", "fuzz", "queries", "race", "soak")}
COMMANDS |= {"kafka": "on_kafka"}

if __name__ == "__main__":
    command = COMMANDS.get("".join(sys.argv[1:2]))
    if command is None:
        sys.exit(f"python -m tests.crash {' | '.join(COMMANDS)}; --help after one says more")
    sys.exit(import_module(f"tests.crash.{command}").main(sys.argv[2:]))
