"""Where the log goes, and what its lines are like."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from streams.cli.failure import Brief, Refused
from streams.cli.log_format import JsonFormatter
from streams.log_messages.codes import Coded

if TYPE_CHECKING:
    from streams.cli.terminal import Terminal


def start_logging(
    level: str, terminal: Terminal | None = None, one_of_several: bool = False, form: str = "text"
) -> None:
    """Logs to standard error.

    Args:
        terminal: has a status line, which takes the place of the summaries.
        one_of_several: processes write to the same place, so that lines name theirs.
        form: `text` or `json`.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise Refused(f"--log-level {level!r} is none of debug, info, warning, error.")
    if form not in ("text", "json"):
        raise Refused(f"--log-format {form!r} is none of text, json.")
    process = "[%(process)d] " if one_of_several else ""
    line = f"%(asctime)s %(levelname)s {process}%(name)s: %(message)s%(coded)s"
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if terminal is not None:
        from streams.cli.terminal import TerminalHandler  # here, so that who has none does not pay for it
        from streams.runtime.worker.summary import SUMMARIES

        handler = TerminalHandler(terminal)
        handler.addFilter(lambda record: record.name != SUMMARIES)
    handler.addFilter(Coded())
    if form == "json":
        handler.setFormatter(JsonFormatter(brief=number > logging.DEBUG))
    else:
        handler.setFormatter(logging.Formatter(line) if number <= logging.DEBUG else Brief(line))
    logging.basicConfig(level=number, handlers=[handler])
