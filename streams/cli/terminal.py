"""What people see while a command runs: one status line where a terminal is attached."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text


class Terminal:
    """A terminal with one status line at its foot. What is logged, or printed by the user's code, scrolls above it: all
    of it goes through one console, so that nothing is written into anything else. A context manager: leaving it takes
    the line away.

    Args:
        console: the terminal; None: standard error.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Live(
            Text(""),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            redirect_stderr=console is None,
        )

    def show(self, line: str) -> None:
        """Puts a text in the place of the status line; what does not fit into one line is cut."""
        self._live.update(Text(line, style="dim", no_wrap=True, overflow="ellipsis"), refresh=True)

    def print(self, line: str, style: str = "") -> None:
        """One line above the status line."""
        self._console.print(Text(line, style=style), soft_wrap=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def status_line() -> Terminal | None:
    """Standard error, where it is a terminal that can move its cursor; else None."""
    console = Console(stderr=True, highlight=False)
    return Terminal() if console.is_terminal and not console.is_dumb_terminal else None


class TerminalHandler(logging.Handler):
    """Writes log records above the status line of a terminal."""

    STYLES = ((logging.ERROR, "red"), (logging.WARNING, "yellow"))

    def __init__(self, shown: Terminal) -> None:
        super().__init__()
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        try:
            style = next((style for level, style in self.STYLES if record.levelno >= level), "")
            self._shown.print(self.format(record), style)
        except Exception:
            self.handleError(record)
