"""What people see: tables, and one status line where a terminal is attached. JSON for programs."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], as_json: bool, title: str = "") -> None:
    """Prints rows: for people as a table, for programs as a JSON list of objects (absent values are null)."""
    if as_json:
        names = [column.lower().replace(" ", "_").replace("-", "_") for column in columns]
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=False))
        return
    numbers = [
        bool(rows) and all(row[i] is None or isinstance(row[i], (int, float)) for row in rows)
        for i in range(len(columns))
    ]
    if title:
        click.echo(title)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column, right in zip(columns, numbers, strict=True):
        shown.add_column(column, justify="right" if right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*[Text("-" if value is None else str(value)) for value in row])
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 200)
    console.print(shown)


def fields(pairs: Mapping[str, object], as_json: bool) -> None:
    """Prints one thing's properties."""
    if as_json:
        click.echo(json.dumps(pairs, ensure_ascii=False))
        return
    width = max(map(len, pairs), default=0)
    for name, value in pairs.items():
        click.echo(f"{name.ljust(width)}  {'-' if value is None else value}")


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


def terminal() -> Terminal | None:
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
