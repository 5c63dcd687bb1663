"""The documentation page of the log, made from the table: `python -m streams.log_messages.docs_page >
docs/log-messages.md`."""

from __future__ import annotations

from streams.log_messages.codes import MESSAGES

_HEAD = """# Log messages

Each warning and each error has a code, which stays as it is; its words may become better. It stands at the end of the
line:

```
2026-11-29 13:18:01,062 WARNING streams.dropped: orders: counts dropped 13 records: 13 null-key (…) [records-dropped]
```

With `streams-app run --log-format json` each line is an object with `time`, `level`, `logger`, `message`,
`application`, `thread`, `process`, and, where it is known, `code`, `task`, `topic`, `partition`, `offset` and
`exception`; only what is wrong with the command itself is told in plain text. In a program of your own the filter
`streams.log_messages.codes.Coded` gives the records of a handler their `code`.

This page is made from the table: `python -m streams.log_messages.docs_page > docs/log-messages.md`.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join((_HEAD, *(f"## `{each.code}`\n\n{each.meaning} {each.advice}\n" for each in MESSAGES)))


if __name__ == "__main__":
    print(page(), end="")
