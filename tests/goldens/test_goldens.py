"""What Java recorded, row by row; and that the comparison itself tells when something is off."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from streams.errors import IllegalStateException, StreamsException
from tests.goldens import bytes as bytes_suite
from tests.goldens import describe, errors, internal_topics
from tests.goldens.exceptions import DIFFERS, NOT_BUILT

ERRORS = errors.load(None)


BYTES: dict[str, list[dict[str, Any]]] = defaultdict(list)
for format, row in bytes_suite.rows(None):
    BYTES[format].append(row)


def named(cases: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(case, id=f"{case.get('kind', '')} {case['name']}".strip()) for case in cases]


@pytest.mark.parametrize("kind", BYTES)
def test_bytes(kind: str) -> None:
    assert [found for row in BYTES[kind] if (found := bytes_suite.difference(kind, row))] == []


@pytest.mark.parametrize("case", named(describe.load(None)))
def test_describe(case: dict[str, Any]) -> None:
    assert [
        f"{name}: {found}" for name, it in describe.variants(case) if (found := describe.difference(case, it))
    ] == []


@pytest.mark.parametrize("case", named(ERRORS))
def test_errors(case: dict[str, Any]) -> None:
    assert errors.difference(case) is None


@pytest.mark.parametrize("case", named(internal_topics.load(None)))
def test_internal_topics(case: dict[str, Any]) -> None:
    assert internal_topics.difference(case) is None


def test_exceptions_are_rows_of_the_recording() -> None:
    names = {case["name"] for case in ERRORS}
    assert names >= DIFFERS.keys() | NOT_BUILT.keys()
    assert not DIFFERS.keys() & NOT_BUILT.keys()


JAVA = {
    "kind": "build",
    "name": "an example",
    "java": ['throw new StreamsException("wrong value");'],
    "error": {
        "class": "org.apache.kafka.streams.errors.StreamsException",
        "message": "wrong value <id>",
        "causes": [{"class": "java.lang.IllegalStateException", "message": "boom"}],
    },
}


def raised(message: str, cause: Exception | None) -> StreamsException:
    error = StreamsException(message)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (raised("wrong value 7", IllegalStateException("boom")), None),
        (raised("value", IllegalStateException("boom")), "message"),
        (raised("wrong value 7", None), "no cause"),
        (raised("wrong value 7", IllegalStateException("quiet")), "no cause"),
        (IllegalStateException("wrong value 7"), "instead of"),
        (None, "no error"),
    ],
)
def test_a_planted_difference_is_found(error: Exception | None, words: str | None) -> None:
    found = errors.fault(JAVA, error)
    assert (found is None) if words is None else (found is not None and words in found)


def test_rows_that_are_excused_are_looked_at() -> None:
    """What is said to differ must differ as it is said, and what is said not to be built must be refused."""
    fine = {"name": next(iter(DIFFERS)), "kind": "build", "java": ['builder.stream("a");'], "error": None}
    assert errors.difference(fine) == "listed as differing from Java, but does as Java does"
    built = {**fine, "name": next(iter(NOT_BUILT))}
    assert "listed as not built" in (errors.difference(built) or "")


def test_other_records_are_found() -> None:
    case = next(case for case in internal_topics.load(None) if case["name"].startswith("table-table-reused"))
    rows = case["records"]["gold-out"]
    assert internal_topics.first_difference(rows, rows) is None
    assert "records, recorded" in str(internal_topics.first_difference(rows[:-1], rows))
    assert "value is" in str(internal_topics.first_difference([{**rows[0], "value": "00"}, *rows[1:]], rows))
