"""Mode `incrementing`: rows with a larger number than the last one that was read.

Right where one writer at a time gives the numbers, or none is given before its row can be seen. Where several write at
the same time it loses rows: a number is given when a row is written, and the row is seen when its transaction ends,
which may be after rows with larger numbers were read. `transaction` and `changes` do not lose any. Changes of rows that
were read, and deletes, are not seen.
"""

from __future__ import annotations

from streams.connect.errors import ConnectException
from streams.connect.jdbc.dialect import Column, Dialect, Kind, Session, Table
from streams.connect.jdbc.mode import Page, Reading, check_filled, column_of, number_in, selection
from streams.connect.records import Parts

POSITION = "incrementing"


class Incrementing:
    """Reads rows in the order of a number."""

    keyed = False

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._reading = reading
        self._last = number_in(stored, POSITION)
        self._column: Column | None = None

    def prepare(self, session: Session, table: Table) -> None:
        """It needs a column of numbers."""
        self.table = table
        self._column = numbered_column(table, self._reading)

    def read(self, session: Session, most: int) -> Page:
        """The rows with the next numbers."""
        assert self._column is not None
        name = self._dialect.quoted(self._column.name)
        where = "" if self._last is None else f"where {name} > {self._dialect.mark}"
        sql = f"{selection(self.table, self._dialect, name)} {where} order by t.{name} limit {most}"
        rows = session.rows(sql, [] if self._last is None else [self._last])
        if not rows:
            return Page()
        self._last = int(str(rows[-1][-1]))
        return Page([row[:-1] for row in rows], position={POSITION: self._last}, more=len(rows) == most)

    def stored(self, session: Session) -> None:
        """The position was stored with the rows."""


def numbered_column(table: Table, reading: Reading) -> Column:
    """The column that gives the order.

    Raises:
        ConnectException: there is none, or it has no whole numbers.
    """
    if reading.incrementing:
        found = column_of(table, reading.incrementing, "incrementing.column.name")
    else:
        numbered = [each for each in table.columns if each.generated]
        if len(numbered) != 1:
            raise ConnectException(
                f"The database numbers {len(numbered)} columns of {table.name}: set incrementing.column.name."
            )
        found = numbered[0]
    if found.kind not in (Kind.INTEGER, Kind.DECIMAL):
        raise ConnectException(
            f"The column {found.name} of {table.name} has no whole numbers; it is of type {found.type}."
        )
    check_filled(found, table, reading)
    return found
