"""What a mode of reading is: which rows of a table come next, and a position behind them that finds its place again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.connect.errors import ConnectException
from streams.connect.jdbc.dialect import Column, Dialect, Row, Session, Table, named
from streams.connect.records import Parts


@dataclass(frozen=True, slots=True)
class Reading:
    """What the modes are told, of the settings of a source.

    Args:
        connector: the connector's name.
        incrementing: `incrementing.column.name`; "": the one that the database numbers.
        timestamps: `timestamp.column.name`.
        initial_ms: `timestamp.initial`; None: from the first row on, -1: from now on.
        delay_ms: `timestamp.delay.interval.ms`.
        checks_null: `validate.non.null`.
        transaction_column: `transaction.column.name`.
        prepares: `source.prepare`.
        suffix: `query.suffix`.
    """

    connector: str
    incrementing: str
    timestamps: tuple[str, ...]
    initial_ms: int | None
    delay_ms: int
    checks_null: bool
    transaction_column: str
    prepares: bool
    suffix: str


@dataclass(frozen=True, slots=True)
class Page:
    """The next rows.

    Args:
        rows: the values of the table's columns; of a row that is gone those of its key, and None for all others.
        gone: places of rows that are gone.
        position: where reading goes on behind them; None: it is not kept.
        more: may there be more at once?
    """

    rows: Sequence[Row] = ()
    gone: frozenset[int] = frozenset()
    position: Parts | None = None
    more: bool = False


class TableReader(Protocol):
    """Reads one table."""

    table: Table
    """As it is now; the columns that it returns are those of this."""
    keyed: bool
    """Do its records bear the primary key as their key?"""

    def prepare(self, session: Session, table: Table) -> None:
        """Before rows are read: is the table fit for the mode? Made so, where that is allowed.

        Args:
            session: the connection.
            table: as it is now.
        Raises:
            ConnectException: it is not; what has to be run is named.
        """
        ...

    def read(self, session: Session, most: int) -> Page:
        """The next rows, at most so many, where the mode does not have to take some together."""
        ...

    def stored(self, session: Session) -> None:
        """What was returned so far is stored."""
        ...


def selection(table: Table, dialect: Dialect, *extra: str) -> str:
    """`select … from … as t` of all columns, and expressions behind them. An order names columns as `t.…`: without it,
    it would be that of what is selected, such as numbers as text."""
    columns = ", ".join([*map(dialect.selected, table.columns), *extra])
    return f"select {columns} from {named(table.name, dialect)} as t"


def column_of(table: Table, name: str, setting: str) -> Column:
    """A column that a setting names.

    Raises:
        ConnectException: there is none.
    """
    found = table.column(name)
    if found is None:
        names = ", ".join(each.name for each in table.columns)
        raise ConnectException(f"The table {table.name} has no column {name}, which {setting} names. It has {names}.")
    return found


def check_filled(column: Column, table: Table, reading: Reading) -> None:
    """Refuses a column that may be empty: rows without a value would never be read.

    Raises:
        ConnectException: it may be.
    """
    if reading.checks_null and column.nullable:
        raise ConnectException(
            f"The column {column.name} of {table.name} may be empty, and rows in which it is would never be read. "
            "Make it not null, or set validate.non.null=false."
        )


def number_in(stored: Parts | None, name: str) -> int | None:
    """A number of a stored position; None: there is none yet.

    Raises:
        ConnectException: it is no number.
    """
    value = None if stored is None else stored.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConnectException(f"The stored position {dict(stored or {})} has no number as {name}.")
    return value
