"""The log as JSON: one object a line, with fields for machines (`--log-format json`)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

from streams.cli.failure import Brief, said

FIELDS = ("code", "task", "topic", "partition", "offset")
"""What a line has where whoever wrote it says so; `code`: that of docs/log-messages.md, of warnings and errors."""

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonFormatter(logging.Formatter):
    """See the module.

    Args:
        brief: an exception is told by what it says and the user's own lines.
    """

    application = ""
    """Its name, once it is known."""

    def __init__(self, brief: bool) -> None:
        super().__init__()
        self._brief = Brief() if brief else None

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, object] = {
            "time": at,
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "application": self.application,
            "thread": record.threadName,
            "process": record.process,
        }
        more: Mapping[str, object] = vars(record)
        line |= {name: more[name] for name in FIELDS if name in more}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)

    def formatException(self, ei: Raised) -> str:
        error = ei[1]
        if self._brief is None or error is None:
            return super().formatException(ei)
        return f"{said(error)}\n{self._brief.formatException(ei)}".rstrip()
