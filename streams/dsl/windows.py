"""Windows of time, with Java's factories and checks. Durations are timedelta or ms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from streams import arguments
from streams.durations import Duration, instant_ms, to_ms
from streams.errors import IllegalArgumentException, IllegalStateException, NullPointerException
from streams.operators.windows import LONG_MAX, Aligned, Custom, Shape, Unlimited

_DAY_MS = 24 * 60 * 60 * 1000


def _not_negative(ms: int, message: str) -> int:
    if ms < 0:
        raise IllegalArgumentException(message)
    return ms


def idle_ms(after: Duration) -> int:
    """How long a task has had no input when its windows close.

    Raises:
        IllegalArgumentException: it is not positive.
    """
    ms = to_ms(after, "after")
    if ms <= 0:
        raise IllegalArgumentException("The time without input must be larger than zero.")
    return ms


def check_windows(method: str, windows: object) -> None:
    """Refuses what are no windows of a grouped stream.

    Raises:
        NullPointerException: None.
        IllegalArgumentException: something else than windows.
        TopologyException: windows of the user's own whose `windows_for` is no plain function.
    """
    if windows is None:
        raise NullPointerException("windows can't be null")
    if isinstance(windows, TimeWindows | UnlimitedWindows | SlidingWindows | SessionWindows):
        return
    if not isinstance(windows, Windows):
        kinds = "TimeWindows, SlidingWindows, SessionWindows or UnlimitedWindows"
        raise IllegalArgumentException(
            f"{method}() takes {kinds}, got {windows!r}. Write e.g. "
            "TimeWindows.of_size_with_no_grace(timedelta(minutes=5))."
        )
    name = type(windows).__name__
    arguments.function(windows.windows_for, "timestamp", f"{name}.windows_for()", may_yield=True)
    if to_ms(windows.size(), f"{name}.size()") <= 0:
        raise IllegalArgumentException(f"{name}.size() must be larger than zero.")
    _not_negative(to_ms(windows.grace_period_ms(), f"{name}.grace_period_ms()"), "Grace period must not be negative.")


class TimeShape(Protocol):
    """Windows whose bounds follow from a record's timestamp alone."""

    @property
    def size_ms(self) -> int:
        """Length of a window."""
        ...

    @property
    def grace_ms(self) -> int:
        """How long after its end a window still takes records."""
        ...

    def shape(self) -> Shape:
        """The windows as data."""
        ...


@dataclass(frozen=True, slots=True)
class TimeWindows:
    """Tumbling windows, or hopping ones after `advance_by`; [start, end), aligned to the epoch."""

    size_ms: int
    advance_ms: int
    grace_ms: int
    idle_ms: int | None = None

    @classmethod
    def of_size_with_no_grace(cls, size: Duration) -> TimeWindows:
        """Windows that close when time reaches their end.

        Raises:
            IllegalArgumentException: the size is not positive.
        """
        return cls.of_size_and_grace(size, 0)

    @classmethod
    def of_size_and_grace(cls, size: Duration, after_window_end: Duration) -> TimeWindows:
        """Windows that take records until `after_window_end` after their end.

        Raises:
            IllegalArgumentException: the size is not positive, or the grace period negative.
        """
        size_ms = to_ms(size, "size")
        grace_ms = to_ms(after_window_end, "afterWindowEnd")
        if size_ms <= 0:
            raise IllegalArgumentException("Window size (sizeMs) must be larger than zero.")
        return cls(size_ms, size_ms, _not_negative(grace_ms, "Grace period must not be negative."))

    def advance_by(self, advance: Duration) -> TimeWindows:
        """Windows that start every `advance`, so that they overlap.

        Raises:
            IllegalArgumentException: the advance is not positive, or larger than the size.
        """
        ms = to_ms(advance, "advance")
        if not 0 < ms <= self.size_ms:
            raise IllegalArgumentException(
                "Window advancement interval should be more than zero and less than window duration which is "
                f"{self.size_ms} ms, but given advancement interval is: {ms} ms"
            )
        return replace(self, advance_ms=ms)

    def close_when_idle(self, after: Duration) -> TimeWindows:
        """Windows that also close when their task has had no input for so long, by the wall clock. Not in Java.

        With emission on close they are emitted then; without, they only take no more records.

        Raises:
            IllegalArgumentException: the time is not positive.
        """
        return replace(self, idle_ms=idle_ms(after))

    def shape(self) -> Shape:
        return Aligned(self.size_ms, self.advance_ms, self.grace_ms)


@dataclass(frozen=True, slots=True)
class UnlimitedWindows:
    """One window that starts at a time and never ends."""

    start_ms: int = 0

    @classmethod
    def of(cls) -> UnlimitedWindows:
        """The window that starts at the epoch."""
        return cls()

    def start_on(self, start: datetime | int) -> UnlimitedWindows:
        """The window that starts at `start` (aware datetime, or ms since the epoch).

        Raises:
            IllegalArgumentException: it lies before the epoch.
        """
        ms = instant_ms(start, "start")
        return replace(self, start_ms=_not_negative(ms, "Window start time (startMs) cannot be negative."))

    @property
    def size_ms(self) -> int:
        return LONG_MAX

    @property
    def grace_ms(self) -> int:
        return 0

    def shape(self) -> Shape:
        return Unlimited(self.start_ms)


class Windows(ABC):
    """Windows of the user's making: a subclass says which windows a timestamp belongs to."""

    @abstractmethod
    def windows_for(self, timestamp: int) -> Mapping[int, Any] | Iterable[tuple[int, int]]:
        """The windows of a record at `timestamp`: start to window, or pairs (start, end)."""

    @abstractmethod
    def size(self) -> int:
        """Length of a window in ms."""

    @abstractmethod
    def grace_period_ms(self) -> int:
        """How long after its end a window still takes records, in ms."""

    @property
    def size_ms(self) -> int:
        return self.size()

    @property
    def grace_ms(self) -> int:
        return self.grace_period_ms()

    def shape(self) -> Shape:
        return Custom(self._pairs, self.size(), self.grace_period_ms())

    def _pairs(self, timestamp: int) -> Iterable[tuple[int, int]]:
        found = self.windows_for(timestamp)
        if isinstance(found, Mapping):
            return [(window.start, window.end) for window in found.values()]
        return found


@dataclass(frozen=True, slots=True)
class SlidingWindows:
    """Windows around records: each holds the records within `difference_ms` of each other, both ends included."""

    difference_ms: int
    grace_ms: int
    idle_ms: int | None = None

    @classmethod
    def of_time_difference_with_no_grace(cls, time_difference: Duration) -> SlidingWindows:
        """Windows that close when time reaches their end.

        Raises:
            IllegalArgumentException: the difference is negative.
        """
        return cls.of_time_difference_and_grace(time_difference, 0)

    @classmethod
    def of_time_difference_and_grace(cls, time_difference: Duration, grace: Duration) -> SlidingWindows:
        """Windows that take records until `grace` after their end.

        Raises:
            IllegalArgumentException: the difference or the grace period is negative.
        """
        difference_ms = to_ms(time_difference, "timeDifference")
        grace_ms = to_ms(grace, "grace")
        return cls(
            _not_negative(difference_ms, "Window time difference must not be negative."),
            _not_negative(grace_ms, "Window grace period must not be negative."),
        )

    def close_when_idle(self, after: Duration) -> SlidingWindows:
        """Windows that also close when their task has had no input for so long, by the wall clock. Not in Java.

        With emission on close they are emitted then; without, they only take no more records.

        Raises:
            IllegalArgumentException: the time is not positive.
        """
        return replace(self, idle_ms=idle_ms(after))


@dataclass(frozen=True, slots=True)
class SessionWindows:
    """Windows of activity: records of a key with less than a gap between them are one session."""

    gap_ms: int
    grace_ms: int
    idle_ms: int | None = None

    @classmethod
    def of_inactivity_gap_with_no_grace(cls, inactivity_gap: Duration) -> SessionWindows:
        """Sessions that close a gap after their last record.

        Raises:
            IllegalArgumentException: the gap is negative.
        """
        return cls.of_inactivity_gap_and_grace(inactivity_gap, 0)

    @classmethod
    def of_inactivity_gap_and_grace(cls, inactivity_gap: Duration, after_window_end: Duration) -> SessionWindows:
        """Sessions that take late records until `after_window_end` after they ended.

        Raises:
            IllegalArgumentException: the gap or the grace period is negative.
        """
        gap_ms = to_ms(inactivity_gap, "inactivityGap")
        grace_ms = to_ms(after_window_end, "afterWindowEnd")
        return cls(
            _not_negative(gap_ms, "Gap time cannot be negative."),
            _not_negative(grace_ms, "Grace period cannot be negative."),
        )

    def close_when_idle(self, after: Duration) -> SessionWindows:
        """Sessions that also close when their task has had no input for so long, by the wall clock. Not in Java.

        With emission on close they are emitted then; without, they only take no more records.

        Raises:
            IllegalArgumentException: the time is not positive.
        """
        return replace(self, idle_ms=idle_ms(after))


@dataclass(frozen=True, slots=True)
class JoinWindows:
    """How far apart the records of two streams may be to be joined."""

    before_ms: int
    after_ms: int
    grace_ms: int
    eager: bool = False
    """Left and outer joins give a record without a partner at once, and again when a partner comes."""

    @classmethod
    def of(cls, time_difference: Duration) -> JoinWindows:
        """The deprecated way: partners at most `time_difference` apart, 24 hours of grace unless `grace` says
        otherwise, and eager results of left and outer joins.

        Raises:
            IllegalArgumentException: the difference is negative.
        """
        difference_ms = to_ms(time_difference, "timeDifference")
        grace_ms = max(_DAY_MS - 2 * difference_ms, 0)
        return cls(difference_ms, difference_ms, 0, eager=True)._checked(grace_ms)

    def grace(self, after_window_end: Duration) -> JoinWindows:
        """Sets the grace period of windows that were made by `of`.

        Raises:
            IllegalStateException: the grace period was given before.
            IllegalArgumentException: it is negative.
        """
        if not self.eager:
            raise IllegalStateException(
                "Cannot call grace() after setting grace value via of_time_difference_and_grace or "
                "of_time_difference_with_no_grace."
            )
        return self._checked(to_ms(after_window_end, "afterWindowEnd"))

    @classmethod
    def of_time_difference_with_no_grace(cls, time_difference: Duration) -> JoinWindows:
        """Partners at most `time_difference` before or after; late records are not waited for.

        Raises:
            IllegalArgumentException: the difference is negative.
        """
        return cls.of_time_difference_and_grace(time_difference, 0)

    @classmethod
    def of_time_difference_and_grace(cls, time_difference: Duration, after_window_end: Duration) -> JoinWindows:
        """The same, and late records are waited for until `after_window_end`.

        Raises:
            IllegalArgumentException: the difference or the grace period is negative.
        """
        difference_ms = to_ms(time_difference, "timeDifference")
        return cls(difference_ms, difference_ms, 0)._checked(to_ms(after_window_end, "afterWindowEnd"))

    def before(self, time_difference: Duration) -> JoinWindows:
        """Partners of the other stream at most so much earlier (negative: at least so much later).

        Raises:
            IllegalArgumentException: before and after together are negative.
        """
        return replace(self, before_ms=to_ms(time_difference, "timeDifference"))._checked(self.grace_ms)

    def after(self, time_difference: Duration) -> JoinWindows:
        """Partners of the other stream at most so much later (negative: at least so much earlier).

        Raises:
            IllegalArgumentException: before and after together are negative.
        """
        return replace(self, after_ms=to_ms(time_difference, "timeDifference"))._checked(self.grace_ms)

    @property
    def size_ms(self) -> int:
        """Length of the window around a record."""
        return self.before_ms + self.after_ms

    def __str__(self) -> str:
        return f"JoinWindows{{beforeMs={self.before_ms}, afterMs={self.after_ms}, graceMs={self.grace_ms}}}"

    def _checked(self, grace_ms: int) -> JoinWindows:
        _not_negative(self.size_ms, "Window interval (ie, beforeMs+afterMs) must not be negative.")
        return replace(self, grace_ms=_not_negative(grace_ms, "Grace period must not be negative."))
