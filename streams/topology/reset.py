"""Where a source begins when nothing is committed."""

from __future__ import annotations

from dataclasses import dataclass

from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException


@dataclass(frozen=True, slots=True)
class AutoOffsetReset:
    """Where a source begins when there is no committed offset, or it is out of range.

    Args:
        text: `earliest`, `latest`, `none`, or `by_duration:<ms>`.
    """

    text: str

    @classmethod
    def earliest(cls) -> AutoOffsetReset:
        """From the oldest record on."""
        return cls("earliest")

    @classmethod
    def latest(cls) -> AutoOffsetReset:
        """Only records that come later."""
        return cls("latest")

    @classmethod
    def none(cls) -> AutoOffsetReset:
        """Fail."""
        return cls("none")

    @classmethod
    def by_duration(cls, duration: Duration) -> AutoOffsetReset:
        """From the first record that is at most `duration` (timedelta or ms) old.

        Raises:
            IllegalArgumentException: it is negative.
        """
        ms = to_ms(duration, "duration")
        if ms < 0:
            raise IllegalArgumentException(f"Duration cannot be negative, got {ms} ms")
        return cls(f"by_duration:{ms}")

    def __str__(self) -> str:
        return self.text
