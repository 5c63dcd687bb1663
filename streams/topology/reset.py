"""Where a source begins when nothing is committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streams.errors import IllegalArgumentException


class HasSeconds(Protocol):
    """A `datetime.timedelta`."""

    def total_seconds(self) -> float: ...


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
    def by_duration(cls, duration: HasSeconds | int) -> AutoOffsetReset:
        """From the first record that is at most `duration` (timedelta or ms) old.

        Raises:
            IllegalArgumentException: it is negative.
        """
        ms = duration if isinstance(duration, int) else round(duration.total_seconds() * 1000)
        if ms < 0:
            raise IllegalArgumentException(f"Duration cannot be negative, got {ms} ms")
        return cls(f"by_duration:{ms}")

    def __str__(self) -> str:
        return self.text
