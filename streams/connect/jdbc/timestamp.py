"""Mode `timestamp`: rows with a later time than the last one that was read, new and changed ones.

Rows are read when their time is `timestamp.delay.interval.ms` ago. It is right where no transaction takes longer than
that between the time that it writes down and its end, and where clocks do not go back; a row of a longer one is lost.
Rows with the same time are always read together, so that none is left behind when reading stops between them.
"""

from __future__ import annotations

from streams.connect.jdbc.dialect import Column, Dialect, Row, Session, Table
from streams.connect.jdbc.mode import Page, Reading, check_filled, column_of, number_in, selection
from streams.connect.records import Parts

POSITION, NANOS = "timestamp", "timestamp_nanos"
MS, SECOND = 1_000, 1_000_000
FROM_NOW = -1
"""`timestamp.initial`: what was there before is not read."""


class Timestamp:
    """Reads rows in the order of their times."""

    keyed = False

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._reading = reading
        self._last = micros_in(stored)
        self._columns: tuple[Column, ...] = ()

    def prepare(self, session: Session, table: Table) -> None:
        """It needs one or more columns of times."""
        self.table = table
        self._columns = timed_columns(table, self._reading)
        if self._last is None:
            self._last = initial_micros(session, self._dialect, self._reading)

    def read(self, session: Session, most: int) -> Page:
        """The rows of the next times; all of the last one."""
        dialect, when = self._dialect, self._dialect.moment(self._columns)
        end = dialect.now_micros(session) - self._reading.delay_ms * MS
        conditions, arguments = [f"{when} < {dialect.mark}"], [dialect.moment_argument(end)]
        if self._last is not None:
            conditions.append(f"{when} > {dialect.mark}")
            arguments.append(dialect.moment_argument(self._last))
        where = " and ".join(conditions)
        sql = f"{selection(self.table, dialect, when)} where {where} order by {when} limit {most + 1}"
        rows = session.rows(sql, arguments)
        more = len(rows) > most
        if more:
            rows = self._whole(session, rows, when)
        if not rows:
            return Page()
        self._last = dialect.micros(rows[-1][-1])
        return Page([row[:-1] for row in rows], position=position_of(self._last), more=more)

    def _whole(self, session: Session, rows: list[Row], when: str) -> list[Row]:
        """Without the last time, which may have more rows; where there is no other, all rows of that."""
        last = rows[-1][-1]
        whole = [row for row in rows if row[-1] != last]
        if whole:
            return whole
        sql = f"{selection(self.table, self._dialect, when)} where {when} = {self._dialect.mark}"
        return session.rows(sql, [self._dialect.moment_argument(self._dialect.micros(last))])

    def stored(self, session: Session) -> None:
        """The position was stored with the rows."""


def timed_columns(table: Table, reading: Reading) -> tuple[Column, ...]:
    """The columns of times; with several of them the first that is not empty counts.

    Raises:
        ConnectException: one is not there, or all may be empty.
    """
    found = tuple(column_of(table, name, "timestamp.column.name") for name in reading.timestamps)
    if all(each.nullable for each in found):
        check_filled(found[0], table, reading)
    return found


def initial_micros(session: Session, dialect: Dialect, reading: Reading) -> int | None:
    """Where reading begins that has not begun yet; None: with the first row."""
    if reading.initial_ms is None:
        return None
    return dialect.now_micros(session) if reading.initial_ms == FROM_NOW else reading.initial_ms * MS


def micros_in(stored: Parts | None) -> int | None:
    """A stored time, in microseconds since the epoch: milliseconds, and the nanoseconds of the second."""
    ms, nanos = number_in(stored, POSITION), number_in(stored, NANOS)
    if ms is None:
        return None
    return ms * MS if nanos is None else ms // 1_000 * SECOND + nanos // 1_000


def position_of(micros: int) -> dict[str, object]:
    """A time, as it is stored."""
    return {POSITION: micros // MS, NANOS: micros % SECOND * 1_000}
