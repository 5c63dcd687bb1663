"""`python -m tests.crash run`, `calls`, `damage`, `fuzz`, `queries`, `soak`: see the modules of these names."""

from __future__ import annotations

import sys

from tests.crash import calls, damage, fuzz, queries, run, soak

COMMANDS = {
    "run": run.main,
    "calls": calls.main,
    "damage": damage.main,
    "fuzz": fuzz.main,
    "queries": queries.main,
    "soak": soak.main,
}

if __name__ == "__main__":
    command = COMMANDS.get("".join(sys.argv[1:2]))
    if command is None:
        sys.exit(f"python -m tests.crash {' | '.join(COMMANDS)}; --help after one says more")
    sys.exit(command(sys.argv[2:]))
