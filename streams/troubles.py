"""What keeps an application from its work for the moment: a full disk, a broker that does not answer. Each cause is
said once an interval, and is known to whoever looks.

Who meets a trouble tells it again and again, as long as it lasts; it is over when it has not been told for a while.
"""

from __future__ import annotations

import logging

from streams.clock import Clock
from streams.world import SYSTEM, lock

log = logging.getLogger("streams.troubles")

FADES_MS = 10_000
"""A trouble that has not been told of for so long is over."""


class Troubles:
    """The troubles of one application. Any thread may tell and look.

    Args:
        owner: begins the lines: the application.
        interval_ms: between two lines about one cause.
        clock: its monotonic time.
    """

    def __init__(self, owner: str = "", interval_ms: int = 10_000, clock: Clock = SYSTEM) -> None:
        self._owner = owner
        self._interval_ms = interval_ms
        self._clock = clock
        self._lock = lock()
        self._told: dict[str, tuple[float, str]] = {}
        self._line_due: dict[str, float] = {}

    def tell(self, cause: str, text: str) -> None:
        """There is a trouble.

        Args:
            cause: what kind it is; one line an interval for each.
            text: what is wrong, and what to do.
        """
        now = self._clock.monotonic_ms()
        with self._lock:
            self._told[cause] = (now, text)
            if now < self._line_due.get(cause, now):
                return
            self._line_due[cause] = now + self._interval_ms
        log.warning("%s%s", f"{self._owner}: " if self._owner else "", text)

    def over(self, cause: str) -> None:
        """It is known to be over."""
        with self._lock:
            self._told.pop(cause, None)

    @property
    def text(self) -> str:
        """What is wrong now, "" where nothing is."""
        since = self._clock.monotonic_ms() - FADES_MS
        with self._lock:
            return " ".join(text for at, text in self._told.values() if at > since)
