"""Mode `changes` (SQLite): every insert, update and delete, in the order of the commits; none is lost.

Triggers write each change of a table into a table of changes, whose rows are numbered and never numbered again. SQLite
has one writer at a time, so that the order of the numbers is that of the commits.

    streams_changes_ORDERS (streams_id integer primary key autoincrement, streams_operation text, streams_reader text,
                            the table's columns)
    streams_readers (connector, changes, change)

A delete is a record without a value. A row whose primary key changes is a delete and an insert. What a table has when a
connector begins to read it is written there too, as changes for this connector alone (`streams_reader`). What all
connectors have read and stored is taken away, now and then; how far each has, `streams_readers` says.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from streams.connect.errors import ConnectException
from streams.connect.jdbc.dialect import Dialect, Session, Table, TableName, listed, named
from streams.connect.jdbc.mode import Page, Reading, number_in
from streams.connect.records import Parts

log = logging.getLogger("streams.connect.jdbc")

POSITION, SOURCE = "change", "source"
IDENTITY = "streams_source"
"""A table with the name of this very file, by which a copy with other changes is told from it."""
READERS, _CHANGES = "streams_readers", "streams_changes_"
KEPT = 10_000
"""So many changes that were read lie there at most, before they are taken away."""
TOLD = 10 * KEPT
"""When so many are kept for a connector that does not read them, that is told."""
_DELETE, _WRITE = "d", "w"


class Changes:
    """Reads a table's changes in their order."""

    keyed = True

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._prepares = reading.prepares
        self._connector = reading.connector
        self._last = number_in(stored, POSITION)
        self._source = "" if stored is None else str(stored.get(SOURCE, ""))
        self._cleared: int | None = None
        """Up to where `streams_readers` says that it has read; None: it does not say so yet."""
        self._version: object = None
        """The version of the file's schema: with another one the triggers may be gone."""

    def prepare(self, session: Session, table: Table) -> None:
        """It needs triggers and a table of changes with the table's columns; and the file that was read before."""
        missing = preparation(session, self._dialect, table)
        if missing and not self._prepares:
            raise ConnectException(
                f"The table {table.name} is not prepared for mode=changes. Run the following, or set "
                "source.prepare=true:\n" + "\n".join(f"{statement};" for statement in missing)
            )
        if missing:
            with session.transaction():
                for statement in preparation(session, self._dialect, table):
                    session.execute(statement)
            log.info("%s is prepared for mode=changes.", table.name)
            if _copied(self._dialect, table, [each.name for each in table.columns], "null") in missing:
                log.warning(
                    "%s is read anew: a column was added, or the table was made anew, and its triggers were gone.",
                    table.name,
                )
        self._version = _version(session)
        source = str(session.rows(f"select id from {IDENTITY}")[0][0])
        if self._source and self._source != source:
            raise ConnectException(
                f"The database of {table.name} is another one than was read before: its changes have other numbers. "
                "Give the connector another name to read all anew."
            )
        self._source = source
        self.table = table
        if self._cleared is None:
            with session.transaction():
                self._cleared = self._begun(session) if self._last is None else self._gone_on(session, self._last)
            self._last = self._cleared

    def _begun(self, session: Session) -> int:
        """Writes down what is there now, for this connector alone; where reading begins: before that."""
        changes = self._dialect.quoted(_changes(self.table))
        session.execute(f"delete from {changes} where streams_reader = ?", [self._connector])  # it had begun before
        last = self._newest(session)
        names = [column.name for column in self.table.columns]
        session.execute(_copied(self._dialect, self.table, names, "?"), [self._connector])
        self._joined(session, last)
        return last

    def _gone_on(self, session: Session, last: int) -> int:
        """Where reading goes on.

        Raises:
            ConnectException: what comes behind that is not there any more.
        """
        ((oldest,),) = session.rows(f"select min(streams_id) from {self._dialect.quoted(_changes(self.table))}")
        begins = self._newest(session) + 1 if oldest is None else int(str(oldest))
        if begins > last + 1:
            raise ConnectException(
                f"Changes of {self.table.name} are gone that were not read: they begin with {begins}, and connector "
                f"{self._connector} has read up to {last}. Give it another name to read all anew."
            )
        self._joined(session, last)
        return last

    def _joined(self, session: Session, last: int) -> None:
        session.execute(
            f"insert into {READERS} values (?, ?, ?) on conflict do nothing",
            [self._connector, _changes(self.table), last],
        )

    def _newest(self, session: Session) -> int:
        """The number that was given last, whether its change is still there or not."""
        found = session.rows("select seq from sqlite_sequence where name = ?", [_changes(self.table)])
        return int(str(found[0][0])) if found else 0

    def read(self, session: Session, most: int) -> Page:
        """The next changes."""
        if _version(session) != self._version:
            self.prepare(session, self.table)
        dialect, table = self._dialect, self.table
        columns = ", ".join(map(dialect.selected, table.columns))
        changes = dialect.quoted(_changes(table))
        rows = session.rows(
            f"select streams_id, streams_operation, {columns} from {changes} where streams_id > ? "
            f"and (streams_reader is null or streams_reader = ?) order by streams_id limit {most}",
            [self._last, self._connector],
        )
        if not rows:
            return Page()
        self._last = int(str(rows[-1][0]))
        gone = frozenset(index for index, row in enumerate(rows) if row[1] == _DELETE)
        position = {POSITION: self._last, SOURCE: self._source}
        return Page([row[2:] for row in rows], gone, position, len(rows) == most)

    def stored(self, session: Session) -> None:
        """Takes away what lies there in vain: what all connectors have read."""
        last, cleared = self._last, self._cleared
        if last is None or cleared is None or last - cleared < KEPT:
            return
        changes = _changes(self.table)
        with session.transaction():
            session.execute(
                f"update {READERS} set change = ? where connector = ? and changes = ?", [last, self._connector, changes]
            )
            slowest = f"select connector, change from {READERS} where changes = ? order by change limit 1"
            ((connector, least),) = session.rows(slowest, [changes])
            session.execute(f"delete from {self._dialect.quoted(changes)} where streams_id <= ?", [least])
        self._cleared = last
        if last - int(str(least)) >= TOLD:
            log.warning(
                "%s changes of %s are kept for connector %s, which does not read them. If it is no more: delete from "
                "%s where connector = '%s';", last - int(str(least)), self.table.name, connector, READERS, connector,
            )  # fmt: skip


def _version(session: Session) -> object:
    return session.rows("pragma schema_version")[0][0]


def _changes(table: Table) -> str:
    return f"{_CHANGES}{table.name.name}"


def preparation(session: Session, dialect: Dialect, table: Table) -> list[str]:
    """The statements that make a table fit for the mode; []: it is.

    Raises:
        ConnectException: it has no primary key.
    """
    if not table.key:
        raise ConnectException(
            f"The table {table.name} has no primary key, and mode=changes needs one: its records bear it, and deletes "
            "have nothing else. Give it one."
        )
    statements = []
    if dialect.table(session, TableName("", IDENTITY)) is None:
        statements += [
            f"create table {IDENTITY} (id text not null)",
            f"insert into {IDENTITY} values (lower(hex(randomblob(16))))",
        ]
    if dialect.table(session, TableName("", READERS)) is None:
        statements.append(
            f"create table {READERS} (connector text not null, changes text not null, change integer not null, "
            "primary key (connector, changes))"
        )
    changes = dialect.table(session, TableName("", _changes(table)))
    names = [column.name for column in table.columns]
    wanted = _triggers(dialect, table, names)
    there = {
        str(name): str(sql)
        for name, sql in session.rows("select name, sql from sqlite_master where type = 'trigger' and tbl_name = ?",
                                      [table.name.name])
    }  # fmt: skip
    known = {column.name for column in changes.columns} if changes is not None else set()
    added = [each for each in table.columns if each.name not in known]
    if changes is None:
        statements.append(_table_of_changes(dialect, table))
    else:
        statements += [
            f"alter table {dialect.quoted(_changes(table))} add column {dialect.quoted(each.name)} "
            f"{_declared(each.type)}".rstrip()
            for each in added
        ]
    for name, sql in wanted.items():
        if there.get(name) == sql:
            continue
        if name in there:
            statements.append(f"drop trigger {dialect.quoted(name)}")
        statements.append(sql)
    if changes is not None and (added or wanted.keys() - there.keys()):  # what is there by now was seen by no trigger
        statements.append(_copied(dialect, table, names, "null"))
    return statements


def forget(session: Session, dialect: Dialect, connector: str, tables: Sequence[str]) -> None:
    """Keeps no changes of tables for a connector any more."""
    if dialect.table(session, TableName("", READERS)) is None:
        return
    with session.transaction():
        for table in tables:
            session.execute(
                f"delete from {READERS} where connector = ? and changes = ?", [connector, f"{_CHANGES}{table}"]
            )


def _declared(type_: str) -> str:
    return "" if type_ == "any" else type_


def _table_of_changes(dialect: Dialect, table: Table) -> str:
    columns = ", ".join(f"{dialect.quoted(each.name)} {_declared(each.type)}".rstrip() for each in table.columns)
    return (
        f"create table {dialect.quoted(_changes(table))} (streams_id integer primary key autoincrement, "
        f"streams_operation text not null, streams_reader text, {columns})"
    )


def _copied(dialect: Dialect, table: Table, names: Sequence[str], reader: str) -> str:
    """Writes the table as it is into the one of changes, for a reader, or for all (`null`)."""
    columns = listed(names, dialect)
    return (
        f"insert into {dialect.quoted(_changes(table))} (streams_operation, streams_reader, {columns}) "
        f"select '{_WRITE}', {reader}, {columns} from {named(table.name, dialect)} "
        f"order by {listed(table.key, dialect)}"
    )


def _triggers(dialect: Dialect, table: Table, names: Sequence[str]) -> dict[str, str]:
    """The triggers by their names, as SQLite keeps their text.

    An insert that replaces rows of other keys deletes them without a trigger, where `recursive_triggers` is off, as it
    is by default.
    """
    changes, on = dialect.quoted(_changes(table)), named(table.name, dialect)
    keys = table.key

    def written(operation: str, which: str, columns: Sequence[str]) -> str:
        values = ", ".join(f"{which}.{dialect.quoted(name)}" for name in columns)
        names_ = listed(columns, dialect)
        return f"insert into {changes} (streams_operation, {names_}) values ('{operation}', {values});"

    gone = written(_DELETE, "old", keys)
    moved = " or ".join(f"old.{dialect.quoted(key)} is not new.{dialect.quoted(key)}" for key in keys)
    now = written(_WRITE, "new", names)
    bodies = {
        "insert": ("after insert", "", now),
        "move": ("after update", f" when {moved}", f"{gone} {now}"),
        "update": ("after update", f" when not ({moved})", now),
        "delete": ("after delete", "", gone),
    }
    return {
        (name := f"streams_{table.name.name}_{kind}"): (
            f"CREATE TRIGGER {dialect.quoted(name)} {event} on {on}{condition} begin {body} end"
        )
        for kind, (event, condition, body) in bodies.items()
    }
