"""`Suppressed`, `BufferConfig` and `EmitStrategy`: when results of a table are passed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from streams.dsl.checks import check_fields, topic_settings
from streams.dsl.windows import idle_ms
from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException, NullPointerException
from streams.record import Windowed
from streams.signatures import written
from streams.type_variables import KAny, KAnyGiven


@dataclass(frozen=True, slots=True)
class BufferConfig:
    """How much `suppress` may hold back, and what happens when that is full. Made by its factories.

    Args:
        record_limit, byte_limit: None: no limit.
        emit_early: when full the oldest is passed on early; else the application stops.
        logging: settings of the changelog; None: no changelog.
    """

    record_limit: int | None = None
    byte_limit: int | None = None
    emit_early: bool = False
    logging: Mapping[str, object] | None = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def max_records(cls, limit: int) -> BufferConfig:
        """At most so many rows; then the oldest is passed on early."""
        return cls(limit, None, True)

    @classmethod
    def max_bytes(cls, limit: int) -> BufferConfig:
        """At most so many bytes; then the oldest is passed on early."""
        return cls(None, limit, True)

    @classmethod
    def unbounded(cls) -> BufferConfig:
        """As much as memory holds."""
        return cls()

    def with_max_records(self, limit: int) -> BufferConfig:
        """At most so many rows; what happens then stays as it was."""
        return replace(self, record_limit=limit)

    def with_max_bytes(self, limit: int) -> BufferConfig:
        """At most so many bytes, serialised; what happens then stays as it was."""
        return replace(self, byte_limit=limit)

    def with_no_bound(self) -> BufferConfig:
        """As much as memory holds."""
        return replace(self, record_limit=None, byte_limit=None, emit_early=False)

    def emit_early_when_full(self) -> BufferConfig:
        """When it is full the oldest row is passed on before its time; not with results that must be final."""
        return replace(self, emit_early=True)

    def shut_down_when_full(self) -> BufferConfig:
        """When it is full the application stops, so that no result leaves before its time."""
        return replace(self, emit_early=False)

    def with_logging_disabled(self) -> BufferConfig:
        """Without a changelog: what is held back is lost when the task moves or restarts."""
        return replace(self, logging=None)

    def with_logging_enabled(self, config: Mapping[str, object]) -> BufferConfig:
        """With a changelog, whose topic has these settings."""
        return replace(self, logging=topic_settings(config, "with_logging_enabled()"))


_Buffer = BufferConfig


@written
@dataclass(frozen=True)
class Suppressed(Generic[KAny]):
    """When a table's updates are passed on. Made by its factories.

    Args:
        wait_ms: None: until the window of the key is closed.
        buffer: how much may be held back.
        name: of the operator.
        idle_ms: windows also close after so long without input; None: only by the time of records.
    """

    BufferConfig = _Buffer

    wait_ms: int | None
    buffer: _Buffer
    name: str | None = None
    idle_ms: int | None = None

    def __post_init__(self) -> None:
        check_fields(self)

    @classmethod
    def until_time_limit(cls, time_to_wait: Duration, buffer: _Buffer) -> Suppressed[KAnyGiven]:
        """Waits so long after the first update of a row; only the last of the updates is passed on."""
        return Suppressed(to_ms(time_to_wait, "timeToWaitForMoreEvents"), _given(buffer))

    @classmethod
    def until_window_closes(cls, buffer: _Buffer) -> Suppressed[Windowed[Any]]:
        """Passes on one result for each window, when it is closed.

        Raises:
            IllegalArgumentException: the buffer would pass on results early.
        """
        if _given(buffer).emit_early:
            raise IllegalArgumentException(
                "until_window_closes() passes on final results only, so its buffer cannot emit early; add "
                ".shut_down_when_full() or .with_no_bound()."
            )
        return Suppressed(None, buffer)

    def with_name(self, name: str | None) -> Suppressed[KAny]:
        return replace(self, name=name)

    def close_when_idle(self, after: Duration) -> Suppressed[KAny]:
        """Windows also close when their task has had no input for so long, by the wall clock. Not in Java.

        Raises:
            IllegalArgumentException: the time is not positive, or it is not windows that are waited for.
        """
        if self.wait_ms is not None:
            raise IllegalArgumentException("close_when_idle() is for until_window_closes(); there are no windows here.")
        return replace(self, idle_ms=idle_ms(after))


def _given(buffer: BufferConfig) -> BufferConfig:
    if buffer is None:
        raise NullPointerException("bufferConfig can't be null")
    if not isinstance(buffer, BufferConfig):
        raise IllegalArgumentException(f"Suppressed takes a BufferConfig, such as .unbounded(), got {buffer!r}.")
    return buffer


@dataclass(frozen=True, slots=True)
class EmitStrategy:
    """When a windowed aggregation passes results on. Made by its factories."""

    on_close: bool

    @classmethod
    def on_window_update(cls) -> EmitStrategy:
        """With each record."""
        return cls(False)

    @classmethod
    def on_window_close(cls) -> EmitStrategy:
        """Once, when the window is closed: when stream time has passed its end and the grace period.

        Closed windows are looked for when a record comes, at most once in 1,000 ms of wall-clock time (the setting
        `__emit.interval.ms.kstreams.windowed.aggregation__`; the test driver sets 0), as in Kafka Streams. What its
        store does not show any more by then is not emitted, see `streams.fixes`. Source: KIP-825.
        """
        return cls(True)
