"""A wait that any thread can end."""

from __future__ import annotations

from streams.world import World


class Waker:
    """Remembers one call of `wake`, so that none is missed between two waits.

    Args:
        world: for waiting.
    """

    def __init__(self, world: World) -> None:
        self._condition = world.condition()
        self._woken = False

    def wait(self, most_s: float) -> None:
        """Waits until `wake` is called, or was since the last wait, at most so long."""
        with self._condition:
            self._condition.wait_for(lambda: self._woken, most_s)
            self._woken = False

    def wake(self) -> None:
        """Ends the wait. From any thread."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()
