"""Where it is kept what workers are to run: changed in steps that nobody comes between."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from streams.connect.worker.config_state import ConfigState, Entry, Restart
from streams.world import lock

Decide = Callable[[ConfigState], Iterable[Entry]]
"""From the state as it is to what is written; it raises what it refuses."""


class Configs(Protocol):
    """The configurations of all connectors."""

    @property
    def state(self) -> ConfigState:
        """What is known of them here."""
        ...

    def change(self, decide: Decide) -> None:
        """Writes what `decide` says of the state as it is at that moment, all of it or nothing.

        Raises:
            ConflictException: others change it again and again.
            ConnectException: what `decide` raises.
        """
        ...

    def refresh(self) -> None:
        """Reads what was written before this call."""
        ...

    def commands(self) -> list[Restart | tuple[str, str]]:
        """What was asked for once since the last call: restarts, levels of loggers."""
        ...


class MemoryConfigs:
    """Those of a worker alone: they end with it."""

    def __init__(self) -> None:
        self.state = ConfigState()
        self._lock = lock()
        self._commands: list[Restart | tuple[str, str]] = []

    def change(self, decide: Decide) -> None:
        """See `Configs.change`."""
        with self._lock:
            for key, value in list(decide(self.state)):
                said = self.state.take(key, value)
                if said is not None:
                    self._commands.append(said)

    def refresh(self) -> None:
        """All is known."""

    def commands(self) -> list[Restart | tuple[str, str]]:
        """See `Configs.commands`."""
        with self._lock:
            found, self._commands = self._commands, []
        return found
