"""`python -m tests.crash.planted_connect BUG …`: the command with a bug planted, which pipelines' checker must find."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Mapping, Sequence

from streams.cli.main import main
from streams.connect.file import sink as file_sink
from streams.connect.jdbc.dialect import Session
from streams.connect.jdbc.fence import Claim, Fence
from streams.connect.jdbc.sink import JdbcSinkTask
from streams.connect.records import SinkRecord, SourceRecord
from streams.connect.worker.source_runner import SourceRunner
from streams.record import TopicPartition

SHORT = 5
"""So many offsets."""
DAWDLE_S = 1.5
Ends = Iterable[tuple[TopicPartition, int]]


def set_back() -> None:
    """A sink takes itself to stand a little before where it does, so that whoever goes on doubles rows."""
    told, honest = file_sink._published, Fence.take_over

    def take_over(self: Fence, session: Session, partition: TopicPartition, topic_id: str) -> Claim:
        before = f'case when "offset" > {SHORT} then "offset" - {SHORT} else -1 end'
        session.execute(f'update {self._table} set "offset" = {before} where {self._mine}', self._where(partition))
        return honest(self, session, partition, topic_id)

    setattr(file_sink, "_published", lambda path, partition: max(-1, told(path, partition) - SHORT))  # noqa: B010
    setattr(Fence, "take_over", take_over)  # noqa: B010


def late_position() -> None:
    """A source stores its position with the records behind it, so that whoever goes on doubles rows."""
    honest = SourceRunner._positions
    kept: dict[SourceRunner, dict[bytes, bytes]] = {}

    def positions(self: SourceRunner, records: Sequence[SourceRecord]) -> dict[bytes, bytes]:
        before, kept[self] = kept.get(self, {}), honest(self, records)
        return before

    setattr(SourceRunner, "_positions", positions)  # noqa: B010


def no_fence() -> None:
    """A sink of a database moves its offset whoever else has done so: one that was frozen doubles rows. It dawdles, so
    that it is frozen with records in its hands."""
    honest = JdbcSinkTask._write

    def write(
        self: JdbcSinkTask, session: Session, records: Sequence[SinkRecord], moves: Sequence[tuple[TopicPartition, int]]
    ) -> None:
        time.sleep(DAWDLE_S)
        honest(self, session, records, moves)

    def advance(self: Fence, session: Session, claims: Mapping[TopicPartition, Claim], ends: Ends) -> None:
        for partition, end in ends:
            set_ = f'update {self._table} set "offset" = {self._dialect.mark} where {self._mine}'
            session.execute(set_, [end, *self._where(partition)])

    setattr(Fence, "advance", advance)  # noqa: B010
    setattr(JdbcSinkTask, "_write", write)  # noqa: B010


def offset_apart() -> None:
    """A sink of a database moves its offset when its rows are stored: a commit in between that fails doubles them."""

    def write(
        self: JdbcSinkTask, session: Session, records: Sequence[SinkRecord], moves: Sequence[tuple[TopicPartition, int]]
    ) -> None:
        changes = self._writer.changes(session, records, self._context.report)
        with session.transaction():
            self._writer.apply(session, changes)
        time.sleep(DAWDLE_S)  # so that a stop comes in between
        with session.transaction():
            self._fence.advance(session, self._claims, moves)

    setattr(JdbcSinkTask, "_write", write)  # noqa: B010


PLANTED = {
    "set-back": set_back, "late-position": late_position, "no-fence": no_fence, "offset-apart": offset_apart,
}  # fmt: skip

if __name__ == "__main__":
    PLANTED[sys.argv.pop(1)]()
    main()
