"""Mode `bulk`: the whole table, again and again. No position is kept: a read that is broken off begins anew."""

from __future__ import annotations

from streams.connect.jdbc.dialect import Dialect, Row, Session, Table
from streams.connect.jdbc.mode import Page, Reading, selection
from streams.connect.records import Parts


class Bulk:
    """Reads whole tables, each as it is at one moment."""

    keyed = False

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._suffix = reading.suffix
        self._left: list[Row] | None = None

    def prepare(self, session: Session, table: Table) -> None:
        """Any table can be read."""
        if self._left is None:
            self.table = table

    def read(self, session: Session, most: int) -> Page:
        """The next part of what the table had when its reading began."""
        if self._left is None:
            self._left = session.rows(f"{selection(self.table, self._dialect)} {self._suffix}".rstrip())
        rows, self._left = self._left[:most], self._left[most:]
        more = bool(self._left)
        if not more:
            self._left = None
        return Page(rows, more=more)

    def stored(self, session: Session) -> None:
        """Nothing is kept."""
