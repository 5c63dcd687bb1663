"""Under which producer id and epoch the batches of a queue leave, and how they are numbered when one is never stored.

Pure: whoever can ask the broker is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from broker_local.log.format import NO_PRODUCER

Producer = tuple[int, int]
"""Producer id and epoch."""
AskProducer = Callable[[int], Producer]
"""Asks the broker for a producer id that nobody has, so many ms long."""


class Identity(Protocol):
    """Who writes, as one queue has it.

    `producer` is None where it has to be asked for first. `numbered`: batches bear sequences. `renews`: where the
    broker has lost what was before, what waits goes on as another producer. A broker that knows nothing of a producer
    takes any sequence of one that renews, and of a transaction only 0.
    """

    producer: Producer | None
    numbered: bool
    renews: bool
    transactional_id: str | None

    def ask(self, timeout_ms: int) -> None:
        """Asks for `producer`, where it is None."""
        ...

    def skip(self, at: int, sequence: int) -> tuple[int, int]:
        """The batch with this sequence is never stored, the one that is next stood at this place of the queue.

        Returns:
            From which place on batches are numbered anew, and the first one's sequence.
        """
        ...


class Identities(Protocol):
    """Who writes, as a writer has it."""

    def identity(self) -> Identity:
        """For one more queue."""
        ...

    def forget(self) -> None:
        """All queues were dropped: nobody knows which of their sequences were stored."""
        ...


class SharedIdentity:
    """The same for every queue of a writer. A gap is closed by the numbers of what comes behind it.

    Of nobody (no `transactional_id`): batches bear no sequences, and what is sent again may be stored again. Of one
    transaction after the other: none of what comes behind a gap was stored, since the broker takes a transaction's
    batches in their order from sequence 0 on; `producer` is set before anything is sent.
    """

    renews = False

    def __init__(self, transactional_id: str | None = None) -> None:
        self.transactional_id = transactional_id
        self.numbered = transactional_id is not None
        self.producer: Producer | None = None if self.numbered else (NO_PRODUCER, -1)

    def ask(self, timeout_ms: int) -> None:
        """See `Identity.ask`: there is nothing to ask for."""

    def skip(self, at: int, sequence: int) -> tuple[int, int]:
        """See `Identity.skip`."""
        return at, sequence

    def identity(self) -> Identity:
        """See `Identities.identity`."""
        return self

    def forget(self) -> None:
        """See `Identities.forget`: they had no sequences, or their transaction is aborted."""


class ProducerIds:
    """One producer for all queues of a writer; a queue whose sequences have a gap takes another.

    Args:
        ask: asks the broker for one.
    """

    def __init__(self, ask: AskProducer) -> None:
        self._ask = ask
        self._last: Producer | None = None

    def identity(self) -> Identity:
        """See `Identities.identity`."""
        return FreshIdentity(self.give)

    def forget(self) -> None:
        """See `Identities.forget`."""
        self._last = None

    def give(self, timeout_ms: int, fresh: bool) -> Producer:
        """The writer's producer, or another one."""
        if self._last is None or fresh:
            self._last = self._ask(timeout_ms)
        return self._last


class FreshIdentity:
    """Goes on as another producer after every gap.

    Args:
        give: gives a producer, in so many ms; a fresh one, or the writer's.
    """

    numbered = renews = True
    transactional_id: str | None = None

    def __init__(self, give: Callable[[int, bool], Producer]) -> None:
        self.producer: Producer | None = None
        self._give = give
        self._fresh = False

    def ask(self, timeout_ms: int) -> None:
        """See `Identity.ask`."""
        self.producer = self._give(timeout_ms, self._fresh)
        self._fresh = False

    def skip(self, at: int, sequence: int) -> tuple[int, int]:
        """See `Identity.skip`."""
        self.producer = None
        self._fresh = True
        return 0, 0
