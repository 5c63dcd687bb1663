"""`python -m tests.questions DATA [--servers ADDRESS] [--only NAME ...] [--guarantee exactly_once_v2]`

Puts real data into topics, runs an application over them for each data set, and compares all that it answers with
answers that were computed without a stream processor: `DATA/expected/NAME.json`. ADDRESS is `memory://NAME` (default),
`local://DIR`, or `host:port` of Kafka. What is not in DATA is left out, and told. Prints a line for each answer; exit
status 1 if one differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from streams.runtime.worker.make_worker import GUARANTEES
from tests.questions.datasets import DATASETS
from tests.questions.run import answers, differences, expected


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.questions", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--servers", default="memory://questions")
    parser.add_argument("--only", nargs="+", choices=DATASETS, default=list(DATASETS), help="data sets, by name")
    parser.add_argument("--guarantee", choices=GUARANTEES, default="at_least_once")
    options = parser.parse_args(arguments)
    right, asked = 0, 0
    for name in options.only:
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory(prefix="questions-") as home:
                for question, rows in answers(
                    DATASETS[name], options.data, options.servers, Path(home), options.guarantee
                ):
                    asked += 1
                    found = differences(expected(options.data, question), rows)
                    right += not found
                    print(f"{question}: {len(rows):,} rows, {'; '.join(found) if found else 'the expected answer'}")
        except FileNotFoundError as error:
            print(f"left out: {name}: {error}")
        print(f"  {name} took {time.monotonic() - began:.1f} s", flush=True)
    print(f"{right}/{asked}")
    return 0 if right == asked > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
