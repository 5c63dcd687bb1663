"""The signals that end a command cleanly."""

from __future__ import annotations

import os
import signal
from types import FrameType


class Stop:
    """Remembers the signal that asks for a clean stop: commit, flush, leave the group."""

    def __init__(self) -> None:
        self.signal: int | None = None
        signal.signal(signal.SIGTERM, self.take)
        signal.signal(signal.SIGINT, self.take)

    def take(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            signal.signal(number, signal.SIG_DFL)  # the second one is meant
            os.kill(os.getpid(), number)
        self.signal = number
