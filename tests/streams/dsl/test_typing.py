"""KStream and KTable infer their types through lambdas."""

from __future__ import annotations

from pathlib import Path

from mypy import api


def test_types_flow_through_lambdas() -> None:
    lambdas = Path(__file__).with_name("lambdas.py")
    said, failed, status = api.run(["--strict", "--follow-imports=silent", "--no-error-summary", str(lambdas)])
    assert (said, failed, status) == ("", "", 0)
