"""What a notebook shows: tables of stores and lags, in which every value is text and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from streams import KafkaStreams, StreamsBuilder, TimeWindows
from streams.clients import Admin
from streams.clients.local.door import forget
from streams.errors import StreamsNotStartedException
from streams.html_table import html_table
from tests.streams.apps import TEXT, produce, topics, wait_for

HOSTILE = "<script>alert('1')</script>\"&\x1b[2J\u202e"
ALLOWED = {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
_numbers = itertools.count()


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert {name for name, _ in attrs} <= {"class", "style"}
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data


def page(shown: object) -> Page:
    """What a notebook makes of an object."""
    method = getattr(shown, "_repr_html_")  # noqa: B009  (as a notebook finds it)
    text = method()
    assert isinstance(text, str) and text.isprintable()
    found = Page(text)
    assert set(found.elements) <= ALLOWED
    return found


@pytest.fixture
def engine() -> Iterator[str]:
    name = f"html-{next(_numbers)}"
    yield f"memory://{name}"
    forget(name)


def test_every_place_of_a_table_is_escaped() -> None:
    text = html_table(HOSTILE, [HOSTILE], [[HOSTILE], [None], [5]], HOSTILE)
    assert "<script" not in text and "\x1b" not in text and "\u202e" not in text
    assert text.count("&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&quot;&amp;\ufffd[2J\ufffd") == 4
    _, none, number = Page(text).cells
    assert none == "-" and number.startswith("5")


def test_stores_and_lags_of_a_running_application(engine: str, tmp_path: Path) -> None:
    topics(engine, lines=1)
    produce(engine, "lines", [(HOSTILE, HOSTILE), *((f"k{number:02}", "v" * 500) for number in range(30))])
    builder = StreamsBuilder()
    lines = builder.stream("lines", key_serde=TEXT, value_serde=TEXT)
    lines.to_table(store="table", key_serde=TEXT, value_serde=TEXT)
    grouped = lines.group_by_key(key_serde=TEXT, value_serde=TEXT)
    grouped.windowed_by(TimeWindows.of_size_with_no_grace(60_000)).count(store="windows")
    app = KafkaStreams(
        builder, application_id="shown", bootstrap_servers=engine, state_dir=str(tmp_path), commit_interval_ms=20
    )
    assert page(app).cells == []
    with pytest.raises(StreamsNotStartedException):
        app.store("table")
    with app:
        assert app.wait_until_running(30_000)

        def committed() -> list[int | None]:
            with Admin(bootstrap_servers=engine) as admin:
                return [row.committed for row in admin.describe_group("shown").partitions]

        wait_for(lambda: committed() == [31])
        shown = page(app)
        assert [*shown.cells[0:4], shown.cells[5]] == ["table", "timestamped_kv", "0", "RUNNING", "0"]
        assert shown.cells[6] == "windows" and shown.cells[9] == "RUNNING"

        table, windows = app.store("table"), app.store("windows")
        wait_for(lambda: len(page(table).cells) == 40)  # rows are shown once their positions are committed
        rows = page(table)
        assert "The first 20 rows." in rows.cells[-1]
        assert any("<script>alert" in cell for cell in rows.cells)
        assert all(len(cell) <= 250 for cell in rows.cells)
        assert len(page(windows).cells) == 40

        with Admin(bootstrap_servers=engine) as admin:
            group = page(admin.describe_group("shown"))
        assert group.cells[:5] == ["lines", "0", "31", "31", "0"]
    closed = page(table)
    assert closed.cells == []
