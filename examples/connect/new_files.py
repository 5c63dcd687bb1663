"""A connector of one's own: each new file of a directory becomes a record, exactly once.

    streams-app connect dry-run examples/connect/new_files.json
    streams-app connect standalone examples/connect/worker.properties examples/connect/new_files.json
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streams.connect import (
    REQUIRED,
    Config,
    ConfigDef,
    ConfigKey,
    ConfigType,
    RetriableException,
    Schema,
    SourceConnector,
    SourceRecord,
    SourceTask,
    SourceTaskContext,
    Type,
)


class NewFilesTask(SourceTask):
    """Reads files in the order of their names."""

    def start(self, config: Config, context: SourceTaskContext) -> None:
        self._directory = Path(config.text("directory"))
        self._topic = config.text("topic")
        self._partition = {"directory": str(self._directory)}
        stored = context.offset(self._partition)
        self._last = "" if stored is None else str(stored["last"])

    def poll(self) -> Sequence[SourceRecord]:
        try:
            new = sorted(file for file in self._directory.iterdir() if file.is_file() and file.name > self._last)
            contents = [(file.name, file.read_text()) for file in new[:100]]
        except OSError as error:
            raise RetriableException(f"{self._directory} cannot be read: {error.strerror}.") from None
        records = [SourceRecord(self._topic, text, Schema(Type.STRING), key=name) for name, text in contents]
        if records:
            self._last = contents[-1][0]
            position = {"last": self._last}
            records[-1] = records[-1]._replace(source_partition=self._partition, source_offset=position)
        return records


class NewFiles(SourceConnector):
    """Settings: `directory` and `topic`."""

    task_class = NewFilesTask
    config_def = ConfigDef(
        ConfigKey("directory", ConfigType.STRING, REQUIRED, "Where files appear."),
        ConfigKey("topic", ConfigType.STRING, REQUIRED, "Where their contents go."),
    )
