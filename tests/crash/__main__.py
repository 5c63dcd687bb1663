"""`python -m tests.crash run`: see `tests.crash.run`."""

from __future__ import annotations

import sys

from tests.crash import run

if __name__ == "__main__":
    if sys.argv[1:2] != ["run"]:
        sys.exit("python -m tests.crash run [--zombies N] [--kills N] [--broker-kills N] [--seed S]; --help says more")
    sys.exit(run.main(sys.argv[2:]))
