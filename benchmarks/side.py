"""One side of a comparison: a process that runs benchmarks over the checkout it was started in, one a line.

    {"name": "W1", "records": 1000000, "config": {}}

is answered by a line `{"rows": [...]}`, or `{"error": "..."}`. Its broker and its input stay from one to the next.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.endtoend import measured
from benchmarks.engine import Engine
from benchmarks.figures import Row
from benchmarks.jobs import JOBS
from benchmarks.options import Options


def rows_of(engine: Engine, order: Mapping[str, Any]) -> Iterator[Row]:
    """Runs what a line names, once."""
    options = Options(order["records"], repeat=1, floors=False, config=order["config"], relax=True)
    if order["name"] in JOBS:
        yield from measured(order["name"], engine, options)
        return
    from benchmarks import stages  # what lies inside has other names in other checkouts: only who asks for it finds out

    yield from stages.measured(order["name"], engine, options)


def main() -> int:
    """Answers each line of its input."""
    with Engine() as engine:
        for line in sys.stdin:
            answer: dict[str, object]
            try:
                answer = {"rows": [row.as_json() for row in rows_of(engine, json.loads(line))]}
            except Exception as error:  # whatever it is, the row says so and the next is run
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
