"""What people see: tables, and progress where a terminal is attached. JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
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


class Bar(Protocol):
    """A progress bar, or nothing where no terminal is attached."""

    def show(self, what: str, done: int, total: int) -> None:
        """`done` of `total` records of `what`."""
        ...


class _Shown:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def show(self, what: str, done: int, total: int) -> None:
        if what not in self._bars:
            self._bars[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._bars[what], completed=done, total=total, visible=done < total)


class _Silent:
    def show(self, what: str, done: int, total: int) -> None:
        """No terminal: the log has a line for each change of state instead."""


@contextmanager
def progress() -> Iterator[Bar]:
    """Progress on standard error, if it is a terminal."""
    if not sys.stderr.isatty():
        yield _Silent()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Shown(bars)
