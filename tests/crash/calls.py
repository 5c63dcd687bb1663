"""`python -m tests.crash calls`: an instance whose state directory is full, fails, or is the last thing that it writes
to, at its 1st, 2nd, 3rd, … call that changes a file; after each another one with a good disk.

The calls are those of a whole life: the directory is claimed, databases are opened, restored, written to, closed and
given back. An instance with a bad disk may end with an error that names it, or go on; nothing may be wrong afterwards.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.crash.deeds import DIES_WITHIN_S, STATE
from tests.crash.faults import INSTANCE, Plan, can_be_planned
from tests.crash.run import judged
from tests.crash.trial import Trial, trial
from tests.streams import apps
from tests.streams.apps import wait_for

FAULTS = ("full", "error", "kill")
LINES = 40


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash calls", description=__doc__)
    parser.add_argument("--faults", nargs="*", choices=FAULTS, default=FAULTS)
    parser.add_argument("--every", type=int, default=1, help="each so-manieth call only")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--last", type=int, default=400, help="the life is over before")
    parser.add_argument("--lasting", action="store_true", help="the disk stays so")
    parser.add_argument("--alo", action="store_true", help="under at-least-once")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--patience", type=float, default=60.0, metavar="SECONDS", help="more of it on a busy machine")
    asked = parser.parse_args(arguments)
    assert can_be_planned(), "this needs a C compiler, and Linux"
    apps.PATIENCE_S = asked.patience
    print(f"seed {asked.seed}", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="calls-") as made,
        trial(Path(made), asked.seed, exactly=not asked.alo, planned=True) as one,
    ):
        began = time.monotonic()
        for fault in asked.faults:
            tally: Counter[str] = Counter()
            for at in range(asked.first, asked.last, asked.every):
                ended = life(one, Plan(fault, at, STATE, INSTANCE, asked.lasting))
                if ended == "over before":
                    break
                tally[ended] += 1
            print(f"{fault}: {sum(tally.values())} calls: {dict(tally)}", flush=True)
        one.start()
        return judged(one, began)


def life(one: Trial, plan: Plan) -> str:
    """One life with a bad disk, and one with a good one; how the first ended."""
    assert one.faults is not None
    planned = one.faults.plan(plan)
    ill = one.start()
    ill.has_bad_disk = True
    wait_for(lambda: planned.pid is not None)
    wait_for(lambda: ill.is_up or not ill.runs)
    one.feed(LINES)
    if ill.runs:
        done = one.committed() + LINES // 2
        with suppress(AssertionError):
            wait_for(lambda: not ill.runs or one.committed() >= done, DIES_WITHIN_S)
        with suppress(subprocess.TimeoutExpired):
            ill.stop()
        if ill.runs:
            ill.kill()
    code = ill.ended()
    one.kills["disks"] += 1
    if code == 0 and plan.at > planned.counted():
        return "over before"
    well = one.start()
    wait_for(lambda: well.is_up)
    one.feed(LINES)
    wait_for(one.is_done)
    assert well.stop() == 0, well.said[-2000:]
    if code == 0:
        return "went on"
    if code < 0:
        return "killed"
    said = [line for line in ill.said.splitlines() if line.startswith("streams-app: ")]
    assert said, f"it ends without a word: {ill.said[-2000:]}"
    return "said so"
