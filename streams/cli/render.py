"""What people see of a command's answer: tables, and properties. JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence

import click


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], as_json: bool, title: str = "") -> None:
    """Prints rows: for people as a table, for programs as a JSON list of objects (absent values are null)."""
    if as_json:
        names = [column.lower().replace(" ", "_").replace("-", "_") for column in columns]
        click.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], ensure_ascii=False))
        return
    from rich.console import Console  # here, so that a command without a table does not pay for it
    from rich.table import Table
    from rich.text import Text

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
