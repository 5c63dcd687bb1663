"""A worker that shares its work with nobody."""

from __future__ import annotations

from streams.connect.worker.config_state import ConfigState, TaskId
from streams.connect.worker.herder import Work
from streams.connect.worker.running import About
from streams.connect.worker.waker import Waker
from streams.world import World

LOOK_S = 1.0


class Alone:
    """See `Group`.

    Args:
        world: for waiting.
        worker_id: HOST:PORT, or a name.
    """

    alone = True
    generation = 0

    def __init__(self, world: World, worker_id: str) -> None:
        self.worker_id = worker_id
        self._waker = Waker(world)

    def turn(self) -> None:
        """Nothing happens in a group of one."""

    def work(self, state: ConfigState) -> Work:
        """All there is."""
        return Work(set(state.connectors), set(state.all_tasks()))

    def confirm(self, task: TaskId) -> None:
        """Everything is its own."""

    def owner(self, about: About) -> str:
        """This worker."""
        return ""

    def is_there(self, worker_id: str) -> bool:
        """There is no other one."""
        return True

    def wait(self) -> None:
        """See `Group.wait`."""
        self._waker.wait(LOOK_S)

    def wake(self) -> None:
        """See `Group.wake`."""
        self._waker.wake()

    def close(self) -> None:
        """Nobody has to know."""
