"""The pipeline through connectors, on a part of its data."""

from __future__ import annotations

from pathlib import Path

from tests.examples.driving import module_of


def test_the_pipeline_gives_what_sql_finds(tmp_path: Path) -> None:
    found, expected = module_of("connect/pipeline").run(tmp_path, 2_000)
    assert found == expected
    assert len(found) > 500
    assert "MOVED" in [code for code, _, _ in found]
