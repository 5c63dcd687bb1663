"""PostgreSQL, by psycopg (the extra `postgres`).

Batches are one statement each: an array a column, which `unnest` makes rows of. Nothing is prepared and nothing
temporary is made where it is not needed, so that a pooler may stand in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from streams.connect.data.logical import EPOCH
from streams.connect.data.schema import DATE_NAME, DECIMAL_NAME, TIME_NAME, TIMESTAMP_NAME, Schema, Type
from streams.connect.errors import ConnectException, DataException, RetriableException
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
from streams.connect.jdbc.types import AS_THEY_ARE, BY_KIND, decimal_reader, decimal_schema, fitting, passes
from streams.errors import UnsupportedOperationException

try:
    import psycopg
    from psycopg.conninfo import make_conninfo
    from psycopg.types.numeric import Int8Dumper
except ImportError:
    raise UnsupportedOperationException(
        "PostgreSQL needs psycopg: pip install 'streams-app[postgres]'."
    ) from None

TAKE_OVER_MS = 300
"""So long a row may be held by another session before that is ended."""
LOCK_MS = 10_000
"""So long a batch waits for rows that somebody else has locked."""
IDLE_MS = 60_000
"""The server ends a session that stands still within a transaction for so long."""
GONE_MS = 5_000
_LOOK_S = 0.02
_DEFAULTS: Mapping[str, str | int] = {
    "connect_timeout": 5, "tcp_user_timeout": 15_000, "keepalives_idle": 10, "keepalives_interval": 5,
    "keepalives_count": 3,
}  # fmt: skip
_AWAY = ("08", "53", "57", "58", "F0", "XX")
"""Classes of states in which the server cannot answer now."""
_AGAIN = ("40001", "40P01", "55P03", "25P03", "25P04", "25006", "55006")
"""States in which the same may succeed later: locks, deadlocks, a standby that is to become the primary."""
_REFUSED = ("authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry", "not permitted")
_MICRO = timedelta(microseconds=1)


class PostgresSession:
    """One connection.

    Args:
        parameters: libpq's.
        name: the session's, which `pg_stat_activity` shows.
        timezone: in which points in time without a zone are.
    Raises:
        RetriableException: the server is away.
        ConnectException: it refuses who asks.
    """

    def __init__(self, parameters: Mapping[str, str], name: str, timezone: str) -> None:
        self.name = name
        try:
            where = make_conninfo("", **{**_DEFAULTS, **parameters, "application_name": name})
            self._connection = psycopg.connect(where, autocommit=True, prepare_threshold=None)
            self._connection.adapters.register_dumper(int, Int8Dumper)  # else a list is of its largest number's type
        except psycopg.Error as error:
            raise _connecting(error, parameters) from None
        try:
            self.rows(
                "select set_config('timezone', %s, false), set_config('lock_timeout', %s, false), "
                "set_config('idle_in_transaction_session_timeout', %s, false), set_config('datestyle', 'ISO', false)",
                [timezone, str(LOCK_MS), str(IDLE_MS)],
            )
        except BaseException:
            self.close()
            raise

    def rows(self, sql: str, arguments: Sequence[object] = ()) -> list[Row]:
        """What a query gives."""
        with self._told(), self._connection.cursor() as cursor:
            return cursor.execute(sql.encode(), arguments).fetchall()

    def execute(self, sql: str, arguments: Sequence[object] = ()) -> int:
        """Runs a statement; how many rows it has changed."""
        with self._told(), self._connection.cursor() as cursor:
            return cursor.execute(sql.encode(), arguments).rowcount

    def each(self, sql: str, rows: Sequence[Row]) -> None:
        """Runs a statement once for each of these rows of arguments."""
        with self._told(), self._connection.cursor() as cursor:
            cursor.executemany(sql.encode(), rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A block whose writes are stored at its end."""
        self.execute("begin")
        yield from self._block()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """A block whose reads see one state."""
        self.execute("begin isolation level repeatable read read only")
        yield from self._block()

    def _block(self) -> Iterator[None]:
        try:
            yield
            self.execute("commit")
        except BaseException:
            with suppress(psycopg.Error):
                if not self._connection.closed:
                    self._connection.execute(b"rollback")
            raise

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction, whose writes are taken back where it raises."""
        self.execute("savepoint one")
        try:
            yield
        except RowRefused:
            self.execute("rollback to savepoint one")
            self.execute("release savepoint one")
            raise
        self.execute("release savepoint one")

    def close(self) -> None:
        """Ends it."""
        with suppress(psycopg.Error):
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors by their kinds."""
        try:
            yield
        except psycopg.Error as error:
            raise _running(error, self._connection.closed) from None


def _said(error: psycopg.Error) -> str:
    primary = error.diag.message_primary
    if primary is None:
        return str(error).strip().rstrip(".")
    return f"{primary}. {error.diag.message_detail}".rstrip(".") if error.diag.message_detail else primary


def _running(error: psycopg.Error, closed: bool) -> Exception:
    state = error.sqlstate or ""
    said = _said(error)
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not state
    if closed or lost or state.startswith(_AWAY) or state in _AGAIN:
        return RetriableException(f"PostgreSQL: {said}.")
    if state.startswith(("21", "22", "23")) or isinstance(error, psycopg.DataError) or not state:
        return RowRefused(f"PostgreSQL: {said}.")
    return StatementRefused(f"PostgreSQL: {said}.")


def _connecting(error: psycopg.Error, parameters: Mapping[str, str]) -> Exception:
    where = f"{parameters.get('host', 'the local socket')}:{parameters.get('port', '5432')}"
    said = " ".join(str(error).split())
    if not isinstance(error, psycopg.OperationalError):
        return ConnectException(f"PostgreSQL at {where} cannot be asked: {said}. Look at connection.url.")
    if any(word in said for word in _REFUSED):
        return ConnectException(
            f"PostgreSQL at {where} refuses user {parameters.get('user', '')!r}: {said}. Look at connection.url, "
            "connection.user and connection.password."
        )
    return RetriableException(f"PostgreSQL at {where} does not answer: {said}.")


class _Typed(NamedTuple):
    """A type of PostgreSQL's: what its columns hold, and what their values are in records."""

    kind: Kind
    schema: Schema


class PostgresDialect:
    """PostgreSQL 13 or later.

    Args:
        parameters: of the connection, libpq's.
        timezone: in which points in time without a zone are.
        numeric_mapping: how decimals become numbers of records.
    """

    mark = "%s"

    def __init__(self, parameters: Mapping[str, str], timezone: str = "UTC", numeric_mapping: str = "none") -> None:
        self._parameters = parameters
        self._timezone = timezone
        self._mapping = numeric_mapping

    def connect(self, name: str) -> PostgresSession:
        """Opens a connection."""
        return PostgresSession(self._parameters, name, self._timezone)

    def break_up(self, session: Session, owner: str, patience_ms: int) -> None:
        """Ends the sessions of a name that stand within a transaction for longer than that."""
        found = _within(session, owner)
        waited = 0.0
        while found and waited < patience_ms:
            session.rows("select pg_sleep(%s)", [_LOOK_S])
            waited += _LOOK_S * 1000
            found &= _within(session, owner)
        for pid, since in sorted(found):
            try:
                session.rows("select pg_terminate_backend(%s::int)", [pid])
            except StatementRefused as error:
                raise RetriableException(
                    f"The session {owner!r} (process {pid} of the server) stands within a transaction since {since}, "
                    f"and may not be ended by this user: {error} Grant pg_signal_backend, or end it: "
                    f"select pg_terminate_backend({pid})."
                ) from None
        waited = 0.0
        while found and waited < GONE_MS:
            session.rows("select pg_sleep(%s)", [_LOOK_S])
            waited += _LOOK_S * 1000
            found &= _within(session, owner)

    @contextmanager
    def _taking_over(self, session: Session) -> Iterator[None]:
        with session.transaction():
            session.execute(f"set local lock_timeout = {TAKE_OVER_MS}")
            yield

    def taking_over(self, session: Session) -> AbstractContextManager[None]:
        """A transaction that waits only shortly for a row that somebody holds."""
        return self._taking_over(session)

    # Names and types

    def quoted(self, name: str) -> str:
        """A name, as it is written in SQL with arguments."""
        doubled = name.replace('"', '""').replace("%", "%%")
        return f'"{doubled}"'

    def table_name(self, text: str) -> TableName:
        """`schema.table`, or `table`; quotes around each are taken off."""
        schema, point, name = text.rpartition(".")
        if not point:
            return TableName("", text.strip('"'))
        return TableName(schema.rpartition(".")[2].strip('"'), name.strip('"'))

    def tables(self, session: Session, schema: str, kinds: Sequence[str]) -> list[TableName]:
        """All tables but the server's own and the connectors'."""
        letters = [letter for kind in kinds for letter in {"TABLE": "rp", "VIEW": "vm"}.get(kind, "")]
        sql = (
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where c.relkind::text = any(%s::text[]) and not c.relispartition "
            "and n.nspname !~ '^(pg_|information_schema$)' and c.relname !~ '^streams_' "
            "and (%s::text = '' or n.nspname = %s::text) order by 1, 2"
        )
        return [TableName(str(found), str(name)) for found, name in session.rows(sql, [letters, schema, schema])]

    def table(self, session: Session, name: TableName) -> Table | None:
        """A table as it is now; None: there is none of that name."""
        called = named(name, self).replace("%%", "%")
        found = session.rows(_COLUMNS, [called])
        if not found:
            return None
        key = tuple(str(row[0]) for row in session.rows(_KEY, [called]))
        return Table(name, tuple(self._column(*row) for row in found), key)

    def _column(self, *row: object) -> Column:
        name, type_, modifier, not_null, has_default, generated = row
        said, nullable = str(type_), not not_null
        typed = _TYPED.get(said)
        read: Convert | None = None
        if said == "numeric":
            precision, scale = _digits(int(str(modifier)))
            schema = decimal_schema(precision, scale, self._mapping, nullable)
            kind, read = Kind.DECIMAL, decimal_reader(schema, scale)
        elif typed is not None:
            kind, schema = typed.kind, typed.schema.as_optional(nullable)
        else:
            kind, schema = Kind.OTHER, Schema(Type.STRING, optional=nullable)
        return Column(str(name), said, kind, nullable, bool(has_default), bool(generated), schema, read)

    def view(self, session: Session, query: str) -> TableName:
        """A view of the session's own on a query."""
        session.execute("drop view if exists pg_temp.streams_query")
        session.execute(f"create temp view streams_query as {query.replace('%', '%%')}")
        return TableName("pg_temp", "streams_query")

    def selected(self, column: Column) -> str:
        """A column as a query asks for it."""
        name = self.quoted(column.name)
        if column.kind in (Kind.JSON, Kind.OTHER):
            return f"{name}::text"
        return f"{name}::timestamptz" if column.kind is Kind.TIMESTAMP else name

    def sql_type(self, schema: Schema) -> str:
        """The type of a column that is made for such values."""
        if schema.name == DECIMAL_NAME:
            return "NUMERIC"
        found = _LOGICAL.get(schema.name or "") or _TYPES.get(schema.type)
        if found is None:
            raise DataException(f"PostgreSQL has no type for {schema}. Take its parts out with Flatten.")
        return found

    def literal(self, value: object) -> str:
        """A default, as it is written in SQL."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int | float | Decimal):
            return f"'{value}'"
        if isinstance(value, bytes):
            return f"'\\x{value.hex()}'"
        said = value.isoformat() if isinstance(value, date | time) else str(value)
        doubled = said.replace("'", "''").replace("%", "%%")
        return f"'{doubled}'"

    def fit(self, column: Column, schema: Schema | None) -> Convert | None:
        """Makes what is written to a column of a value."""
        return None if passes(schema, column.kind) else fitting(column, BY_KIND)

    def plain(self, column: Column) -> type | None:
        """The class whose values are written to a column as they are."""
        return AS_THEY_ARE.get(column.kind)

    # Writing

    def insert(self, session: Session, table: Table, columns: Sequence[Column], rows: Sequence[Row]) -> None:
        """Adds rows."""
        session.execute(self._insert(table, columns), _arrays(rows))

    def _insert(self, table: Table, columns: Sequence[Column]) -> str:
        names = listed([each.name for each in columns], self)
        return f"insert into {named(table.name, self)} ({names}) select * from {_unnest(columns)}"

    def upsert(
        self, session: Session, table: Table, columns: Sequence[Column], keys: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Adds rows, or changes those that are there."""
        others = [self.quoted(each.name) for each in columns if each.name not in keys]
        change = f"update set {', '.join(f'{name} = excluded.{name}' for name in others)}" if others else "nothing"
        sql = f"{self._insert(table, columns)} on conflict ({listed(keys, self)}) do {change}"
        session.execute(sql, _arrays(rows))

    def update(
        self, session: Session, table: Table, columns: Sequence[Column], keys: Sequence[str], rows: Sequence[Row]
    ) -> None:
        """Changes the rows that are there."""
        names = [each.name for each in columns]
        sets = ", ".join(f"{self.quoted(name)} = given.{self.quoted(name)}" for name in names if name not in keys)
        if sets:
            given = f"{_unnest(columns)} as given ({listed(names, self)})"
            sql = f"update {named(table.name, self)} as target set {sets} from {given} where {self._where(keys)}"
            session.execute(sql, _arrays(rows))

    def delete(self, session: Session, table: Table, keys: Sequence[Column], rows: Sequence[Row]) -> None:
        """Takes the rows of these keys away."""
        names = [each.name for each in keys]
        given = f"{_unnest(keys)} as given ({listed(names, self)})"
        sql = f"delete from {named(table.name, self)} as target using {given} where {self._where(names)}"
        session.execute(sql, _arrays(rows))

    def _where(self, keys: Sequence[str]) -> str:
        return " and ".join(f"target.{self.quoted(name)} = given.{self.quoted(name)}" for name in keys)

    # Reading by time

    def moment(self, columns: Sequence[Column]) -> str:
        """Points in time with a zone."""
        found = [f"{self.quoted(each.name)}::timestamptz" for each in columns]
        return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"

    def moment_argument(self, micros: int) -> object:
        """A datetime."""
        return EPOCH + micros * _MICRO

    def micros(self, value: object) -> int:
        """What `moment` gave."""
        assert isinstance(value, datetime)
        return (value.astimezone(UTC) - EPOCH) // _MICRO

    def now_micros(self, session: Session) -> int:
        """The server's time."""
        return self.micros(session.rows("select clock_timestamp()")[0][0])


def _within(session: Session, owner: str) -> set[tuple[int, str]]:
    """The sessions of a name within a transaction: process, and since when."""
    sql = (
        "select pid, xact_start::text from pg_stat_activity "
        "where application_name = %s and pid <> pg_backend_pid() and xact_start is not null"
    )
    return {(int(str(pid)), str(since)) for pid, since in session.rows(sql, [owner])}


def _unnest(columns: Sequence[Column]) -> str:
    return f"unnest({', '.join(f'%s::{each.type}[]' for each in columns)})"


def _arrays(rows: Sequence[Row]) -> list[list[object]]:
    return list(map(list, zip(*rows, strict=True)))


def _digits(modifier: int) -> tuple[int | None, int | None]:
    """Precision and scale of a numeric column; None, where it has none."""
    if modifier < 4:
        return None, None
    scale = (modifier - 4) & 0x7FF
    return ((modifier - 4) >> 16) & 0xFFFF, scale - 0x800 if scale & 0x400 else scale


_COLUMNS = """
select a.attname, format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), -1),
  case when t.typbasetype = 0 then a.atttypmod else t.typtypmod end,
  a.attnotnull, a.atthasdef or a.attidentity <> '',
  a.attidentity <> '' or coalesce(pg_get_expr(d.adbin, d.adrelid) like 'nextval(%%', false)
from pg_attribute a
join pg_type t on t.oid = a.atttypid
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = to_regclass(%s) and a.attnum > 0 and not a.attisdropped
order by a.attnum
"""
_KEY = """
select a.attname
from pg_index i
cross join unnest(i.indkey::int2[]) with ordinality as k (attnum, place)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
where i.indrelid = to_regclass(%s) and i.indisprimary
order by k.place
"""
_TYPED: Mapping[str, _Typed] = {
    "smallint": _Typed(Kind.INTEGER, Schema(Type.INT16)),
    "integer": _Typed(Kind.INTEGER, Schema(Type.INT32)),
    "bigint": _Typed(Kind.INTEGER, Schema(Type.INT64)),
    "real": _Typed(Kind.FLOAT, Schema(Type.FLOAT32)),
    "double precision": _Typed(Kind.FLOAT, Schema(Type.FLOAT64)),
    "boolean": _Typed(Kind.BOOLEAN, Schema(Type.BOOLEAN)),
    **dict.fromkeys(
        ("text", "character varying", "bpchar", "character", "name"), _Typed(Kind.TEXT, Schema(Type.STRING))
    ),
    "bytea": _Typed(Kind.BYTES, Schema(Type.BYTES)),
    "date": _Typed(Kind.DATE, Schema.date()),
    "time without time zone": _Typed(Kind.TIME, Schema.time()),
    **dict.fromkeys(
        ("timestamp without time zone", "timestamp with time zone"), _Typed(Kind.TIMESTAMP, Schema.timestamp())
    ),
    **dict.fromkeys(("json", "jsonb"), _Typed(Kind.JSON, Schema(Type.STRING))),
}
_TYPES: Mapping[Type, str] = {
    Type.INT8: "SMALLINT",
    Type.INT16: "SMALLINT",
    Type.INT32: "INT",
    Type.INT64: "BIGINT",
    Type.FLOAT32: "REAL",
    Type.FLOAT64: "DOUBLE PRECISION",
    Type.BOOLEAN: "BOOLEAN",
    Type.STRING: "TEXT",
    Type.BYTES: "BYTEA",
}
_LOGICAL: Mapping[str, str] = {DATE_NAME: "DATE", TIME_NAME: "TIME", TIMESTAMP_NAME: "TIMESTAMP"}
