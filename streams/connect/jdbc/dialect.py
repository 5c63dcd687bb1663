"""What the connectors ask of a database: a connection, its tables, and the few statements that differ.

A dialect says how things are written; a session is one connection. Errors come as one of three kinds, whatever the
database calls them: it is away (`RetriableException`), a row does not fit (`RowRefused`), a statement does not
(`StatementRefused`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, Protocol

from streams.connect.data.schema import Schema
from streams.connect.errors import ConnectException, DataException

Row = tuple[object, ...]
Convert = Callable[[object], object]
"""Of one value, never None."""


class RowRefused(DataException):
    """The database does not take a row: a value does not fit its column, or a constraint is broken."""


class StatementRefused(ConnectException):
    """The database does not take a statement: a table or a column is not there any more, or a right is missing."""


class Kind(Enum):
    """What a column holds, as far as it matters for what is put into it."""

    INTEGER = "whole numbers"
    FLOAT = "numbers with a binary point"
    DECIMAL = "decimal numbers"
    BOOLEAN = "truth values"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "days"
    TIME = "times of day"
    TIMESTAMP = "points in time"
    JSON = "JSON"
    OTHER = "values of a type of the database's own"


class TableName(NamedTuple):
    """The name of a table; without a schema it is looked for where the session looks."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    Args:
        name: its name.
        type: as the database calls it.
        kind: what it holds.
        nullable: may it be empty?
        has_default: is there a value where none is given?
        generated: does the database number it?
        schema: what its values are in records.
        read: makes a value of a record of what the database gives; None: it is one.
    """

    name: str
    type: str
    kind: Kind
    nullable: bool
    has_default: bool
    generated: bool
    schema: Schema
    read: Convert | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a view.

    Args:
        name: its name.
        columns: in their order.
        key: the names of its primary key's columns.
    """

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    def column(self, name: str) -> Column | None:
        """The column of a name; where there is none, the one that differs in capital letters only, None: neither."""
        for each in self.columns:
            if each.name == name:
                return each
        return next((each for each in self.columns if each.name.lower() == name.lower()), None)


class Session(Protocol):
    """One connection. It is used by one thread; after a `RetriableException` it is closed, and another one opened.

    Every call raises `RetriableException`, `RowRefused` or `StatementRefused`.
    """

    name: str
    """Its own, which others see."""

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[Row]:
        """What a query gives."""
        ...

    def execute(self, sql: str, arguments: Sequence[object] = ()) -> int:
        """Runs a statement; how many rows it has changed."""
        ...

    def each(self, sql: str, rows: Sequence[Row]) -> None:
        """Runs a statement once for each of these rows of arguments."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """A block whose writes are stored at its end, all of them, or none where it raises."""
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """A block whose reads see one state."""
        ...

    def savepoint(self) -> AbstractContextManager[None]:
        """A part of a transaction, whose writes are taken back where it raises."""
        ...

    def close(self) -> None:
        """Ends it; what was not stored is taken back."""
        ...


class Dialect(Protocol):
    """How a kind of database is spoken to."""

    mark: str
    """What stands for an argument."""

    def connect(self, name: str) -> Session:
        """Opens a connection.

        Args:
            name: the session's, unique.
        Raises:
            RetriableException: the database is away.
            ConnectException: it refuses who asks.
        """
        ...

    def break_up(self, session: Session, owner: str, patience_ms: int) -> None:
        """Ends the sessions of a name that stand within a transaction for longer than that: those of a predecessor
        that hangs. One that is idle, or gone, is let be.

        Raises:
            RetriableException: that may not be done; the process is named.
        """
        ...

    def taking_over(self, session: Session) -> AbstractContextManager[None]:
        """A transaction that waits only shortly for a row that somebody holds (`RetriableException`)."""
        ...

    # Names and types

    def quoted(self, name: str) -> str:
        """A name, as it is written in SQL."""
        ...

    def table_name(self, text: str) -> TableName:
        """The table that a text names."""
        ...

    def tables(self, session: Session, schema: str, kinds: Sequence[str]) -> list[TableName]:
        """All tables, in the order of their names.

        Args:
            session: where to look.
            schema: of this schema only; "": of all but the database's own.
            kinds: `TABLE`, `VIEW`.
        """
        ...

    def table(self, session: Session, name: TableName) -> Table | None:
        """A table as it is now; None: there is none of that name."""
        ...

    def view(self, session: Session, query: str) -> TableName:
        """A view of the session's own on a query."""
        ...

    def selected(self, column: Column) -> str:
        """A column as a query asks for it, so that `Column.read` understands the value."""
        ...

    def sql_type(self, schema: Schema) -> str:
        """The type of a column that is made for such values.

        Raises:
            DataException: there is none.
        """
        ...

    def literal(self, value: object) -> str:
        """A default, as it is written in SQL."""
        ...

    def fit(self, column: Column, schema: Schema | None) -> Convert | None:
        """Makes what is written to a column of a value.

        Args:
            column: the column.
            schema: what the values are; None: nobody says.
        Returns:
            A function that raises `DataException` where the value does not fit; None: all are written as they are.
        """
        ...

    def plain(self, column: Column) -> type | None:
        """The class whose values are written to a column as they are, whatever `fit` gives; None: there is none."""
        ...

    # Writing

    def insert(self, session: Session, table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Adds rows."""
        ...

    def upsert(
        self, session: Session, table: Table, columns: Sequence[Column], keys: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Adds rows, or changes those that are there; no key is among them twice."""
        ...

    def update(
        self, session: Session, table: Table, columns: Sequence[Column], keys: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Changes the rows that are there; no key is among them twice."""
        ...

    def delete(self, session: Session, table: Table, keys: Sequence[Column], rows: Sequence[Row]) -> None:
        """Takes the rows of these keys away."""
        ...

    # Reading by time

    def moment(self, columns: Sequence[Column]) -> str:
        """The first of these columns that is not empty, as a point in time that can be compared, in SQL."""
        ...

    def moment_argument(self, micros: int) -> object:
        """A point in time, in microseconds since the epoch, to compare it with."""
        ...

    def micros(self, value: object) -> int:
        """What `moment` gave, in microseconds since the epoch."""
        ...

    def now_micros(self, session: Session) -> int:
        """The database's own time."""
        ...


def named(table: TableName, dialect: Dialect) -> str:
    """A table, as it is written in SQL."""
    name = dialect.quoted(table.name)
    return f"{dialect.quoted(table.schema)}.{name}" if table.schema else name


def listed(names: Sequence[str], dialect: Dialect) -> str:
    """Names, as they are written in SQL, with commas between."""
    return ", ".join(map(dialect.quoted, names))
