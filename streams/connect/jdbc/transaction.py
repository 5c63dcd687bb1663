"""Mode `transaction` (PostgreSQL 13 or later): each row in the order of the transactions that wrote it; none is lost.

A column bears the number of the transaction that wrote the row last. Rows are read below the oldest transaction that is
still open (`pg_snapshot_xmin`): of those all have ended, and no row can come in among them any more. However long a
transaction takes, its rows are read when it has ended, and others wait for it; who is waited for is told.

    select … where (xid, key) > (last) and xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid, key

Deletes are not seen; an update is read as the row that it has made.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from streams.connect.errors import ConnectException
from streams.connect.jdbc.dialect import Column, Dialect, Session, StatementRefused, Table, named
from streams.connect.jdbc.mode import Page, Reading, selection
from streams.connect.records import Parts

log = logging.getLogger("streams.connect.jdbc")

XID, KEY, SYSTEM = "xid", "key", "system"
XMIN = "pg_snapshot_xmin(pg_current_snapshot())"
TELL_MICROS = 5_000_000
"""Who holds reading back is told when it does so for so long, and then as often."""


class Transaction:
    """Reads rows in the order of transactions."""

    keyed = True

    def __init__(self, dialect: Dialect, table: Table, reading: Reading, stored: Parts | None) -> None:
        self.table = table
        self._dialect = dialect
        self._reading = reading
        self._last = _place(stored)
        self._system = "" if stored is None else str(stored.get(SYSTEM, ""))
        self._since: int | None = None
        self._whole = table

    def prepare(self, session: Session, table: Table) -> None:
        """It needs a column, a trigger and an index; and the server that it was read from before."""
        missing = preparation(session, self._dialect, table, self._reading.transaction_column)
        if missing and not self._reading.prepares:
            raise ConnectException(
                f"The table {table.name} is not prepared for mode=transaction. Run the following, or set "
                "source.prepare=true:\n" + "\n".join(f"{statement};" for statement in missing)
            )
        if missing:
            with session.transaction():
                for statement in missing:
                    session.execute(statement.replace("%", "%%"))
            log.info("%s is prepared for mode=transaction.", table.name)
            table = self._dialect.table(session, table.name) or table
        self._check_system(session)
        self._whole = table
        others = tuple(each for each in table.columns if each.name != self._reading.transaction_column)
        self.table = Table(table.name, others, table.key)

    def _check_system(self, session: Session) -> None:
        """Numbers of transactions begin anew in a database that was restored elsewhere."""
        try:
            found = str(session.rows("select system_identifier::text from pg_control_system()")[0][0])
        except StatementRefused:
            found = self._system  # it may not be asked
        if self._last is not None and self._system and found != self._system:
            raise ConnectException(
                f"{self.table.name} is on another server by now (system {found}, it was {self._system}), where "
                "transactions have other numbers: reading cannot go on. Give the connector another name to read all "
                "anew."
            )
        self._system = found

    def read(self, session: Session, most: int) -> Page:
        """The rows of the next transactions that have ended."""
        dialect = self._dialect
        xid = dialect.quoted(self._reading.transaction_column)
        keys = _keys(self.table)
        order = ", ".join(f"t.{name}" for name in (xid, *(dialect.quoted(each.name) for each in keys)))
        where, arguments = f"{xid} < {XMIN}", []
        if self._last is not None:
            marks = ", ".join(["%s::text::xid8", *(f"%s::text::{each.type}" for each in keys)])
            where += f" and ({order}) > ({marks})"
            arguments = list(self._last)
        extra = [f"{xid}::text", *(f"{dialect.quoted(each.name)}::text" for each in keys)]
        sql = f"{selection(self.table, dialect, *extra)} where {where} order by {order} limit {most}"
        rows = session.rows(sql, arguments)
        if not rows:
            if preparation(session, dialect, self._whole, self._reading.transaction_column):
                log.warning("The trigger or the index of %s is gone; updates meanwhile were not seen.", self.table.name)
                self.prepare(session, self._whole)
            self._look_for_holder(session, where.replace(f"{xid} < {XMIN}", f"{xid} >= {XMIN}", 1), arguments)
            return Page()
        self._since = None
        width = len(extra)
        self._last = [str(value) for value in rows[-1][-width:]]
        position = {XID: self._last[0], KEY: self._last[1:], SYSTEM: self._system}
        return Page([row[:-width] for row in rows], position=position, more=len(rows) == most)

    def _look_for_holder(self, session: Session, where: str, arguments: Sequence[object]) -> None:
        """Says who keeps rows from being read, where that lasts."""
        sql = f"select 1 from {named(self.table.name, self._dialect)} as t where {where} limit 1"
        now = self._dialect.now_micros(session)
        if not session.rows(sql, arguments):
            self._since = None
        elif self._since is None:
            self._since = now
        elif now - self._since >= TELL_MICROS:
            self._since = now
            log.warning("Rows of %s wait for a transaction that is still open: %s.", self.table.name, holder(session))

    def stored(self, session: Session) -> None:
        """The position was stored with the rows."""


def holder(session: Session) -> str:
    """Who has the oldest open transaction of the server, and since when."""
    running = session.rows(
        "select pid, datname, usename, application_name, state, xact_start::text from pg_stat_activity "
        f"where backend_xid::text = (({XMIN})::text::numeric % 4294967296)::text".replace("%", "%%")
    )
    for pid, database, user, name, state, since in running:
        return f"process {pid} of user {user} in database {database} ({name or 'no name'}, {state}), since {since}"
    prepared = session.rows(
        "select gid, database, owner, prepared::text from pg_prepared_xacts "
        f"where transaction::text = (({XMIN})::text::numeric % 4294967296)::text".replace("%", "%%")
    )
    for gid, database, user, since in prepared:
        return (
            f"the prepared transaction {gid!r} of user {user} in database {database}, since {since}; end it with "
            "commit prepared or rollback prepared"
        )
    return "it has no session that this user may see"


def preparation(session: Session, dialect: Dialect, table: Table, column: str) -> list[str]:
    """The statements that make a table fit for the mode; []: it is.

    Raises:
        ConnectException: it has no primary key.
    """
    keys = _keys(table)
    name, xid = named(table.name, dialect).replace("%%", "%"), dialect.quoted(column).replace("%%", "%")
    called = table.name.name
    found = table.column(column)
    if found is not None and found.type != "xid8":
        raise ConnectException(f"The column {column} of {table.name} is of type {found.type}, and has to be xid8.")
    statements = []
    if found is None:
        statements.append(f"alter table {name} add column {xid} xid8 not null default pg_current_xact_id()")
    function, trigger = dialect.quoted(f"streams_{called}_{column}"), dialect.quoted(f"streams_{column}")
    schema = dialect.quoted(table.name.schema) + "." if table.name.schema else ""
    has_trigger = session.rows(
        "select 1 from pg_trigger where tgrelid = to_regclass(%s) and tgname = %s", [name, f"streams_{column}"]
    )
    if not has_trigger:
        statements += [
            f"create or replace function {schema}{function}() returns trigger language plpgsql as "
            f"$$begin new.{xid} := pg_current_xact_id(); return new; end$$",
            f"create trigger {trigger} before insert or update on {name} for each row execute function "
            f"{schema}{function}()",
        ]
    order = ", ".join([xid, *(dialect.quoted(each.name) for each in keys)])
    indexed = session.rows(
        "select 1 from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0] "
        "where i.indrelid = to_regclass(%s) and a.attname = %s",
        [name, column],
    )
    if not indexed:
        statements.append(f"create index {dialect.quoted(f'streams_{called}_{column}_order')} on {name} ({order})")
    return statements


def _keys(table: Table) -> list[Column]:
    found = [column for name in table.key if (column := table.column(name)) is not None]
    if not found:
        raise ConnectException(
            f"The table {table.name} has no primary key, and mode=transaction needs one to order the rows of a "
            "transaction. Give it one."
        )
    return found


def _place(stored: Parts | None) -> list[str] | None:
    if stored is None or XID not in stored:
        return None
    keys = stored.get(KEY)
    if not isinstance(keys, list | tuple):
        raise ConnectException(f"The stored position {dict(stored)} is none of mode=transaction.")
    return [str(stored[XID]), *map(str, keys)]
