"""Tables as HTML, as a notebook shows objects. Whatever a value holds, it is text and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from html import escape
from itertools import islice

from streams.errors import KafkaException

ROWS = 20
"""Of a store so many are shown."""
LETTERS = 200
"""Of a value so many are shown."""


def html_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], note: str = "") -> str:
    """A table with a title above it and a note below.

    Args:
        title: plain text, as all that follows.
        columns: names.
        rows: values; None is shown as a dash, numbers stand on the right.
        note: "": none.
    """
    head = "".join(f"<th>{_text(column)}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    below = f"<p>{_text(note)}</p>" if note else ""
    return (
        f'<div class="streams-table"><p><b>{_text(title)}</b></p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}</div>"
    )


def first_rows(
    name: str, columns: Sequence[str], rows: Callable[[], AbstractContextManager[Iterator[tuple[object, object]]]]
) -> str:
    """The first rows of a store; where it cannot be read now, why.

    Args:
        name: of the store.
        columns: names of key and value.
        rows: opens the rows, which are closed afterwards.
    """
    try:
        with rows() as found:
            shown = list(islice(found, ROWS + 1))
    except KafkaException as error:
        return html_table(f"Store {name}", columns, [], f"{type(error).__name__}: {error}")
    more = f"The first {ROWS} rows." if len(shown) > ROWS else ""
    return html_table(f"Store {name}", columns, shown[:ROWS], more)


def _cell(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td style="text-align:right">{_text(value)}</td>'
    return f'<td style="text-align:left">{_text("-" if value is None else value)}</td>'


def _text(value: object) -> str:
    """Escaped, on one line, without characters that are none, and cut where it is long."""
    text = value if isinstance(value, str) else repr(value) if not isinstance(value, int | float) else str(value)
    cut = text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
    return escape("".join(one if one.isprintable() else "\ufffd" for one in cut))
