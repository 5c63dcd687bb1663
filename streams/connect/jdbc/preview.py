"""The first rows as `transaction` and `changes` would give them, of a table that need not be prepared for that."""

from __future__ import annotations

from streams.connect.jdbc.dialect import Dialect, Session, Table, listed
from streams.connect.jdbc.mode import Page, Reading, selection
from streams.connect.records import Parts


class Preview:
    """Reads a table once, from its beginning."""

    keyed = True

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._column = reading.transaction_column
        self._shown = False

    def prepare(self, session: Session, table: Table) -> None:
        """Any table can be looked at."""
        others = tuple(each for each in table.columns if each.name != self._column)
        self.table = Table(table.name, others, table.key)

    def read(self, session: Session, most: int) -> Page:
        """The first rows; after them none."""
        if self._shown:
            return Page()
        self._shown = True
        order = f" order by {listed(self.table.key, self._dialect)}" if self.table.key else ""
        return Page(session.rows(f"{selection(self.table, self._dialect)}{order} limit {most}"))

    def stored(self, session: Session) -> None:
        """Nothing is."""
