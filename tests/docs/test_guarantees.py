"""Each promise of docs/guarantees.md names tests that there are."""

from __future__ import annotations

import re

from tests.docs.pages import ROOT

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PAGE = ROOT / "docs" / "guarantees.md"


def test_the_tests_that_hold_the_promises_are_there() -> None:
    named = NAMED.findall(PAGE.read_text("utf-8"))
    assert len(named) > 30
    missing = [f"{path}::{name}" for path, name in named if f"def {name}(" not in (ROOT / path).read_text("utf-8")]
    assert not missing
