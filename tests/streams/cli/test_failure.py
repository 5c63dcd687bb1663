"""An application that fails: what the log and the last line say."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from streams.cli.failure import Brief
from streams.errors import StreamsException
from tests.streams.cli.conftest import Command

RAISES = """
from streams import Serdes
def topology(builder):
    texts = builder.stream("texts", key_serde=Serdes.string(), value_serde=Serdes.string())
    texts.map_values(lambda text: 1 // (len(text) - 3)).to("out", value_serde=Serdes.long())
"""


def test_a_function_that_raises_is_named_with_its_record(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "job.py"
    path.write_text(RAISES, "utf-8")
    command("produce", "texts", input="four\nsix\n")
    result = command("run", str(path), "--application-id", "app")
    assert result.exit_code == 1
    assert "processor=KSTREAM-MAPVALUES-0000000001, topic=texts, partition=0, offset=1" in result.output
    assert "caused by ZeroDivisionError" in result.output
    assert "Traceback" not in result.output


def logged(error: Exception) -> str:
    try:
        raise error
    except Exception:
        return Brief("%(message)s").format(
            logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
        )


def test_the_log_shows_the_user_s_own_lines() -> None:
    shown = logged(StreamsException("no"))
    head, line = shown.splitlines()
    assert head == "failed" and line.startswith(f"  {__file__}:") and line.endswith("  raise error")


def test_a_kafka_error_of_ours_has_no_traceback() -> None:
    error = StreamsException("no")
    assert Brief("%(message)s").formatException((StreamsException, error, None)) == ""


def test_a_defect_of_ours_keeps_its_traceback() -> None:
    error = AttributeError("gone")
    assert "AttributeError: gone" in Brief("%(message)s").formatException((AttributeError, error, None))
