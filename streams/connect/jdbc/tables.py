"""The tables of a sink: looked at once, made and widened where that is allowed."""

from __future__ import annotations

import logging

from streams.connect.data.schema import Schema
from streams.connect.errors import ConnectException, DataException, RetriableException
from streams.connect.jdbc.dialect import Dialect, Session, Table, TableName, listed, named
from streams.connect.jdbc.rows import Layout

log = logging.getLogger("streams.connect.jdbc")


class Tables:
    """What is known of the tables that are written to.

    Args:
        dialect: the database's.
        creates: `auto.create`.
        evolves: `auto.evolve`.
    """

    def __init__(self, dialect: Dialect, creates: bool, evolves: bool) -> None:
        self._dialect = dialect
        self._creates = creates
        self._evolves = evolves
        self._known: dict[TableName, Table] = {}

    def forget(self) -> None:
        """They are looked at again."""
        self._known.clear()

    def found(self, session: Session, name: TableName) -> Table | None:
        """A table; None: there is none."""
        return self._known.get(name) or self._dialect.table(session, name)

    def ready(self, session: Session, name: TableName, layout: Layout) -> Table:
        """A table with a column for each that a layout has.

        Raises:
            ConnectException: there is none, or a column is missing, and it may not be made.
            DataException: it cannot be made, as nobody says of what type the values are.
        """
        found = self.found(session, name)
        if found is None:
            found = self._create(session, name, layout)
        if any(found.column(column) is None for column in layout.names):
            found = self._evolve(session, found, layout)
        self._known[name] = found
        return found

    def _create(self, session: Session, name: TableName, layout: Layout) -> Table:
        if not self._creates:
            raise ConnectException(
                f"There is no table {name}. Make it, or set auto.create=true so that the connector may."
            )
        columns = [
            self._definition(column, _said(schema, column, name, "auto.create"), index < layout.keys)
            for index, (column, schema) in enumerate(zip(layout.names, layout.schemas, strict=True))
        ]
        key = [f"primary key ({listed(layout.names[: layout.keys], self._dialect)})"] if layout.keys else []
        self._run(session, f"create table if not exists {named(name, self._dialect)} ({', '.join([*columns, *key])})")
        found = self._dialect.table(session, name)
        if found is None:
            raise ConnectException(f"The table {name} could not be made.")
        return found

    def _definition(self, column: str, schema: Schema, in_key: bool) -> str:
        said = f"{self._dialect.quoted(column)} {self._dialect.sql_type(schema)}"
        if schema.default is not None:
            said += f" default {self._dialect.literal(schema.default)}"
        return said if schema.optional and not in_key else f"{said} not null"

    def _evolve(self, session: Session, table: Table, layout: Layout) -> Table:
        found = self._dialect.table(session, table.name) or table  # it may have been widened since
        for index, (column, schema) in enumerate(zip(layout.names, layout.schemas, strict=True)):
            if found.column(column) is not None:
                continue
            if not self._evolves:
                raise ConnectException(
                    f"The table {table.name} has no column {column}, which the records have. Add it, set "
                    "auto.evolve=true, or leave the field out by fields.whitelist."
                )
            known = _said(schema, column, table.name, "auto.evolve")
            if index < layout.keys:
                raise ConnectException(f"The table {table.name} has no column {column}, which is of its key.")
            if not known.optional and known.default is None:
                raise ConnectException(
                    f"The field {column} may not be empty and has no default, so that {table.name} cannot get it as a "
                    "column: its rows would have nothing in it. Add it yourself."
                )
            self._run(
                session,
                f"alter table {named(table.name, self._dialect)} add column {self._definition(column, known, False)}",
            )
        again = self._dialect.table(session, table.name)
        missing = [name for name in layout.names if again is None or again.column(name) is None]
        if again is None or missing:
            raise ConnectException(f"The table {table.name} could not be given the column {missing[0]}.")
        return again

    def _run(self, session: Session, statement: str) -> None:
        """Changes the database; where another task was quicker, that is seen by who looks at the table next."""
        log.info("%s", statement)
        try:
            session.execute(statement)
        except RetriableException:
            raise
        except ConnectException as error:
            log.warning("%s could not be run: %s", statement, error)


def _said(schema: Schema | None, column: str, table: TableName, setting: str) -> Schema:
    if schema is None:
        raise DataException(
            f"{setting} makes columns of {table} by the types of their values, and nobody says of what type "
            f"{column} is: the records have no schema. Make the table yourself, or send them with one (value.converter="
            "JsonConverter, value.converter.schemas.enable=true)."
        )
    return schema
