"""Stores of processors answer as Java's do, call for call (`store_calls`)."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.conformance.store_calls import CALLS, RECORDED, Script, answers

SCRIPTS: list[Script] = json.loads(gzip.decompress(RECORDED.read_bytes()))
STORES = sorted({" ".join(script["open"].split()[:2]) for script in SCRIPTS})


@pytest.mark.parametrize("store", STORES)
def test_stores_answer_as_javas_do(store: str) -> None:
    for script in SCRIPTS:
        if script["open"].startswith(f"{store} "):
            assert list(answers(script)) == script["answers"], script["open"]


def test_every_call_is_in_a_script() -> None:
    said = {
        (script["open"].split()[0], call.split()[0])
        for script in SCRIPTS
        for _, calls in script["events"]
        for call in calls.split(";")
    }
    assert said == {(kind, name) for kind, calls in CALLS.items() for name in calls}
