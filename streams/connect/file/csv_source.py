"""`CsvSource`: the rows of a CSV file with a header, as structs."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from streams.config.table import at_least, invalid, not_empty
from streams.connect.config_def import REQUIRED, Config, ConfigDef, ConfigKey, Importance, Type
from streams.connect.connector import SourceConnector, SourceTask, SourceTaskContext
from streams.connect.data.schema import INTEGERS, Schema
from streams.connect.data.schema import Type as DataType
from streams.connect.data.struct import Struct
from streams.connect.errors import DataException
from streams.connect.file.source import alter_file_offsets
from streams.connect.file.tail import Tail
from streams.connect.records import Parts, SourceRecord

TYPES = (*INTEGERS, DataType.FLOAT32, DataType.FLOAT64, DataType.BOOLEAN, DataType.STRING)


def _types(entries: tuple[object, ...]) -> dict[str, DataType]:
    found = {}
    for entry in map(str, entries):
        name, colon, word = entry.rpartition(":")
        kind = next((each for each in TYPES if each.value == word.strip().lower()), None)
        if not colon or not name.strip() or kind is None:
            words = ", ".join(each.value for each in TYPES)
            raise invalid("types", entries, f"{entry!r} is no column:type. Types are {words}")
        found[name.strip()] = kind
    return found


def _check_types(name: str, value: object) -> None:
    _types(value if isinstance(value, tuple) else ())


def _check_delimiter(name: str, value: object) -> None:
    if isinstance(value, str) and (len(value) != 1 or value in '"\r\n'):
        raise invalid(name, value, "It is one character, and none of a quote and the ends of lines")


class CsvSource(SourceConnector):
    """Rows of a CSV file into a topic, exactly once. The first line names the columns.

    Settings: `file`, `topic`, `batch.size`, `delimiter`, and `types` (`id:int64,amount:float64`; else text).
    """

    config_def: ClassVar[ConfigDef] = ConfigDef(
        ConfigKey("file", Type.STRING, REQUIRED, "The file.", not_empty, Importance.HIGH),
        ConfigKey("topic", Type.STRING, REQUIRED, "The topic of its rows.", not_empty, Importance.HIGH),
        ConfigKey("batch.size", Type.INT, 2_000, "How many rows are stored in one transaction at most.", at_least(1),
                  Importance.LOW),
        ConfigKey("delimiter", Type.STRING, ",", "What stands between the columns.", _check_delimiter),
        ConfigKey("types", Type.LIST, (), "Types of columns, `column:type`; all others are text.", _check_types),
    )  # fmt: skip

    def alter_offsets(self, config: Config, offsets: Sequence[tuple[Parts, Parts | None]]) -> bool:
        """A position is the number of a byte in the file."""
        return alter_file_offsets(config, offsets)


class CsvSourceTask(SourceTask):
    """Reads one file."""

    def __init__(self) -> None:
        self._opened: Tail | None = None

    def start(self, config: Config, context: SourceTaskContext) -> None:
        """Finds the place where reading stood."""
        self._path = Path(config.text("file")).absolute()
        self._topic = config.text("topic")
        self._most = config.number("batch.size")
        self._delimiter = config.text("delimiter")
        self._types = _types(config.texts("types"))
        self._partition: Mapping[str, object] = {"filename": str(self._path)}
        self._tail = self._opened = Tail(self._path, context.offset(self._partition))
        self._file = 0
        self._schema: Schema | None = None

    def poll(self) -> Sequence[SourceRecord]:
        """The next rows. One whose quotes are not closed waits for its next line."""
        lines = self._tail.peek(self._most)
        if not lines:
            return ()
        if self._tail.file != self._file or self._schema is None:
            header = self._tail.first_line()
            if header is None:
                return ()
            self._schema, self._file = self._schema_of(header), self._tail.file
            if self._tail.place().position == 0:
                self._tail.advance(1)
                lines = lines[1:]
        rows, passed = _rows(lines)
        while not rows and lines:
            more = self._tail.peek(len(lines) + self._most, len(lines) + 1)
            if len(more) == len(lines):
                return ()
            lines = more
            rows, passed = _rows(lines)
        rows = [row for row in rows if row.strip()]
        records = [SourceRecord(self._topic, value, self._schema) for value in self._structs(rows)]
        self._tail.advance(passed)
        if records:
            records[-1] = records[-1]._replace(
                source_partition=self._partition, source_offset=self._tail.place().parts()
            )
        return records

    def _cells(self, rows: Sequence[bytes]) -> Iterator[list[str]]:
        reader = csv.reader((row.decode() for row in rows), delimiter=self._delimiter, strict=True)
        done = 0
        try:
            for cells in reader:
                yield cells
                done += 1
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataException(f"{self._path}: a row is no CSV of UTF-8: {error}: {rows[done][:100]!r}") from None

    def _schema_of(self, header: bytes) -> Schema:
        names = [name.strip() for cells in self._cells([header.removeprefix(codecs.BOM_UTF8)]) for name in cells]
        twice = [name for index, name in enumerate(names) if not name or name in names[:index]]
        if twice:
            raise DataException(f"{self._path}: the header names a column {twice[0]!r} twice, or one has no name.")
        missing = self._types.keys() - set(names)
        if missing:
            raise DataException(
                f"{self._path} has no column {sorted(missing)[0]}, which `types` names. It has {', '.join(names)}."
            )
        return Schema.struct({name: Schema(self._types.get(name, DataType.STRING), optional=True) for name in names})

    def _structs(self, rows: Sequence[bytes]) -> Iterator[Struct]:
        assert self._schema is not None
        schema, fields = self._schema, self._schema.fields
        typed = [(field.index, field.schema.type) for field in fields if field.schema.type is not DataType.STRING]
        for cells, row in zip(self._cells(rows), rows, strict=True):
            if len(cells) != len(fields):
                raise DataException(
                    f"{self._path}: a row has {len(cells)} columns, the header {len(fields)}: {row[:100]!r}"
                )
            values: list[object] = list(cells)
            for index, kind in typed:
                values[index] = self._typed(kind, cells[index], row)
            yield Struct.of_values(schema, values)

    def _typed(self, kind: DataType, cell: str, row: bytes) -> object:
        said = cell.strip()
        if not said:
            return None
        try:
            value = _PARSERS[kind](said)
            bits = INTEGERS.get(kind)
            if bits is not None and isinstance(value, int) and not -1 << bits - 1 <= value < 1 << bits - 1:
                raise ValueError
            return value
        except (ValueError, KeyError):
            raise DataException(f"{self._path}: {cell!r} is no {kind.value}, in {row[:100]!r}") from None

    def stop(self) -> None:
        """Closes the file."""
        if self._opened is not None:
            self._opened.close()


_PARSERS: Mapping[DataType, Callable[[str], object]] = {
    **dict.fromkeys(INTEGERS, int),
    DataType.FLOAT32: float,
    DataType.FLOAT64: float,
    DataType.BOOLEAN: lambda said: {"true": True, "false": False, "1": True, "0": False}[said.lower()],
}


def _rows(lines: list[bytes]) -> tuple[list[bytes], int]:
    """Lines as rows: where a quote is open, a row goes on in the next line. And how many lines those are."""
    rows: list[bytes] = []
    open_: list[bytes] = []
    quotes = passed = 0
    for number, line in enumerate(lines, 1):
        open_.append(line.removesuffix(b"\r"))
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            rows.append(b"\n".join(open_))
            open_, quotes, passed = [], 0, number
    return rows, passed


CsvSource.task_class = CsvSourceTask
