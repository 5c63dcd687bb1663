"""Mode `changes` (SQLite): every insert, update and delete, in the order of the commits; none is lost.

Triggers write each change of a table into a table of changes, whose rows are numbered and never numbered again. SQLite
has one writer at a time, so that the order of the numbers is that of the commits. What was read and stored is taken
away from there, now and then.

    streams_changes_ORDERS (streams_id integer primary key autoincrement, streams_operation text, the table's columns)

A delete is a record without a value. A row whose primary key changes is a delete and an insert. What the table had
before is written into the table of changes when the triggers are made.
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
KEPT = 10_000
"""So many changes that were read lie there at most, before they are taken away."""
_DELETE, _WRITE = "d", "w"


class Changes:
    """Reads a table's changes in their order."""

    keyed = True

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._prepares = reading.prepares
        self._last = number_in(stored, POSITION) or 0
        self._source = "" if stored is None else str(stored.get(SOURCE, ""))
        self._cleared = self._last

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
        source = str(session.rows(f"select id from {IDENTITY}")[0][0])
        if self._source and self._source != source:
            raise ConnectException(
                f"The database of {table.name} is another one than was read before: its changes have other numbers. "
                "Give the connector another name to read all anew."
            )
        self._source = source
        self.table = table

    def read(self, session: Session, most: int) -> Page:
        """The next changes."""
        dialect, table = self._dialect, self.table
        columns = ", ".join(map(dialect.selected, table.columns))
        changes = dialect.quoted(_changes(table))
        rows = session.rows(
            f"select streams_id, streams_operation, {columns} from {changes} where streams_id > ? "
            f"order by streams_id limit {most}",
            [self._last],
        )
        if not rows:
            return Page()
        self._last = int(str(rows[-1][0]))
        gone = frozenset(index for index, row in enumerate(rows) if row[1] == _DELETE)
        position = {POSITION: self._last, SOURCE: self._source}
        return Page([row[2:] for row in rows], gone, position, len(rows) == most)

    def stored(self, session: Session) -> None:
        """Takes away what lies there in vain."""
        if self._last - self._cleared >= KEPT:
            with session.transaction():
                session.execute(
                    f"delete from {self._dialect.quoted(_changes(self.table))} where streams_id <= ?", [self._last]
                )
            self._cleared = self._last


def _changes(table: Table) -> str:
    return f"streams_changes_{table.name.name}"


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
    if added:  # what is in the new columns by now was seen by no trigger
        statements.append(_copied(dialect, table, names))
    for name, sql in wanted.items():
        if there.get(name) == sql:
            continue
        if name in there:
            statements.append(f"drop trigger {dialect.quoted(name)}")
        statements.append(sql)
    return statements


def _declared(type_: str) -> str:
    return "" if type_ == "any" else type_


def _table_of_changes(dialect: Dialect, table: Table) -> str:
    columns = ", ".join(f"{dialect.quoted(each.name)} {_declared(each.type)}".rstrip() for each in table.columns)
    return (
        f"create table {dialect.quoted(_changes(table))} (streams_id integer primary key autoincrement, "
        f"streams_operation text not null, {columns})"
    )


def _copied(dialect: Dialect, table: Table, names: Sequence[str]) -> str:
    columns = listed(names, dialect)
    return (
        f"insert into {dialect.quoted(_changes(table))} (streams_operation, {columns}) select '{_WRITE}', {columns} "
        f"from {named(table.name, dialect)} order by {listed(table.key, dialect)}"
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
