"""The positions of a connector: shown, altered and forgotten, where it is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress

from streams.clients.api import Isolation, Position
from streams.clients.settings import producer_settings
from streams.connect.config_def import Config
from streams.connect.connector import Guarantee, SinkConnector, SourceConnector
from streams.connect.connector_config import BadRequestException
from streams.connect.errors import ConflictException, ConnectException, NotFoundException
from streams.connect.json_value import Json, dumped
from streams.connect.looked import Looked, looked_at
from streams.connect.records import Parts
from streams.connect.worker.config_state import TargetState, TaskId
from streams.connect.worker.herder import Herder, transactional_id
from streams.connect.worker.offsets import Offsets
from streams.connect.worker.output import Output
from streams.connect.worker.transaction import ANSWER_MS, write_whole
from streams.errors import GroupIdNotFoundException, GroupNotEmptyException
from streams.record import TopicPartition

FENCE_MS = 10_000
TOPIC, PARTITION, OFFSET = "kafka_topic", "kafka_partition", "kafka_offset"
Pair = tuple[Parts, Parts | None]
"""A part of a source and a position in it; None: it has none."""
EXTERNAL = (
    "The Connect framework-managed offsets for this connector have been {} successfully. However, if this connector "
    "manages offsets externally, they will need to be manually {} in the system that the connector uses."
)


class ConnectorOffsets:
    """Answers requests for positions, from any thread.

    Args:
        herder: keeps what runs here.
    """

    def __init__(self, herder: Herder) -> None:
        self._herder = herder

    def read(self, name: str) -> Sequence[tuple[Parts, Parts]]:
        """The positions of a connector: of a source those that are stored, of a sink those of its group.

        Raises:
            NotFoundException: there is none of that name.
        """
        looked = self._looked(name)
        config = looked.checked()
        if looked.is_source:
            with closing(self._stored(config)) as offsets:
                offsets.refresh()
                return offsets.all(name)
        found = self._committed(group_of(self._herder, name, looked))
        return [
            ({TOPIC: where.topic, PARTITION: where.partition}, {OFFSET: position.offset})
            for where, position in sorted(found.items())
        ]

    def alter(self, name: str, body: Json) -> str:
        """Sets positions; what is told of it.

        Args:
            name: the connector, which is stopped.
            body: `{"offsets": [{"partition": {…}, "offset": {…}}]}`; an offset that is null is forgotten.
        Raises:
            NotFoundException: there is no connector of that name.
            BadRequestException: it is not stopped, or the body is of another form.
            ConnectException: the connector refuses them.
        """
        pairs = pairs_of(body)
        looked = self._stopped(name)
        return self._change(name, looked, pairs, "altered")

    def reset(self, name: str) -> str:
        """Forgets all positions; what is told of it.

        Raises:
            as `alter`.
        """
        looked = self._stopped(name)
        return self._change(name, looked, [(part, None) for part, _ in self.read(name)], "reset")

    def _looked(self, name: str) -> Looked:
        found = self._herder.configs.state.connectors.get(name)
        if found is None:
            raise NotFoundException(f"Connector {name} not found")
        return looked_at(self._herder.providers, found.config)

    def _stopped(self, name: str) -> Looked:
        looked = self._looked(name)
        self._herder.configs.refresh()
        found = self._herder.configs.state.connectors.get(name)
        if found is None or found.target is not TargetState.STOPPED or found.tasks:
            raise BadRequestException(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for "
                f"the specified connector by issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            )
        if not self._herder.settle(lambda: self._is_fenced(name), FENCE_MS):
            raise ConflictException(f"The tasks of {name} that were stopped are not fenced yet. Ask again in a moment.")
        return looked

    def _is_fenced(self, name: str) -> bool:
        """Has its owner fenced whoever may write for its former tasks?"""
        found = self._herder.configs.state.connectors.get(name)
        return found is None or not found.unfenced

    def _change(self, name: str, looked: Looked, pairs: Sequence[Pair], done: str) -> str:
        config, connector = looked.checked(), looked.validation.connector()
        try:
            if isinstance(connector, SourceConnector):
                knows = connector.alter_offsets(config, pairs)
                self._store(name, config, pairs)
            else:
                partitions = partitions_of(pairs)
                knows = self._ask(connector, config, partitions)
                self._commit(group_of(self._herder, name, looked), name, partitions)
        except ConnectException as error:
            raise type(error)(looked.hide(str(error))) from None
        except Exception as error:  # of the connector; it may have a secret in it
            raise ConnectException(looked.hide(f"{type(error).__name__}: {error}")) from None
        if knows:
            return f"The offsets for this connector have been {done} successfully"
        return EXTERNAL.format(done, done)

    # Sources

    def _stored(self, config: Config) -> Offsets:
        running = self._herder.running
        return Offsets(self._herder.door, running.offsets_topic(config), running.offsets_partitions)

    def _store(self, name: str, config: Config, pairs: Sequence[Pair]) -> None:
        """Fences all that may still write for its tasks, and writes the positions in one transaction."""
        herder, count = self._herder, self._herder.configs.state.fenced_counts.get(name, 1)
        for number in range(1, count):
            herder.fence(TaskId(name, number))
        first = transactional_id(herder.config, TaskId(name, 0))
        settings = producer_settings({**herder.config.client("producer."), "transactional.id": first}, {})
        assert settings.transaction is not None
        with (
            closing(self._stored(config)) as offsets,
            closing(herder.door.transactional_writer(settings.transaction, settings.writer)) as writer,
        ):
            writer.init(ANSWER_MS)
            offsets.refresh()
            output = Output(writer)
            now = herder.door.world.now_ms()
            values = [(part, None if place is None else dumped(dict(place))) for part, place in pairs]
            output.add((offsets.topic, None, offsets.key(name, part), value, now, ()) for part, value in values)
            write_whole(writer, output, f"Connector {name}")
            offsets.refresh(Isolation.READ_UNCOMMITTED)  # whoever asks now is told of them

    # Sinks

    def _ask(self, connector: SinkConnector, config: Config, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Has a sink that keeps offsets with its data alter them there."""
        own = type(connector).alter_offsets is not SinkConnector.alter_offsets
        if not own and connector.guarantee(config) is Guarantee.EXACTLY_ONCE:
            raise ConnectException(
                f"{type(connector).__qualname__} keeps offsets with what it writes, and does not know how to alter "
                "them. Nothing is altered; give the connector another name, or put away what it has written."
            )
        return connector.alter_offsets(config, offsets)

    def _committed(self, group: str) -> dict[TopicPartition, Position]:
        with closing(self._herder.door.admin()) as admin:
            try:
                return dict(admin.describe_group(group).offsets)
            except GroupIdNotFoundException:
                return {}

    def _commit(self, group: str, name: str, offsets: Mapping[TopicPartition, int | None]) -> None:
        found = {where: position for where, position in self._committed(group).items() if where not in offsets}
        forgotten = None in offsets.values()
        news = {where: Position(offset) for where, offset in offsets.items() if offset is not None}
        with closing(self._herder.door.admin()) as admin:
            try:
                if forgotten:
                    with suppress(GroupIdNotFoundException):
                        admin.delete_group(group)
                if (forgotten and found) or news:
                    admin.alter_group_offsets(group, {**found, **news})
            except GroupNotEmptyException:
                raise ConnectException(
                    f"Failed to alter consumer group offsets for connector {name} either because its tasks haven't "
                    "stopped completely yet or the connector was resumed before the request to alter its offsets could "
                    "be successfully completed. If the connector is in a stopped state, this operation can be safely "
                    "retried."
                ) from None


def group_of(herder: Herder, name: str, looked: Looked) -> str:
    """The group of a sink's tasks."""
    given = looked.given.get("consumer.override.group.id") or herder.config.client("consumer.").get("group.id")
    return str(given or f"connect-{name}")


def pairs_of(body: Json) -> list[Pair]:
    """The positions of a request.

    Raises:
        BadRequestException: it has another form.
    """
    offsets = body.get("offsets") if isinstance(body, Mapping) else None
    if not isinstance(offsets, list) or not offsets:
        raise BadRequestException("Partitions / offsets need to be provided for an alter offsets request")
    found: list[Pair] = []
    for each in offsets:
        entry: Mapping[str, Json] = each if isinstance(each, Mapping) else {}
        part, place = entry.get("partition"), entry.get("offset")
        if not isinstance(part, Mapping | None) or not isinstance(place, Mapping | None):
            raise BadRequestException("A partition and an offset are JSON objects, or null.")
        found.append((part or {}, place))
    return found


def partitions_of(pairs: Sequence[Pair]) -> dict[TopicPartition, int | None]:
    """Positions in topics.

    Raises:
        BadRequestException: a partition or an offset is none.
    """
    found: dict[TopicPartition, int | None] = {}
    for part, place in pairs:
        if not part:
            raise BadRequestException("The partition for a sink connector offset cannot be null or missing")
        if TOPIC not in part or PARTITION not in part:
            raise BadRequestException(
                f"The partition for a sink connector offset must contain the keys '{TOPIC}' and '{PARTITION}'"
            )
        topic, number = part[TOPIC], part[PARTITION]
        if topic is None:
            raise BadRequestException("Kafka topic names must be valid strings and may not be null")
        if number is None:
            raise BadRequestException("Kafka partitions must be valid numbers and may not be null")
        if place is not None and OFFSET not in place:
            raise BadRequestException(
                f"The offset for a sink connector should either be null or contain the key '{OFFSET}'"
            )
        offset = None if place is None else _whole(place[OFFSET], "Offset values")
        found[TopicPartition(str(topic), _whole(number, "Partition values"))] = offset
    return found


def _whole(value: object, what: str) -> int:
    kind = "offset" if what == "Offset values" else "partition"
    text = str(value)
    if isinstance(value, bool) or not text.removeprefix("-").isdigit():
        raise BadRequestException(
            f"Failed to parse the following Kafka {kind} value in the provided offsets: '{text}'. {what} for sink "
            "connectors need to be integers."
        )
    return int(text)
