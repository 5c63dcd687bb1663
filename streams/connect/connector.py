"""What a connector is made of: the connector checks its settings and divides the work, its tasks do it.

A source's tasks return records (`poll`); the worker stores them together with the position behind them, in one
transaction. A sink's tasks take records (`put`) and say up to where they are safe (`pre_commit`); one that keeps
offsets with its data says at `open` where reading begins, and is exactly once by that.

A class derives from `SourceConnector` and `SourceTask`, or `SinkConnector` and `SinkTask`; what it does not say is said
here. As `org.apache.kafka.connect.source` and `.sink`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import ClassVar, Protocol

from streams.connect.config_def import Config, ConfigDef, ConfigValue
from streams.connect.records import Parts, SinkRecord, SourceRecord
from streams.record import TopicPartition
from streams.world import World

Settings = Mapping[str, str]
"""Settings as they are written, by their dotted names."""


class Guarantee(Enum):
    """How often a record has an effect, whatever fails. It is derived for each connector, and printed."""

    EXACTLY_ONCE = "exactly once"
    AT_LEAST_ONCE = "at least once"


class SourceTaskContext(Protocol):
    """What a source's task may ask the worker for."""

    @property
    def world(self) -> World:
        """Time, waiting and files."""
        ...

    @property
    def connector(self) -> str:
        """The name of its connector."""
        ...

    @property
    def task(self) -> int:
        """Its number among the tasks of its connector."""
        ...

    @property
    def is_dry_run(self) -> bool:
        """Is it only shown what it would read? Then it changes nothing at the source."""
        ...

    def offset(self, partition: Parts) -> Parts | None:
        """The position that was stored last for a part of the source; None: none was."""
        ...


class SinkTaskContext(Protocol):
    """What a sink's task may ask the worker for."""

    @property
    def world(self) -> World:
        """Time, waiting and files."""
        ...

    @property
    def connector(self) -> str:
        """The name of its connector."""
        ...

    @property
    def task(self) -> int:
        """Its number among the tasks of its connector."""
        ...

    def topic_id(self, topic: str) -> str:
        """The id of a topic: another one, where it was deleted and made again."""
        ...

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Reading goes on at these offsets."""
        ...

    def pause(self, partitions: Collection[TopicPartition]) -> None:
        """Nothing more comes of these partitions until `resume`."""
        ...

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Takes back `pause`."""
        ...

    def request_commit(self) -> None:
        """Asks for `pre_commit` after this call, before its time."""
        ...

    def report(self, record: SinkRecord, error: Exception) -> None:
        """A record that cannot be stored: with `errors.tolerance=all` it goes to the dead letter topic, and the task
        passes over it; else this raises, and the task fails."""
        ...


class SourceTask:
    """Reads a part of a source. One thread calls it."""

    def start(self, config: Config, context: SourceTaskContext) -> None:
        """Opens what is read, at the positions that were stored.

        Args:
            config: the checked settings of the task, by the connector's `config_def`.
            context: the worker.
        Raises:
            RetriableException: the other side is away; the worker calls again, later.
        """

    def poll(self) -> Sequence[SourceRecord]:
        """The next records; none where there are none now: the worker asks again a little later.

        They are stored whole, with the positions in them, in one transaction.

        Raises:
            RetriableException: the other side is away; the worker calls again, later.
        """
        raise NotImplementedError

    def commit(self) -> None:
        """What was returned so far is stored."""

    def stop(self) -> None:
        """Closes what was opened; also after a `start` that failed."""


class SinkTask:
    """Writes the records of some partitions. One thread calls it."""

    def start(self, config: Config, context: SinkTaskContext) -> None:
        """Opens what is written to.

        Args:
            config: the checked settings of the task, by the connector's `config_def`.
            context: the worker.
        Raises:
            RetriableException: the other side is away; the worker calls again, later.
        """

    def open(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Takes partitions over, and returns where reading begins: the offset behind the last record that is safe.

        Partitions that are not returned begin where the group has committed. A sink that keeps offsets with its data
        fences its predecessor here.

        Raises:
            RetriableException: the other side is away; the worker calls again, later.
        """
        return {}

    def put(self, records: Sequence[SinkRecord]) -> None:
        """Takes the next records, those of a partition in their order.

        Raises:
            RetriableException: nothing of them was taken; the worker hands over the same records again, later.
        """
        raise NotImplementedError

    def pre_commit(self, offsets: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, int]:
        """Makes safe what was taken, and returns up to where that is so: this is what the group commits.

        Args:
            offsets: for each partition the offset behind the last record that was handed over, or passed over by a
                transform or as an error.
        Returns:
            Partitions with the offsets that may be committed; what is missing is not committed now.
        Raises:
            RetriableException: the other side is away; the worker calls again, later.
        """
        return offsets

    def close(self, partitions: Collection[TopicPartition]) -> None:
        """Gives partitions up: after a last `pre_commit`, or, where the group has put the task out, without one."""

    def stop(self) -> None:
        """Closes what was opened; also after a `start` that failed."""


class SourceConnector:
    """Reads from elsewhere into topics."""

    config_def: ClassVar[ConfigDef] = ConfigDef()
    """Its settings; those of every connector (`name`, `tasks.max`, converters, …) are not among them."""
    task_class: ClassVar[type[SourceTask]]
    """What does the work; made without arguments."""
    version: ClassVar[str] = ""
    """What `plugins` shows."""

    @classmethod
    def validate(cls, values: Mapping[str, ConfigValue]) -> None:
        """Adds to `errors` what single settings do not tell, such as two of them that contradict each other.

        Args:
            values: every setting of `config_def`, parsed, with what is wrong with it so far.
        """

    @classmethod
    def guarantee(cls, config: Config) -> Guarantee:
        """What holds where the engine has transactions. A source whose positions tell exactly where it stands is
        exactly once."""
        return Guarantee.EXACTLY_ONCE

    @classmethod
    def remarks(cls, config: Config) -> Iterable[str]:
        """What `validate` says beside errors: what a user should know, or has to do before.

        Args:
            config: the settings, without errors. The other side may be looked at; it may also be away.
        """
        return ()

    def start(self, config: Config) -> None:
        """Looks at the source where that is needed to divide the work."""

    def task_configs(self, settings: Settings, max_tasks: int) -> Sequence[Settings]:
        """Divides the work: the settings of each task, at most `max_tasks` of them. By default one task does it all.

        Args:
            settings: those of the connector.
            max_tasks: `tasks.max`.
        """
        return [settings]

    def alter_offsets(self, config: Config, offsets: Sequence[tuple[Parts, Parts | None]]) -> bool:
        """The user sets positions while the connector is stopped.

        Args:
            config: the settings.
            offsets: parts of the source, each with its position; None: it is to have none.
        Returns:
            Whether the connector knows what they mean. By default it does not, and they are stored all the same.
        Raises:
            ConnectException: they cannot be; nothing is stored.
        """
        return False

    def stop(self) -> None:
        """Closes what `start` opened."""


class SinkConnector:
    """Reads topics and writes elsewhere. Its tasks share the partitions as the members of a group do."""

    config_def: ClassVar[ConfigDef] = ConfigDef()
    """Its settings; those of every connector (`name`, `topics`, converters, …) are not among them."""
    task_class: ClassVar[type[SinkTask]]
    """What does the work; made without arguments."""
    version: ClassVar[str] = ""
    """What `plugins` shows."""

    @classmethod
    def validate(cls, values: Mapping[str, ConfigValue]) -> None:
        """Adds to `errors` what single settings do not tell, such as two of them that contradict each other.

        Args:
            values: every setting of `config_def`, parsed, with what is wrong with it so far.
        """

    @classmethod
    def guarantee(cls, config: Config) -> Guarantee:
        """What holds. A sink is exactly once where it keeps offsets with its data, in one step, and fences."""
        return Guarantee.AT_LEAST_ONCE

    @classmethod
    def remarks(cls, config: Config) -> Iterable[str]:
        """What `validate` says beside errors: what a user should know, or has to do before.

        Args:
            config: the settings, without errors. The other side may be looked at; it may also be away.
        """
        return ()

    def start(self, config: Config) -> None:
        """Looks at the other side where that is needed."""

    def task_configs(self, settings: Settings, max_tasks: int) -> Sequence[Settings]:
        """The settings of each task: by default the connector's, `max_tasks` times."""
        return [settings] * max_tasks

    def alter_offsets(self, config: Config, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """The user sets positions while the connector is stopped: one that keeps offsets with its data alters them
        there, and without this method that is refused.

        Args:
            config: the settings.
            offsets: partitions of its topics, each with the offset at which reading goes on; None: where it begins.
        Returns:
            Whether all is altered; by default only what the group has committed is.
        Raises:
            ConnectException: they cannot be; nothing is altered.
        """
        return False

    def stop(self) -> None:
        """Closes what `start` opened."""


Connector = SourceConnector | SinkConnector
