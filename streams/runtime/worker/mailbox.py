"""Messages from other threads to a worker, served between batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

Message = Callable[[], None]


class Mailbox:
    """Any thread puts, the worker takes.

    Args:
        wake: called after each `put`, from the putting thread, so that a waiting worker looks.
    """

    __slots__ = ("_messages", "_wake")

    def __init__(self, wake: Callable[[], None]) -> None:
        self._messages: deque[Message] = deque()
        self._wake = wake

    def put(self, message: Message) -> None:
        """`message` is called by the worker's thread."""
        self._messages.append(message)
        self._wake()

    def serve(self) -> None:
        """Calls what has been put, oldest first."""
        while self._messages:
            self._messages.popleft()()
