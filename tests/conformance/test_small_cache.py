"""A record cache of few bytes loses nothing in a crash: cases with a cache that rows leave within a record, through the
runtime, another worker taking over in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.__main__ import SHIPPED
from tests.conformance.drive import load
from tests.conformance.on_runtime import Way, left_out, run_on_runtime

CRASHES = Way(crashes=2)
ROOM = "statestore.cache.max.bytes"
OTHERWISE = {"flush_order_tables": "Java, too, has two results where nothing stays in the cache until the commit"}


def cases() -> list[Any]:
    found = []
    for path in sorted(SHIPPED.glob("*.json.gz")):
        case = load(path)
        if left_out(case, CRASHES) is None and ROOM not in case["config"] and case["name"] not in OTHERWISE:
            found.append(pytest.param(path, id=case["name"]))
    return found


@pytest.mark.parametrize("path", cases())
def test_with_a_small_cache_results_are_the_same_after_a_crash_in_the_middle(path: Path) -> None:
    case = load(path)
    case["config"][ROOM] = 150
    run_on_runtime(case, CRASHES, 20)
