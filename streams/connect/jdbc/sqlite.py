"""SQLite, by the standard library.

One writer at a time has the whole file. What is written is on the disk when it is committed (`synchronous=FULL`, in WAL
mode, in which readers do not wait). A process that holds the file is named: nobody but it can let go.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from streams.connect.data.logical import DAY_MS, date_of, ms_of, time_of, timestamp_of
from streams.connect.data.schema import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, Schema, Type
from streams.connect.errors import DataException, RetriableException
from streams.connect.jdbc.dialect import (
    Column,
    Convert,
    Kind,
    Row,
    RowRefused,
    Session,
    StatementRefused,
    Table,
    TableName,
    listed,
    named,
)
from streams.connect.jdbc.types import (
    AS_THEY_ARE,
    BY_KIND,
    Unfit,
    decimal_reader,
    decimal_schema,
    fitting,
    moment,
    number,
    passes,
)
from streams.errors import UnsupportedOperationException

LOCK_MS = 200
"""So long a session waits for the file before it says who holds it."""
OLDEST = (3, 35, 0)
"""`returning`."""
OWN = "streams_"
"""What the names of the connectors' own tables begin with."""
_MOST_DIGITS = 15
"""So many digits a column of NUMERIC affinity keeps."""
_EPOCH_DAYS = "2440587.5"
_NOW = "'now'"
_AWAY = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM,
}  # fmt: skip
_UNFIT = {sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_RANGE}


class SqliteSession:
    """One connection to a file.

    Args:
        path: the file.
        name: the session's.
        writes: may the file be made, and is it written to?
    Raises:
        RetriableException: it cannot be opened now.
    """

    def __init__(self, path: Path, name: str, writes: bool) -> None:
        self.name = name
        self._path = path
        with self._told():
            mode = "rwc" if writes else "rw"
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode={mode}",
                uri=True, timeout=LOCK_MS / 1000, isolation_level=None, check_same_thread=False,
            )  # fmt: skip
        try:
            with self._told():
                if writes:
                    self._connection.execute("pragma journal_mode=wal").fetchall()
                self._connection.execute("pragma synchronous=full").fetchall()
                self._connection.execute("select count(*) from sqlite_master").fetchall()
            self._inode = path.stat().st_ino
        except OSError as error:
            self.close()
            raise RetriableException(f"{path} cannot be read: {error.strerror}.") from None
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[Row]:
        """What a query gives."""
        self._check_place()
        with self._told():
            return self._connection.execute(sql, arguments).fetchall()

    def execute(self, sql: str, arguments: Sequence[object] = ()) -> int:
        """Runs a statement; how many rows it has changed."""
        with self._told():
            return self._connection.execute(sql, arguments).rowcount

    def each(self, sql: str, rows: Sequence[Row]) -> None:
        """Runs a statement once for each of these rows of arguments."""
        with self._told():
            self._connection.executemany(sql, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose writes are stored at its end. It has the file from its beginning on."""
        self._check_place()
        self.execute("begin immediate")
        yield from self._block()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A block whose reads see one state."""
        self.execute("begin")
        yield from self._block()

    def _block(self) -> Iterator[None]:
        try:
            yield
            self.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):  # a disk that is full has rolled back already
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction, whose writes are taken back where it raises."""
        self.execute("savepoint one")
        try:
            yield
        except BaseException:
            self.execute("rollback to one")
            self.execute("release one")
            raise
        self.execute("release one")

    def close(self) -> None:
        """Ends it."""
        with suppress(sqlite3.Error):
            self._connection.close()

    def _check_place(self) -> None:
        """Who reads or writes a file that has no name any more does so for nobody."""
        try:
            found = self._path.stat().st_ino
        except OSError:
            found = 0
        if found != self._inode:
            raise RetriableException(f"{self._path} is another file now, or gone; it is opened anew.")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors by their kinds."""
        try:
            yield
        except (OverflowError, UnicodeEncodeError) as error:
            raise RowRefused(f"SQLite cannot hold a value: {error}.") from None
        except sqlite3.Error as error:
            raise self._error(error) from None

    def _error(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return RetriableException(f"{self._path} is held by {_holders(self._path)}. It is waited for; end that "
                                      "process if it hangs.")  # fmt: skip
        if code == sqlite3.SQLITE_CANTOPEN:
            return RetriableException(f"{self._path} cannot be opened: there is no such file, or it may not be read.")
        if code == sqlite3.SQLITE_FULL:
            return RetriableException(f"{self._path}: the disk is full. It is tried again; make room.")
        if code in _AWAY:
            return RetriableException(f"{self._path}: {error}.")
        if code in _UNFIT or isinstance(error, sqlite3.IntegrityError | sqlite3.DataError | sqlite3.InterfaceError):
            return RowRefused(f"{error}.")
        if isinstance(error, sqlite3.ProgrammingError) and not code:
            return RowRefused(f"{error}")
        return StatementRefused(f"{self._path}: {error}.")


def _holders(path: Path) -> str:
    """Who has locked a file for writing, as far as the system says so."""
    pids: list[str] = []
    with suppress(OSError):
        places = set()
        for each in (path, path.with_name(f"{path.name}-shm"), path.with_name(f"{path.name}-wal")):
            with suppress(OSError):
                places.add(str(each.stat().st_ino))
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "WRITE" in words:
                pid, place = words[words.index("WRITE") + 1 : words.index("WRITE") + 3]
                if place.rpartition(":")[2] in places and pid.isdecimal() and int(pid) > 0:
                    pids.append(pid)
    named_ = [f"process {pid} ({_command(pid)})" for pid in dict.fromkeys(pids) if int(pid) != os.getpid()]
    if pids and not named_:
        return "another connection of this process"
    return " and ".join(named_) or "another process"


def _command(pid: str) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:80]
    return "?"


class SqliteDialect:
    """SQLite.

    Args:
        path: the file.
        writes: may it be made, and is it written to?
        numeric_mapping: how decimals become numbers of records.
    """

    mark = "?"

    def __init__(self, path: str, writes: bool, numeric_mapping: str = "none") -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            raise UnsupportedOperationException(
                f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or later is needed. Use a newer Python."
            )
        self._path = Path(path).absolute()
        self._writes = writes
        self._mapping = numeric_mapping

    def connect(self, name: str) -> SqliteSession:
        """Opens the file."""
        if self._writes:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise RetriableException(f"{self._path.parent} cannot be made: {error.strerror}.") from None
        return SqliteSession(self._path, name, self._writes)

    def break_up(self, session: Session, owner: str, patience_ms: int) -> None:
        """Nobody else can end a transaction: it is waited for, and who has it is named."""

    def taking_over(self, session: Session) -> AbstractContextManager[None]:
        """A transaction."""
        return session.transaction()

    # Names and types

    def quoted(self, name: str) -> str:
        """A name, as it is written in SQL."""
        doubled = name.replace('"', '""')
        return f'"{doubled}"'

    def table_name(self, text: str) -> TableName:
        """The table of that name, points in it too: a file has no schemas."""
        return TableName("", text)

    def tables(self, session: Session, schema: str, kinds: Sequence[str]) -> list[TableName]:
        """All tables but the connectors' own."""
        marks = ", ".join("?" for _ in kinds)
        sql = (
            f"select name from sqlite_master where type in ({marks}) and name not like 'sqlite\\_%' escape '\\' "
            "order by name"
        )
        found = (str(name) for (name,) in session.rows(sql, [kind.lower() for kind in kinds]))
        return [TableName("", name) for name in found if not name.startswith(OWN)]

    def table(self, session: Session, name: TableName) -> Table | None:
        """A table as it is now; None: there is none of that name."""
        sql = 'select name, type, "notnull", dflt_value, pk from pragma_table_info(?)'
        found = session.rows(sql, [name.name])
        if not found:
            return None
        key = [str(row[0]) for row in sorted(found, key=lambda row: int(str(row[4]))) if row[4]]
        columns = []
        for column, type_, not_null, default, in_key in found:
            declared = str(type_ or "")
            kind = _kind(declared) if declared else self._kind_of_values(session, name, str(column))
            alone = declared.upper() == "INTEGER" and len(key) == 1 and bool(in_key)
            nullable = not not_null and not alone
            schema, read = self._schema(kind, declared, nullable)
            columns.append(
                Column(str(column), declared or "any", kind, nullable, default is not None, alone, schema, read)
            )
        return Table(name, tuple(columns), tuple(key))

    def _kind_of_values(self, session: Session, table: TableName, column: str) -> Kind:
        """A column of no type, such as one that a query computes, is of the type that its first value has."""
        name = self.quoted(column)
        sql = f"select typeof({name}) from {named(table, self)} where {name} is not null limit 1"
        found = session.rows(sql)
        kinds = {"integer": Kind.INTEGER, "real": Kind.FLOAT, "text": Kind.TEXT, "blob": Kind.BYTES}
        return kinds[str(found[0][0])] if found else Kind.OTHER

    def _schema(self, kind: Kind, declared: str, nullable: bool) -> tuple[Schema, Convert]:
        if kind is Kind.DECIMAL:
            digits = re.search(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)", declared)
            if digits is None:
                return Schema(Type.FLOAT64, optional=nullable), _real
            scale = int(digits[2] or 0)
            schema = decimal_schema(int(digits[1]), scale, self._mapping, nullable)
            return schema, _numeric(decimal_reader(schema, scale))
        makes, read = _READ[kind]
        return makes.as_optional(nullable), read

    def view(self, session: Session, query: str) -> TableName:
        """A view of the session's own on a query."""
        session.execute("drop view if exists temp.streams_query")
        session.execute(f"create temp view streams_query as {query}")
        return TableName("", "streams_query")

    def selected(self, column: Column) -> str:
        """A column as a query asks for it."""
        return self.quoted(column.name)

    def sql_type(self, schema: Schema) -> str:
        """The type of a column that is made for such values."""
        if schema.name == DECIMAL_NAME:
            return f"DECIMAL(38,{(schema.parameters or {}).get('scale', '0')})"
        found = _LOGICAL.get(schema.name or "") or _TYPES.get(schema.type)
        if found is None:
            raise DataException(f"SQLite has no type for {schema}. Take its parts out with Flatten.")
        return found

    def literal(self, value: object) -> str:
        """A default, as it is written in SQL."""
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, int | float | Decimal):
            return str(value)
        if isinstance(value, bytes):
            return f"x'{value.hex()}'"
        if isinstance(value, date | time):
            return str(ms_of(value))
        doubled = str(value).replace("'", "''")
        return f"'{doubled}'"

    def fit(self, column: Column, schema: Schema | None) -> Convert | None:
        """Makes what is written to a column of a value."""
        looked_at = column.kind is Kind.FLOAT or not passes(schema, column.kind)
        return fitting(column, _FIT) if looked_at else None

    def plain(self, column: Column) -> type | None:
        """The class whose values are written to a column as they are; a float may be none that SQLite has."""
        return None if column.kind is Kind.FLOAT else AS_THEY_ARE.get(column.kind)

    # Writing

    def insert(self, session: Session, table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Adds rows."""
        session.each(self._insert(table, columns), rows)

    def _insert(self, table: Table, columns: Sequence[Column]) -> str:
        names = listed([each.name for each in columns], self)
        return f"insert into {named(table.name, self)} ({names}) values ({', '.join('?' for _ in columns)})"

    def upsert(
        self, session: Session, table: Table, columns: Sequence[Column], keys: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Adds rows, or changes those that are there."""
        others = [self.quoted(each.name) for each in columns if each.name not in keys]
        change = f"update set {', '.join(f'{name} = excluded.{name}' for name in others)}" if others else "nothing"
        session.each(f"{self._insert(table, columns)} on conflict ({listed(keys, self)}) do {change}", rows)

    def update(
        self, session: Session, table: Table, columns: Sequence[Column], keys: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Changes the rows that are there."""
        names = [each.name for each in columns]
        others = [name for name in names if name not in keys]
        if not others:
            return
        order = [names.index(name) for name in (*others, *keys)]
        sets = ", ".join(f"{self.quoted(name)} = ?" for name in others)
        sql = f"update {named(table.name, self)} set {sets} where {self._where(keys)}"
        session.each(sql, [tuple(row[index] for index in order) for row in rows])

    def delete(self, session: Session, table: Table, keys: Sequence[Column], rows: Sequence[Row]) -> None:
        """Takes the rows of these keys away."""
        where = self._where([each.name for each in keys])
        session.each(f"delete from {named(table.name, self)} where {where}", rows)

    def _where(self, keys: Sequence[str]) -> str:
        return " and ".join(f"{self.quoted(name)} = ?" for name in keys)

    # Reading by time

    def moment(self, columns: Sequence[Column]) -> str:
        """Numbers are milliseconds, as Java's driver writes them; text is ISO 8601, in UTC."""
        return f"coalesce({', '.join([*(_micros(self.quoted(each.name)) for each in columns), 'null'])})"

    def moment_argument(self, micros: int) -> object:
        """Microseconds."""
        return micros

    def micros(self, value: object) -> int:
        """What `moment` gave."""
        return int(str(value))

    def now_micros(self, session: Session) -> int:
        """The machine's time."""
        return int(str(session.rows(f"select {_micros_of_text(_NOW)}")[0][0]))


def _micros(column: str) -> str:
    number = f"cast({column} * 1000 as integer)"
    return f"(case when typeof({column}) = 'text' then {_micros_of_text(column)} else {number} end)"


def _micros_of_text(text: str) -> str:
    return f"cast(round((julianday({text}) - {_EPOCH_DAYS}) * 86400000.0) as integer) * 1000"


def _kind(declared: str) -> Kind:
    """What a column of a declared type holds: by the words in it, as SQLite does it, and those that people use."""
    said = declared.upper()
    for word, kind in _WORDS:
        if word in said:
            return kind
    return Kind.DECIMAL


_WORDS = (
    ("INT", Kind.INTEGER), ("BOOL", Kind.BOOLEAN), ("CHAR", Kind.TEXT), ("CLOB", Kind.TEXT), ("TEXT", Kind.TEXT),
    ("BLOB", Kind.BYTES), ("REAL", Kind.FLOAT), ("FLOA", Kind.FLOAT), ("DOUB", Kind.FLOAT), ("JSON", Kind.JSON),
    ("DATETIME", Kind.TIMESTAMP), ("TIMESTAMP", Kind.TIMESTAMP), ("DATE", Kind.DATE), ("TIME", Kind.TIME),
)  # fmt: skip
_TYPES: Mapping[Type, str] = {
    **dict.fromkeys((Type.INT8, Type.INT16, Type.INT32, Type.INT64), "INTEGER"),
    **dict.fromkeys((Type.FLOAT32, Type.FLOAT64), "REAL"),
    Type.BOOLEAN: "BOOLEAN",
    Type.STRING: "TEXT",
    Type.BYTES: "BLOB",
}
_LOGICAL: Mapping[str, str] = {DATE_NAME: "DATE", TIME_NAME: "TIME", TIMESTAMP_NAME: "TIMESTAMP"}


# What is written


def _numeric_fit(value: object) -> object:
    if isinstance(value, Decimal):
        if len(value.normalize().as_tuple().digits) > _MOST_DIGITS:
            raise Unfit(f"it has more than the {_MOST_DIGITS} digits that SQLite keeps; a column of TEXT keeps all")
        return str(value)
    return _any_fit(value) if not isinstance(value, str | bytes) else _refuse()


def _number_fit(value: object) -> float:
    found = number(value)
    if found != found:
        raise Unfit("SQLite writes nothing for it")
    return found


def _refuse() -> object:
    raise Unfit


def _any_fit(value: object) -> object:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float | str | bytes):
        return value
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date | time):
        return ms_of(value)
    raise Unfit


def _moment_fit(value: object) -> object:
    if isinstance(value, bool | float | bytes | Decimal):
        raise Unfit
    return _any_fit(value)


_FIT: Mapping[Kind, Convert] = {
    **BY_KIND,
    Kind.BOOLEAN: lambda value: int(bool(BY_KIND[Kind.BOOLEAN](value))),
    Kind.DECIMAL: _numeric_fit,
    Kind.FLOAT: _number_fit,
    Kind.DATE: _moment_fit,
    Kind.TIME: _moment_fit,
    Kind.TIMESTAMP: _moment_fit,
    Kind.OTHER: _any_fit,
}


# What is read: any column may hold anything


def _only(*kinds: type) -> Convert:
    def read(value: object) -> object:
        if not isinstance(value, kinds):
            raise _not_of(value)
        return value

    return read


def _not_of(value: object) -> DataException:
    return DataException(f"{value!r} is not of the type that its column is declared with.")


def _real(value: object) -> float:
    if isinstance(value, int) and int(float(value)) == value:
        return float(value)
    if isinstance(value, float):
        return value
    raise _not_of(value)


def _numeric(read: Convert) -> Convert:
    def checked(value: object) -> object:
        if not isinstance(value, int | float | str):
            raise _not_of(value)
        try:
            return read(value)
        except ArithmeticError:
            raise _not_of(value) from None

    return checked


def _day(value: object) -> date:
    if isinstance(value, int):
        return date_of(value // DAY_MS)
    return date.fromisoformat(_text(value)[:10])


def _time(value: object) -> time:
    return time_of(value) if isinstance(value, int) else time.fromisoformat(_text(value))


def _moment(value: object) -> datetime:
    return timestamp_of(value) if isinstance(value, int) else moment(_text(value))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _not_of(value)
    return value


def _read_moment(read: Convert) -> Convert:
    def checked(value: object) -> object:
        try:
            return read(value)
        except ValueError:
            raise _not_of(value) from None

    return checked


_READ: Mapping[Kind, tuple[Schema, Convert]] = {
    Kind.INTEGER: (Schema(Type.INT64), _only(int)),
    Kind.FLOAT: (Schema(Type.FLOAT64), _real),
    Kind.BOOLEAN: (Schema(Type.BOOLEAN), lambda value: bool(_only(int)(value))),
    Kind.TEXT: (Schema(Type.STRING), _only(str)),
    Kind.JSON: (Schema(Type.STRING), _only(str)),
    Kind.BYTES: (Schema(Type.BYTES), _only(bytes)),
    Kind.DATE: (Schema.date(), _read_moment(_day)),
    Kind.TIME: (Schema.time(), _read_moment(_time)),
    Kind.TIMESTAMP: (Schema.timestamp(), _read_moment(_moment)),
    Kind.OTHER: (Schema(Type.STRING), lambda value: value if isinstance(value, str) else str(value)),
}
