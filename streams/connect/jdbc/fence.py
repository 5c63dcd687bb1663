"""The fence of a sink: a row for each partition, in the target database, that says who writes and up to where.

    streams_offsets (connector, topic, topic_id, partition, epoch, offset, owner)

Whoever takes a partition over raises its epoch and reads its offset, in one statement. Every batch moves the offset in
the transaction of its rows, and only where epoch and offset are those that its writer knows. The lock on the row puts
an old owner and a new one in an order: either the old one has committed before, and the new one goes on behind that, or
the old one finds another epoch, and nothing of its batch is stored.

A commit whose answer was lost needs no guess: the row says whether it happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streams.connect.errors import ConnectException, RetriableException
from streams.connect.jdbc.dialect import Dialect, Session, StatementRefused, listed
from streams.record import TopicPartition

TABLE = "streams_offsets"
NOTHING = -1
"""The offset of a partition of which nothing was written."""
PATIENCE_MS = 300
"""So long a predecessor may stand within a transaction before it is broken up."""
ATTEMPTS = 3

Row = tuple[object, ...]


class FencedSinkException(ConnectException):
    """Another task writes this partition: nothing of the batch was stored."""


@dataclass(slots=True)
class Claim:
    """A partition that this task writes.

    Args:
        epoch: the number of its owner.
        offset: behind the last record that is stored; `NOTHING`: none is.
    """

    epoch: int
    offset: int


class Fence:
    """The rows of one connector.

    Args:
        dialect: the database's.
        connector: the connector's name.
    """

    def __init__(self, dialect: Dialect, connector: str) -> None:
        self._dialect = dialect
        self._connector = connector
        self._table = dialect.quoted(TABLE)
        mark = dialect.mark
        self._mine = " and ".join(f"{dialect.quoted(name)} = {mark}" for name in ("connector", "topic", "partition"))
        offset, epoch = dialect.quoted("offset"), dialect.quoted("epoch")
        self._advance = (
            f"update {self._table} set {offset} = {mark} where {self._mine} and {epoch} = {mark} and {offset} = {mark}"
        )

    def prepare(self, session: Session) -> None:
        """Makes the table, where there is none.

        Raises:
            ConnectException: it may not be made here.
        """
        name = self._dialect.table_name(TABLE)
        if self._dialect.table(session, name) is not None:
            return
        names = ("connector", "topic", "topic_id", "partition", "epoch", "offset", "owner")
        types = ("text", "text", "text", "integer", "bigint", "bigint", "text")
        columns = ", ".join(
            f"{self._dialect.quoted(column)} {type_} not null" for column, type_ in zip(names, types, strict=True)
        )
        key = listed(("connector", "topic", "partition"), self._dialect)
        statement = f"create table if not exists {self._table} ({columns}, primary key ({key}))"
        try:
            session.execute(statement)
        except (StatementRefused, ConnectException) as error:
            if isinstance(error, RetriableException):
                raise
            if self._dialect.table(session, name) is None:  # else another task was quicker
                raise ConnectException(
                    f"The table of offsets cannot be made: {error} Have somebody who may run: {statement};"
                ) from None

    def take_over(self, session: Session, partition: TopicPartition, topic_id: str) -> Claim:
        """Makes this session the writer of a partition; nobody before it can store anything any more.

        Args:
            session: whose name is written down.
            partition: which one.
            topic_id: the topic's.
        Returns:
            Where it stands.
        Raises:
            ConnectException: the row is that of a topic that was deleted and made again.
            RetriableException: a predecessor holds it.
        """
        where = self._where(partition)
        found = session.rows(f"select {listed(('topic_id', 'owner'), self._dialect)} from {self._table} "
                             f"where {self._mine}", where)  # fmt: skip
        if not found:
            self._add(session, partition, topic_id)
        else:
            self._check_topic(partition, str(found[0][0]), topic_id)
            self._dialect.break_up(session, str(found[0][1]), PATIENCE_MS)
        epoch, owner, offset = map(self._dialect.quoted, ("epoch", "owner", "offset"))
        mark = self._dialect.mark
        statement = (
            f"update {self._table} set {epoch} = {epoch} + 1, {owner} = {mark}, {self._dialect.quoted('topic_id')} = "
            f"{mark} where {self._mine} returning {epoch}, {offset}"
        )
        for attempt in range(ATTEMPTS):
            try:
                with self._dialect.taking_over(session):
                    ((mine, stored),) = session.rows(statement, [session.name, topic_id, *where])
                return Claim(int(str(mine)), int(str(stored)))
            except RetriableException:
                if attempt + 1 == ATTEMPTS or not found:
                    raise
                self._dialect.break_up(session, str(found[0][1]), 0)
        raise AssertionError

    def _add(self, session: Session, partition: TopicPartition, topic_id: str) -> None:
        names = ("connector", "topic", "partition", "topic_id", "epoch", "offset", "owner")
        marks = ", ".join(self._dialect.mark for _ in names)
        session.execute(
            f"insert into {self._table} ({listed(names, self._dialect)}) values ({marks}) on conflict do nothing",
            [*self._where(partition), topic_id, 0, NOTHING, session.name],
        )

    def _check_topic(self, partition: TopicPartition, stored: str, topic_id: str) -> None:
        if stored and stored != topic_id:
            raise ConnectException(
                f"The topic {partition.topic} was deleted and made again: its offsets begin anew, and the row of "
                f"{partition} in {TABLE} tells of the one before. Nothing is written. To begin anew: delete from "
                f"{TABLE} where connector = '{self._connector}' and topic = '{partition.topic}';"
            )

    def alter(self, session: Session, offsets: Mapping[TopicPartition, int | None]) -> None:
        """Sets where partitions stand, while no task writes them; whoever still does is fenced.

        Args:
            session: within a transaction.
            offsets: where reading begins; None: nothing is known any more.
        """
        for partition, offset in offsets.items():
            where = self._where(partition)
            if offset is None:
                session.execute(f"delete from {self._table} where {self._mine}", where)
                continue
            epoch, place, mark = self._dialect.quoted("epoch"), self._dialect.quoted("offset"), self._dialect.mark
            self._add(session, partition, "")  # of whichever topic there is by then
            session.execute(
                f"update {self._table} set {epoch} = {epoch} + 1, {place} = {mark} where {self._mine}", [offset, *where]
            )

    def look(self, session: Session, claims: Mapping[TopicPartition, Claim]) -> None:
        """Reads where the partitions stand, after a connection was lost: what was committed then is known now.

        Raises:
            FencedSinkException: another task has taken one of them over.
            ConnectException: the database stands behind what it had stored: it was set back.
        """
        for partition, claim in claims.items():
            found = session.rows(
                f"select {listed(('epoch', 'offset'), self._dialect)} from {self._table} where {self._mine}",
                self._where(partition),
            )
            epoch, offset = (int(str(value)) for value in found[0]) if found else (0, NOTHING)
            if epoch != claim.epoch:
                raise self._fenced(partition, claim, epoch)
            if offset < claim.offset:
                raise ConnectException(
                    f"{TABLE} says that {partition} is written up to offset {offset}, and it was up to {claim.offset}: "
                    "the database was set back. The task begins anew from there."
                )
            claim.offset = offset

    def advance(
        self, session: Session, claims: Mapping[TopicPartition, Claim], ends: Iterable[tuple[TopicPartition, int]]
    ) -> None:
        """Moves offsets, as the last statements of the transaction that stores the rows.

        Args:
            session: within that transaction.
            claims: what this task writes.
            ends: the offsets behind the batch.
        Raises:
            FencedSinkException: another task has taken one of the partitions over.
        """
        for partition, end in ends:
            claim = claims[partition]
            if session.execute(self._advance, [end, *self._where(partition), claim.epoch, claim.offset]) != 1:
                raise self._fenced(partition, claim, None)

    def _fenced(self, partition: TopicPartition, claim: Claim, epoch: int | None) -> FencedSinkException:
        by = "" if epoch is None else f" (epoch {epoch})"
        return FencedSinkException(
            f"{partition} is written by another task of connector {self._connector} by now{by}; this one had epoch "
            f"{claim.epoch}, offset {claim.offset}. Nothing of its batch was stored."
        )

    def _where(self, partition: TopicPartition) -> list[object]:
        return [self._connector, partition.topic, partition.partition]
