"""`JdbcSource`: the rows of tables into topics; the position is stored with them, in one transaction of the engine.

What is lost by reading a table again and again depends on the mode: see `incrementing`, `timestamp`, `transaction` and
`changes`.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import ClassVar

from streams.config.table import at_least, one_of
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, ConfigValue, Importance, Type
from streams.connect.connector import Guarantee, Settings, SourceConnector, SourceTask, SourceTaskContext
from streams.connect.data.schema import Schema
from streams.connect.data.struct import Struct
from streams.connect.errors import ConnectException, DataException, RetriableException
from streams.connect.jdbc import changes, transaction
from streams.connect.jdbc.bulk import Bulk
from streams.connect.jdbc.changes import Changes
from streams.connect.jdbc.connection import CONNECTION, dialect_of, refuse, session_name, text, texts
from streams.connect.jdbc.dialect import Convert, Dialect, Row, Session, StatementRefused, Table, TableName
from streams.connect.jdbc.incrementing import Incrementing
from streams.connect.jdbc.mode import Page, Reading, TableReader
from streams.connect.jdbc.preview import Preview
from streams.connect.jdbc.timestamp import Timestamp
from streams.connect.jdbc.timestamp_incrementing import TimestampIncrementing
from streams.connect.jdbc.transaction import Transaction
from streams.connect.jdbc.url import POSTGRES, SQLITE, parse_url
from streams.connect.records import Parts, SourceRecord
from streams.errors import ConfigException, KafkaException
from streams.world import SYSTEM

log = logging.getLogger("streams.connect.jdbc")

BULK, INCREMENTING, TIMESTAMP, BOTH = "bulk", "incrementing", "timestamp", "timestamp+incrementing"
TRANSACTION, CHANGES = "transaction", "changes"
MODES: Mapping[str, Callable[[Dialect, Table, Reading, Parts | None], TableReader]] = {
    BULK: Bulk,
    INCREMENTING: Incrementing,
    TIMESTAMP: Timestamp,
    BOTH: TimestampIncrementing,
    TRANSACTION: Transaction,
    CHANGES: Changes,
}
NEEDS = {TRANSACTION: POSTGRES, CHANGES: SQLITE}
MAPPINGS = ("none", "precision_only", "best_fit", "best_fit_eager_double")
_PROTOCOL = "1"
_LOW = Importance.LOW


class JdbcSource(SourceConnector):
    """Tables, or a query, into topics, a topic a table."""

    # fmt: off
    config_def: ClassVar[ConfigDef] = CONNECTION + ConfigDef(
        ConfigKey("mode", Type.STRING, REQUIRED, "bulk, incrementing, timestamp, timestamp+incrementing; transaction "
                  "(PostgreSQL) and changes (SQLite), which lose nothing.", one_of(*MODES), Importance.HIGH),
        ConfigKey("incrementing.column.name", Type.STRING, "", "The column of numbers; none: the one that the database "
                  "numbers."),
        ConfigKey("timestamp.column.name", Type.LIST, (), "The column of times; of several the first with a value."),
        ConfigKey("timestamp.initial", Type.LONG, None, "Reading begins at this time (ms since the epoch); -1: now.",
                  None, _LOW),
        ConfigKey("timestamp.delay.interval.ms", Type.LONG, 0, "Rows are read when their time is so long ago.",
                  at_least(0), Importance.HIGH),
        ConfigKey("validate.non.null", Type.BOOLEAN, True, "Refuse columns of numbers and times that may be empty?",
                  None, _LOW),
        ConfigKey("transaction.column.name", Type.STRING, "streams_xid", "Of mode=transaction: the column of the "
                  "transaction's number.", None, _LOW),
        ConfigKey("source.prepare", Type.BOOLEAN, False, "May columns, triggers and tables be made that transaction "
                  "and changes need?"),
        ConfigKey("table.whitelist", Type.LIST, (), "The tables that are read; none: all."),
        ConfigKey("table.blacklist", Type.LIST, (), "Or: those that are not."),
        ConfigKey("table.types", Type.LIST, ("TABLE",), "TABLE, VIEW.", None, _LOW),
        ConfigKey("catalog.pattern", Type.STRING, None, "Has no effect: a connection is to one database.", None, _LOW),
        ConfigKey("schema.pattern", Type.STRING, None, "Of PostgreSQL: tables of this schema only."),
        ConfigKey("query", Type.STRING, "", "Rows of this query are read, instead of tables."),
        ConfigKey("query.suffix", Type.STRING, "", "Of mode=bulk: what the query ends with.", None, _LOW),
        ConfigKey("topic.prefix", Type.STRING, REQUIRED, "What topics are called before the table's name; of a query: "
                  "all of it.", None, Importance.HIGH),
        ConfigKey("poll.interval.ms", Type.INT, 5_000, "How often new rows are looked for (ms).", at_least(1),
                  Importance.HIGH),
        ConfigKey("table.poll.interval.ms", Type.LONG, 60_000, "How often new tables are looked for (ms).", at_least(1),
                  _LOW),
        ConfigKey("batch.max.rows", Type.INT, 2_000, "How many rows are stored in one transaction at most.",
                  at_least(1), _LOW),
        ConfigKey("numeric.mapping", Type.STRING, None, "What decimals become: none (Decimal), precision_only, "
                  "best_fit, best_fit_eager_double.", one_of(None, *MAPPINGS), _LOW),
        ConfigKey("numeric.precision.mapping", Type.BOOLEAN, False, "The older name of numeric.mapping=precision_only.",
                  None, _LOW),
        ConfigKey("schema.name", Type.STRING, "", "The name of the records' schema; none: the table's.", None, _LOW),
    )
    # fmt: on

    @classmethod
    def validate(cls, values: Mapping[str, ConfigValue]) -> None:
        """What a mode needs; which database it is for."""
        mode = text(values, "mode")
        if mode in (TIMESTAMP, BOTH) and not texts(values, "timestamp.column.name"):
            refuse(values, "timestamp.column.name", f"mode={mode} needs it")
        if text(values, "query") and (texts(values, "table.whitelist") or texts(values, "table.blacklist")):
            refuse(values, "query", "Do not specify table filtering configs with 'query'. Remove table.whitelist and "
                   "table.blacklist or query")  # fmt: skip
        if texts(values, "table.whitelist") and texts(values, "table.blacklist"):
            refuse(values, "table.blacklist", "table.blacklist and table.whitelist are exclusive")
        if text(values, "query.suffix") and mode != BULK:
            refuse(values, "query.suffix", "Only mode=bulk takes it: in all others the order is the connector's")
        if text(values, "query") and mode in NEEDS:
            refuse(values, "query", f"mode={mode} reads tables. Filter with a transform")
        with suppress(ConfigException):
            kind = parse_url(text(values, "connection.url")).kind
            if mode in NEEDS and NEEDS[mode] != kind:
                better = CHANGES if kind == SQLITE else TRANSACTION
                refuse(values, "mode", f"It is for {NEEDS[mode]}; the one for {kind} that loses nothing is {better}")

    @classmethod
    def guarantee(cls, config: Config) -> Guarantee:
        """A position stands behind each row; only `bulk` has none."""
        return Guarantee.AT_LEAST_ONCE if config.text("mode") == BULK else Guarantee.EXACTLY_ONCE

    @classmethod
    def remarks(cls, config: Config) -> Iterator[str]:
        """What a mode loses, and the SQL that is to be run before."""
        mode = config.text("mode")
        if mode in _LOSES:
            yield _LOSES[mode]
        if mode in NEEDS:
            yield from _to_run(config)

    def alter_offsets(self, config: Config, offsets: Sequence[tuple[Parts, Parts | None]]) -> bool:
        """What is forgotten of `changes` is not kept for this connector any more.

        Raises:
            ConnectException: it is no position of this connector.
        """
        for partition, _ in offsets:
            if not ({"protocol", "table"} <= partition.keys() or partition.keys() == {"query"}):
                raise ConnectException(f"{dict(partition)} names no table and no query that JdbcSource reads.")
        gone = [str(partition["table"]) for partition, position in offsets if position is None and "table" in partition]
        if config.text("mode") == CHANGES and gone:
            name, dialect = config.text("name"), dialect_of(config, writes=False)
            with closing(dialect.connect(session_name(name, 0, SYSTEM.new_id()))) as session:
                changes.forget(session, dialect, name, gone)
        return True

    def task_configs(self, settings: Settings, max_tasks: int) -> Sequence[Settings]:
        """Tasks share the tables by their names; a query is one task's."""
        return [settings] * (1 if settings.get("query") else max_tasks)


_LOSES = {
    INCREMENTING: "mode=incrementing loses rows where several transactions write at the same time: one that ends later "
    "than another may have smaller numbers. transaction (PostgreSQL) and changes (SQLite) lose none.",
    TIMESTAMP: "mode=timestamp loses rows of transactions that take longer than timestamp.delay.interval.ms. "
    "transaction (PostgreSQL) and changes (SQLite) lose none.",
    BOTH: "mode=timestamp+incrementing loses rows of transactions that take longer than timestamp.delay.interval.ms. "
    "transaction (PostgreSQL) and changes (SQLite) lose none.",
}


def _to_run(config: Config) -> Iterator[str]:
    """The statements that make the tables fit for their mode, as remarks."""
    try:
        dialect = dialect_of(config, writes=False)
        with closing(dialect.connect(session_name(config.text("name"), 0, SYSTEM.new_id()))) as session:
            for name in _Chosen(config).of(dialect, session):
                table = dialect.table(session, name)
                if table is None:
                    continue
                if config.text("mode") == CHANGES:
                    statements = changes.preparation(session, dialect, table)
                else:
                    column = config.text("transaction.column.name")
                    statements = transaction.preparation(session, dialect, table, column)
                if statements:
                    how = "is run at the start" if config.flag("source.prepare") else "has to be run before"
                    yield f"{name}: this {how}:\n" + "\n".join(f"    {each};" for each in statements)
    except KafkaException as error:
        yield f"The database could not be looked at: {type(error).__name__}: {error}"


class _Chosen:
    """Which tables are read."""

    def __init__(self, config: Config) -> None:
        self._in = set(filter(None, config.texts("table.whitelist")))
        self._out = set(filter(None, config.texts("table.blacklist")))
        self._schema = config.text("schema.pattern")
        self._kinds = [kind.upper() for kind in config.texts("table.types")]

    def of(self, dialect: Dialect, session: Session) -> list[TableName]:
        """They, in the order of their names."""
        found = dialect.tables(session, self._schema, self._kinds)
        if self._in:
            return [name for name in found if self._in & _called(name)]
        return [name for name in found if not self._out & _called(name)]


def _called(name: TableName) -> set[str]:
    return {name.name, str(name)}


@dataclass(slots=True)
class _Source:
    """One table, or the query: where its records go, and when it is read next."""

    name: TableName
    partition: Parts
    topic: str
    schema_name: str
    reader: TableReader
    due_ms: float = 0.0
    more: bool = False
    table: Table | None = None
    schema: Schema | None = None
    key_schema: Schema | None = None


class JdbcSourceTask(SourceTask):
    """Reads its share of the tables, over one connection."""

    def start(self, config: Config, context: SourceTaskContext) -> None:
        """Reads its settings; the database is asked by `poll`."""
        self._context = context
        mapping = config.text("numeric.mapping") or (
            "precision_only" if config.flag("numeric.precision.mapping") else MAPPINGS[0]
        )
        self._dialect = dialect_of(config, writes=False, numeric_mapping=mapping)
        self._config = config
        if config.text("mode") in _LOSES:
            log.warning("Connector %s: %s", context.connector, _LOSES[config.text("mode")])
        self._mode = MODES[config.text("mode")]
        if context.is_dry_run and config.text("mode") in NEEDS:
            self._mode = Preview
        initial = config.values["timestamp.initial"]
        self._reading = Reading(
            context.connector,
            config.text("incrementing.column.name"),
            tuple(filter(None, config.texts("timestamp.column.name"))),
            initial if isinstance(initial, int) else None,
            config.number("timestamp.delay.interval.ms"),
            config.flag("validate.non.null") and not config.text("query"),  # nobody says so of a query's columns
            config.text("transaction.column.name"),
            config.flag("source.prepare"),
            config.text("query.suffix"),
        )
        self._most = config.number("batch.max.rows")
        self._session: Session | None = None
        self._sources: dict[TableName, _Source] = {}
        self._query: TableName | None = None
        self._tables_due_ms = 0.0
        self._told: set[str] = set()
        self._returned: _Source | None = None

    def poll(self) -> Sequence[SourceRecord]:
        """The next rows of one table."""
        try:
            session = self._connected()
            now = self._context.world.monotonic_ms()
            if now >= self._tables_due_ms:
                self._find(session)
                self._tables_due_ms = now + self._config.number("table.poll.interval.ms")
            for source in sorted(self._sources.values(), key=lambda each: each.due_ms):
                if source.due_ms <= now and (records := self._read(session, source, now)):
                    self._returned = source
                    return records
            return ()
        except RetriableException:
            self._lost()
            raise

    def _read(self, session: Session, source: _Source, now: float) -> list[SourceRecord]:
        table = source.table if source.more else None
        table = table or self._dialect.table(session, source.name)
        if table is None:
            log.warning("There is no table %s any more; it is not read.", source.name)
            del self._sources[source.name]
            return []
        self._prepare(session, source, table)
        try:
            page = source.reader.read(session, self._most)
        except StatementRefused:
            changed = self._dialect.table(session, source.name)
            if changed is None or changed == table:
                raise
            self._prepare(session, source, changed)
            page = source.reader.read(session, self._most)
        source.more = page.more
        source.due_ms = now if page.more else now + self._config.number("poll.interval.ms")
        return self._records(source, page)

    def _prepare(self, session: Session, source: _Source, table: Table) -> None:
        """Has the reader look at a table that it does not know yet, or that has changed."""
        if table != source.table:
            source.reader.prepare(session, table)
            source.table = table
            source.schema, source.key_schema = self._schemas(source)

    def _schemas(self, source: _Source) -> tuple[Schema, Schema | None]:
        table = source.reader.table
        schema = Schema.struct({each.name: each.schema for each in table.columns}, name=source.schema_name)
        if not source.reader.keyed:
            return schema, None
        keys = {name: column.schema.as_optional(False) for name in table.key if (column := table.column(name))}
        return schema, Schema.struct(keys, name=f"{source.schema_name}.key")

    def _records(self, source: _Source, page: Page) -> list[SourceRecord]:
        schema, key_schema, columns = source.schema, source.key_schema, source.reader.table.columns
        assert schema is not None
        readers = [(index, each.read) for index, each in enumerate(columns) if each.read is not None]
        keys = [index for name in source.reader.table.key for index, each in enumerate(columns) if each.name == name]
        topic, records = source.topic, []
        for place, row in enumerate(page.rows):
            values: Sequence[object] = self._values(readers, source, row) if readers else row
            key = None if key_schema is None else Struct.of_values(key_schema, [values[index] for index in keys])
            if place in page.gone:
                records.append(SourceRecord(topic, None, None, key, key_schema))
            else:
                value = Struct.of_values(schema, values)
                records.append(SourceRecord(topic, value, schema, key, key_schema))
        if records and page.position is not None:
            records[-1] = records[-1]._replace(source_partition=source.partition, source_offset=page.position)
        return records

    def _values(self, readers: Sequence[tuple[int, Convert]], source: _Source, row: Row) -> list[object]:
        values = list(row)
        for index, read in readers:
            if values[index] is not None:
                values[index] = self._value(read, source, row, index)
        return values

    def _value(self, read: Convert, source: _Source, row: Row, index: int) -> object:
        try:
            return read(row[index])
        except DataException as error:
            column = source.reader.table.columns[index].name
            raise DataException(f"{source.name}, column {column}, of the row {row!r:.200}: {error}") from None

    def _find(self, session: Session) -> None:
        """Looks for tables, and forgets none that is read."""
        if self._config.text("query"):
            if self._query is None:
                self._query = self._dialect.view(session, self._config.text("query"))
                self._add(session, self._query, {"query": "query"}, self._config.text("topic.prefix"), "query")
            return
        names = _Chosen(self._config).of(self._dialect, session)
        count = max(1, self._config.number("tasks.max"))
        for name in names:
            if zlib.crc32(str(name).encode()) % count == self._context.task and name not in self._sources:
                partition = {"protocol": _PROTOCOL, "table": str(name)}
                self._add(session, name, partition, f"{self._config.text('topic.prefix')}{name.name}", name.name)
        missing = set(filter(None, self._config.texts("table.whitelist"))).difference(*map(_called, names))
        for name_ in sorted(missing - self._told):
            log.warning("There is no table %s for %s to read; it is looked for again.", name_, self._context.connector)
        self._told = missing

    def _add(self, session: Session, name: TableName, partition: Parts, topic: str, schema_name: str) -> None:
        table = self._dialect.table(session, name)
        if table is not None:
            reader = self._mode(self._dialect, table, self._reading, self._context.offset(partition))
            named = self._config.text("schema.name") or schema_name
            self._sources[name] = _Source(name, partition, topic, named, reader)

    def commit(self) -> None:
        """What was returned is stored: what was kept for it may go."""
        if self._returned is not None and self._session is not None:
            try:
                self._returned.reader.stored(self._session)
            except RetriableException as error:
                log.info("%s: what was read is taken away later: %s", self._returned.name, error)

    # The connection

    def _connected(self) -> Session:
        if self._session is None:
            own = session_name(self._context.connector, self._context.task, self._context.world.new_id())
            session = self._dialect.connect(own)
            try:
                if self._query is not None:
                    self._dialect.view(session, self._config.text("query"))
            except BaseException:
                session.close()
                raise
            self._session = session
            for source in self._sources.values():
                source.table = None  # it may be another database by now
        return self._session

    def _lost(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def stop(self) -> None:
        """Closes the connection."""
        if getattr(self, "_session", None) is not None:
            self._lost()


JdbcSource.task_class = JdbcSourceTask
