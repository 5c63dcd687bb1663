"""Mode `timestamp+incrementing`: rows in the order of their times, and of a number among those of the same time.

What holds for `timestamp` holds here too: rows of a transaction that takes longer than `timestamp.delay.interval.ms`
are lost.
"""

from __future__ import annotations

from streams.connect.jdbc.dialect import Column, Dialect, Session, Table
from streams.connect.jdbc.incrementing import POSITION, numbered_column
from streams.connect.jdbc.mode import Page, Reading, number_in, selection
from streams.connect.jdbc.timestamp import MS, initial_micros, micros_in, position_of, timed_columns
from streams.connect.records import Parts


class TimestampIncrementing:
    """Reads rows in the order of times and numbers."""

    keyed = False

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._reading = reading
        self._last = micros_in(stored)
        self._number = number_in(stored, POSITION)
        self._columns: tuple[Column, ...] = ()
        self._numbered: Column | None = None

    def prepare(self, session: Session, table: Table) -> None:
        """It needs a column of numbers, and one or more of times."""
        self.table = table
        self._numbered = numbered_column(table, self._reading)
        self._columns = timed_columns(table, self._reading)
        if self._last is None:
            self._last = initial_micros(session, self._dialect, self._reading)

    def read(self, session: Session, most: int) -> Page:
        """The rows of the next times and numbers."""
        assert self._numbered is not None
        dialect, when = self._dialect, self._dialect.moment(self._columns)
        number, mark = dialect.quoted(self._numbered.name), dialect.mark
        end = dialect.now_micros(session) - self._reading.delay_ms * MS
        where, arguments = f"{when} < {mark}", [dialect.moment_argument(end)]
        if self._last is not None:
            last = dialect.moment_argument(self._last)
            where += f" and {when} > {mark}" if self._number is None else (
                f" and ({when} > {mark} or ({when} = {mark} and {number} > {mark}))"
            )
            arguments += [last] if self._number is None else [last, last, self._number]
        sql = f"{selection(self.table, dialect, number, when)} where {where} order by {when}, t.{number} limit {most}"
        rows = session.rows(sql, arguments)
        if not rows:
            return Page()
        self._number, self._last = int(str(rows[-1][-2])), dialect.micros(rows[-1][-1])
        position = {**position_of(self._last), POSITION: self._number}
        return Page([row[:-2] for row in rows], position=position, more=len(rows) == most)

    def stored(self, session: Session) -> None:
        """The position was stored with the rows."""
