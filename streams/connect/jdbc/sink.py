"""`JdbcSink`: the records of topics as rows of tables, exactly once.

Rows and offsets are one transaction of the database (`fence`), so that nothing is lost or written twice, whatever
fails: also for a table without a key, into which rows are only inserted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import ClassVar

from streams.config.table import at_least, invalid, not_empty, one_of
from streams.connect.config_def import Config, ConfigDef, ConfigKey, ConfigValue, Importance, Type
from streams.connect.connector import Guarantee, SinkConnector, SinkTask, SinkTaskContext
from streams.connect.errors import RetriableException
from streams.connect.jdbc.connection import CONNECTION, dialect_of, refuse, session_name, text, texts
from streams.connect.jdbc.dialect import RowRefused, Session, StatementRefused, TableName
from streams.connect.jdbc.fence import Claim, Fence
from streams.connect.jdbc.rows import Layouts
from streams.connect.jdbc.tables import Tables
from streams.connect.jdbc.writer import INSERT, UPDATE, UPSERT, Writer
from streams.connect.records import SinkRecord
from streams.record import TopicPartition
from streams.world import SYSTEM

MULTI = "multi"
"""Aiven's name for inserts of many rows at once, as all are here."""
_KEPT = "Has no effect: what fails is tried again for as long as it does."


def _mapping(name: str, value: object) -> None:
    for entry in value if isinstance(value, tuple) else ():
        if str(entry).count(":") != 1:
            raise invalid(name, value, f"{entry!r} is no topic:table")


class JdbcSink(SinkConnector):
    """Topics into tables, exactly once: upserts, inserts, updates, and deletes by tombstones."""

    # fmt: off
    config_def: ClassVar[ConfigDef] = CONNECTION + ConfigDef(
        ConfigKey("insert.mode", Type.STRING, INSERT, "insert, upsert (by the key) or update.",
                  one_of(INSERT, MULTI, UPSERT, UPDATE), Importance.HIGH),
        ConfigKey("pk.mode", Type.STRING, "none", "What the key of a row is: none, kafka (topic, partition, offset), "
                  "record_key or record_value.", one_of("none", "kafka", "record_key", "record_value"),
                  Importance.HIGH),
        ConfigKey("pk.fields", Type.LIST, (), "The columns of the key; none: as pk.mode has them."),
        ConfigKey("delete.enabled", Type.BOOLEAN, False, "Does a record without a value delete the row of its key?"),
        ConfigKey("auto.create", Type.BOOLEAN, False, "May tables be made?"),
        ConfigKey("auto.evolve", Type.BOOLEAN, False, "May columns be added?"),
        ConfigKey("table.name.format", Type.STRING, "${topic}", "The table of a topic.", not_empty),
        ConfigKey("table.name.normalize", Type.BOOLEAN, False,
                  "Write _ for all in a table's name that is neither letter nor digit?"),
        ConfigKey("topics.to.tables.mapping", Type.LIST, (), "Tables of single topics: topic:table,…", _mapping),
        ConfigKey("fields.whitelist", Type.LIST, (), "The fields that are written beside the key; none: all."),
        ConfigKey("batch.size", Type.INT, 3_000, "How many records are one transaction at most.", at_least(1)),
        ConfigKey("max.retries", Type.INT, 10, _KEPT, at_least(0), Importance.LOW),
        ConfigKey("retry.backoff.ms", Type.INT, 3_000, _KEPT, at_least(0), Importance.LOW),
        ConfigKey("table.types", Type.LIST, ("TABLE",), "Has no effect: a view that can be written to may be named.",
                  None, Importance.LOW),
        ConfigKey("trim.sensitive.log", Type.BOOLEAN, False, "Has no effect: no SQL with values is logged.", None,
                  Importance.LOW),
    )
    # fmt: on

    @classmethod
    def validate(cls, values: Mapping[str, ConfigValue]) -> None:
        """Keys are needed for upserts, updates and deletes."""
        mode, insert, fields = text(values, "pk.mode"), text(values, "insert.mode"), texts(values, "pk.fields")
        if insert in (UPSERT, UPDATE) and mode == "none":
            refuse(values, "pk.mode", f"insert.mode={insert} needs a key: record_key, record_value or kafka")
        if values["delete.enabled"].value is True and mode != "record_key":
            refuse(values, "delete.enabled", "Primary key mode must be 'record_key' when delete support is enabled")
        if mode == "kafka" and len(fields) not in (0, 3):
            refuse(values, "pk.fields", "With pk.mode=kafka it names three columns, for topic, partition and offset")
        if mode == "none" and fields:
            refuse(values, "pk.fields", "With pk.mode=none there is no key")

    @classmethod
    def guarantee(cls, config: Config) -> Guarantee:
        """Offsets are in the transaction of the rows."""
        return Guarantee.EXACTLY_ONCE

    def alter_offsets(self, config: Config, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Sets offsets where they are: in the database."""
        name, dialect = config.text("name"), dialect_of(config, writes=True)
        fence = Fence(dialect, name)
        with closing(dialect.connect(session_name(name, 0, SYSTEM.new_id()))) as session:
            fence.prepare(session)
            with session.transaction():
                fence.alter(session, offsets)
        return True


class JdbcSinkTask(SinkTask):
    """Writes the records of some partitions, over one connection."""

    def start(self, config: Config, context: SinkTaskContext) -> None:
        """Reads its settings; the database is asked when there are partitions."""
        self._context = context
        self._dialect = dialect_of(config, writes=True)
        self._fence = Fence(self._dialect, context.connector)
        self._claims: dict[TopicPartition, Claim] = {}
        self._session: Session | None = None
        self._before = ""
        self._most = config.number("batch.size")
        self._names = _Names(config, self._dialect.table_name)
        layouts = Layouts(
            config.text("pk.mode"),
            tuple(filter(None, config.texts("pk.fields"))),
            tuple(filter(None, config.texts("fields.whitelist"))),
            config.flag("delete.enabled"),
        )
        tables = Tables(self._dialect, config.flag("auto.create"), config.flag("auto.evolve"))
        mode = config.text("insert.mode").replace(MULTI, INSERT)
        self._writer = Writer(self._dialect, tables, layouts, self._names.of, mode)

    def open(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Fences whoever wrote the partitions before, and reads where they stand."""
        with self._connection() as session:
            self._fence.prepare(session)
            for partition in sorted(partitions):
                topic_id = self._context.topic_id(partition.topic)
                self._claims[partition] = self._fence.take_over(session, partition, topic_id)
        return {each: self._claims[each].offset for each in partitions if self._claims[each].offset >= 0}

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Writes records, and where they end, in one transaction; those that are written already are passed over."""
        if not records:
            return
        with self._connection() as session:
            for first in range(0, len(records), self._most):
                self._store(session, records[first : first + self._most])

    def _store(self, session: Session, given: Sequence[SinkRecord]) -> None:
        records = self._not_stored(given)
        if not records:
            return
        lasts = {(each.original_topic, each.original_partition): each.offset for each in records}
        moves = [(TopicPartition(*where), last + 1) for where, last in sorted(lasts.items())]
        try:
            self._write(session, records, moves)
        except StatementRefused:  # a table may have changed
            self._writer.forget()
            self._write(session, records, moves)
        for partition, end in moves:
            self._claims[partition].offset = end

    def _not_stored(self, given: Sequence[SinkRecord]) -> Sequence[SinkRecord]:
        """Without those that a commit has stored whose answer was lost."""
        stored = {
            (partition.topic, partition.partition): claim.offset for partition, claim in self._claims.items()
        }
        firsts = {(each.original_topic, each.original_partition): each.offset for each in reversed(given)}
        if all(stored[where] <= first for where, first in firsts.items()):
            return given
        return [each for each in given if each.offset >= stored[each.original_topic, each.original_partition]]

    def _write(
        self, session: Session, records: Sequence[SinkRecord], moves: Sequence[tuple[TopicPartition, int]]
    ) -> None:
        report = self._context.report
        changes = self._writer.changes(session, records, report)
        try:
            with session.transaction():
                self._writer.apply(session, changes)
                self._fence.advance(session, self._claims, moves)
        except RowRefused:
            with session.transaction():
                self._writer.one_by_one(session, changes, report)
                self._fence.advance(session, self._claims, moves)

    # The connection

    @contextmanager
    def _connection(self) -> Iterator[Session]:
        """The connection for a block; given up where the database is away."""
        try:
            yield self._connected()
        except RetriableException:
            self._lost()
            raise

    def _connected(self) -> Session:
        """The connection; opened anew where it was lost: then the database says what of the last batch it has."""
        if self._session is None:
            own = session_name(self._context.connector, self._context.task, self._context.world.new_id())
            session = self._dialect.connect(own)
            try:
                if self._before:
                    self._dialect.break_up(session, self._before, 0)
                self._before = own
                if self._claims:
                    self._fence.look(session, self._claims)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session

    def _lost(self) -> None:
        """Gives the connection up; what it has not committed is taken back."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def close(self, partitions: Collection[TopicPartition]) -> None:
        """Gives partitions up."""
        for partition in partitions:
            self._claims.pop(partition, None)

    def stop(self) -> None:
        """Closes the connection."""
        if getattr(self, "_session", None) is not None:
            self._lost()


class _Names:
    """The tables of topics."""

    def __init__(self, config: Config, parse: Callable[[str], TableName]) -> None:
        self._parse = parse
        self._format = config.text("table.name.format")
        self._normalize = config.flag("table.name.normalize")
        pairs = (str(entry).split(":") for entry in config.texts("topics.to.tables.mapping") if entry)
        self._mapped = {topic.strip(): table.strip() for topic, table in pairs}
        self._known: dict[str, TableName] = {}

    def of(self, topic: str) -> TableName:
        """The table of a topic."""
        found = self._known.get(topic)
        if found is None:
            name = self._mapped.get(topic) or self._format.replace("${topic}", topic)
            if self._normalize:
                name = re.sub(r"[^a-zA-Z0-9_]", "_", name)
            found = self._known[topic] = self._parse(name)
        return found


JdbcSink.task_class = JdbcSinkTask
