"""Writes batches of records: what each changes, the last change of each key, and the statements for that.

In a batch the changes of a key become one: an upsert after a delete first deletes, so that no column keeps what was
there before. They are written in the order of the keys, deletes and upserts alike, so that tasks do not wait for each
other in a circle. Rows that are only inserted keep the order of their records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from streams.connect.data.struct import Struct
from streams.connect.errors import DataException
from streams.connect.jdbc.dialect import Column, Convert, Dialect, Row, RowRefused, Session, Table, TableName
from streams.connect.jdbc.rows import MOST, Layout, Layouts
from streams.connect.jdbc.tables import Tables
from streams.connect.records import SinkRecord

INSERT, UPSERT, UPDATE = "insert", "upsert", "update"
Report = Callable[[SinkRecord, Exception], None]


class _Fit(NamedTuple):
    """How a value is made to fit, and the class whose values do so as they are."""

    place: int
    convert: Convert
    plain: type | None


@dataclass(eq=False, slots=True)
class _Plan:
    """How the rows of one layout are written to one table.

    Args:
        layout: of the records.
        table: the table.
        columns: of the layout's names.
        fits: of the values that are looked at.
    """

    layout: Layout
    table: Table
    columns: tuple[Column, ...]
    fits: tuple[_Fit, ...]
    _by_classes: dict[tuple[type, ...], list[_Fit]] = field(default_factory=dict)
    """Of rows whose values have these classes: what has to be looked at."""

    @property
    def keys(self) -> tuple[Column, ...]:
        """The columns of the key."""
        return self.columns[: self.layout.keys]

    def row(self, record: SinkRecord) -> Row:
        """The row of a record; DataException: a value does not fit."""
        values = tuple(self.layout.values(record))
        if not self.fits:
            return values
        classes = tuple(map(type, values))
        fits = self._by_classes.get(classes)
        if fits is None:
            if len(self._by_classes) >= MOST:
                self._by_classes.clear()
            fits = [each for each in self.fits if classes[each.place] not in (each.plain, type(None))]
            self._by_classes[classes] = fits
        if not fits:
            return values
        fitting = list(values)
        for place, convert, _ in fits:
            fitting[place] = convert(fitting[place])
        return tuple(fitting)


class Change(NamedTuple):
    """What a record changes: the row that is written, or the key that is deleted."""

    plan: _Plan
    row: Row
    deletes: bool
    record: SinkRecord


class Writer:
    """Makes changes of records, and writes them.

    Args:
        dialect: the database's.
        tables: what is known of them.
        layouts: how records become rows.
        table_of: the table of a topic.
        mode: insert, upsert or update.
    """

    def __init__(
        self, dialect: Dialect, tables: Tables, layouts: Layouts, table_of: Callable[[str], TableName], mode: str
    ) -> None:
        self._dialect = dialect
        self._tables = tables
        self._layouts = layouts
        self._table_of = table_of
        self._mode = mode
        self._plans: dict[tuple[str, int], _Plan] = {}

    def forget(self) -> None:
        """The tables are looked at again."""
        self._tables.forget()
        self._plans.clear()

    # What is changed

    def changes(self, session: Session, records: Sequence[SinkRecord], report: Report) -> list[Change]:
        """What the records change; tables are made and widened for that, where it is allowed.

        Args:
            session: outside of a transaction.
            records: the records.
            report: hears of those that cannot be written.
        """
        found: list[Change] = []
        plan: _Plan | None = None
        last: SinkRecord | None = None
        for record in records:
            try:
                if last is None or not _alike(record, last):
                    plan, last = self._plan(session, record), record
                if plan is not None:
                    found.append(Change(plan, plan.row(record), record.value is None, record))
            except DataException as error:
                last = None
                report(record, located(record, error))
        return found

    def _plan(self, session: Session, record: SinkRecord) -> _Plan | None:
        """How a record is written; None: it deletes from a table that is not there."""
        layout = self._layouts.of(record)
        known = self._plans.get((record.topic, id(layout)))
        if known is None or known.layout is not layout:
            if record.value is None and self._tables.found(session, self._table_of(record.topic)) is None:
                return None
            table = self._tables.ready(session, self._table_of(record.topic), layout)
            known = self._plans[record.topic, id(layout)] = self._made(table, layout)
        return known

    def _made(self, table: Table, layout: Layout) -> _Plan:
        columns = tuple(column for name in layout.names if (column := table.column(name)) is not None)
        fits = tuple(
            _Fit(place, fit, self._dialect.plain(column))
            for place, (column, schema) in enumerate(zip(columns, layout.schemas, strict=True))
            if (fit := self._dialect.fit(column, schema)) is not None
        )
        return _Plan(layout, table, columns, fits)

    # Writing

    def apply(self, session: Session, changes: Sequence[Change]) -> None:
        """Writes changes, within a transaction.

        Raises:
            RowRefused: one of them does not fit; the transaction is of no use any more.
        """
        if self._mode == INSERT:
            for (plan, deletes), run in groupby(changes, lambda change: (change.plan, change.deletes)):
                rows = [change.row for change in run]
                if deletes:
                    self._delete(session, plan, rows)
                else:
                    self._dialect.insert(session, plan.table, plan.columns, rows)
            return
        for table in dict.fromkeys(change.plan.table.name for change in changes):
            self._apply_by_key(session, [change for change in changes if change.plan.table.name == table])

    def _apply_by_key(self, session: Session, changes: Sequence[Change]) -> None:
        deleted: dict[Row, _Plan] = {}
        rows: dict[Row, tuple[_Plan, Row]] = {}
        for plan, row, deletes, _ in changes:
            key = row[: plan.layout.keys]
            if deletes:
                deleted[key] = plan
                rows.pop(key, None)
                continue
            before = rows.get(key)
            if before is not None and before[0] is not plan:
                plan, row = _merged(before, (plan, row))
            rows[key] = plan, row
        for plan, keys in _grouped((plan, key) for key, plan in deleted.items()):
            self._delete(session, plan, keys)
        for plan, found in _grouped(rows.values()):
            names = [column.name for column in plan.keys]
            write = self._dialect.upsert if self._mode == UPSERT else self._dialect.update
            write(session, plan.table, plan.columns, names, found)

    def _delete(self, session: Session, plan: _Plan, rows: Sequence[Row]) -> None:
        self._dialect.delete(session, plan.table, plan.keys, [row[: plan.layout.keys] for row in rows])

    def one_by_one(self, session: Session, changes: Sequence[Change], report: Report) -> None:
        """Writes changes in the order of their records, and reports those that the database refuses."""
        for change in changes:
            try:
                with session.savepoint():
                    self.apply(session, [change])
            except RowRefused as error:
                report(change.record, located(change.record, error))


def _alike(record: SinkRecord, last: SinkRecord) -> bool:
    """Has a record certainly the layout of the one before?"""
    value, key = record.value, record.key
    if record.value_schema is not last.value_schema or record.key_schema is not last.key_schema:
        return False
    if type(value) is not type(last.value) or type(key) is not type(last.key) or record.topic != last.topic:
        return False
    if type(key) is dict:
        return False
    if type(value) is dict and type(last.value) is dict:
        return value.keys() == last.value.keys()
    return type(value) is Struct


def _merged(before: tuple[_Plan, Row], after: tuple[_Plan, Row]) -> tuple[_Plan, Row]:
    """Two changes of a row with different columns as one: the later one's values over those of the earlier one."""
    plans = (before[0], after[0])
    columns = {column.name: column for plan in plans for column in plan.columns}
    values: dict[str, object] = {}
    for plan, row in (before, after):
        values.update(zip((column.name for column in plan.columns), row, strict=True))
    if len(columns) == len(after[0].columns):
        return after
    layout = Layout(tuple(columns), (None,) * len(columns), after[0].layout.keys, lambda record: [])
    return _Plan(layout, after[0].table, tuple(columns.values()), ()), tuple(values[name] for name in columns)


def _grouped(rows: Iterable[tuple[_Plan, Row]]) -> Iterator[tuple[_Plan, list[Row]]]:
    """Rows by the columns that they have, each group in the order of its keys, of which none is there twice."""
    by_plan: dict[tuple[_Plan, int], list[Row]] = {}
    for plan, row in rows:
        by_plan.setdefault((plan, len(row)), []).append(row)
    found: dict[tuple[str, ...], tuple[_Plan, list[Row]]] = {}
    for (plan, width), group in by_plan.items():
        found.setdefault(tuple(column.name for column in plan.columns[:width]), (plan, []))[1].extend(group)
    for names in sorted(found):
        plan, group = found[names]
        try:
            group.sort()
        except TypeError:  # a key with nothing in it, which the database will refuse
            group.sort(key=lambda row: tuple(map(repr, row)))
        yield plan, group


def located(record: SinkRecord, error: Exception) -> DataException:
    """An error, with where the record lies."""
    where = f"{record.original_topic}-{record.original_partition} at offset {record.offset}"
    return DataException(f"{where}: {error}")
