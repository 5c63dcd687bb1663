"""Under which producer id and epoch the batches of a queue leave, and how they are numbered when one is never stored.

Pure: whoever can ask the broker is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

Producer = tuple[int, int]
"""Producer id and epoch."""
NOBODY: Producer = (-1, -1)
LAST_EPOCH = 0x7FFF
AskProducer = Callable[[int], Producer]
"""Asks the broker for a producer id that nobody has, so many ms long."""


class Identity(Protocol):
    """Who writes, as one queue has it.

    `producer` is None where it has to be asked for first. `numbered`: batches bear sequences. `renews`: where the
    broker has lost what was before, what waits goes on as another producer. `unchecked`: a broker that knows nothing of
    this producer takes whatever sequence comes first; else only 0. `alone`: a batch that may be stored is sent again
    alone: the broker may take in what comes behind it, and remembers only so many.
    """

    producer: Producer | None
    numbered: bool
    renews: bool
    unchecked: bool
    alone: bool
    transactional_id: str | None

    def ask(self, timeout_ms: int) -> None:
        """Asks for `producer`, where it is None."""
        ...

    def skip(self, at: int, sequence: int, certain: bool) -> tuple[int, int] | None:
        """The batch with this sequence is not sent again, the one that is next stood at this place of the queue.

        Args:
            at, sequence: of the batch.
            certain: it is not stored. Else it may be.
        Returns:
            From which place on batches are numbered anew, and the first one's sequence. None: they keep their numbers.
        """
        ...

    def renew(self) -> tuple[int, int]:
        """The broker knows nothing of what was stored before the first batch of the queue. Returns as `skip`."""
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

    Args:
        transactional_id: whose transactions; None: nobody's batches.
        unchecked: see `Identity`; and so `alone`.
    """

    renews = False

    def __init__(self, transactional_id: str | None = None, unchecked: bool = False) -> None:
        self.transactional_id = transactional_id
        self.unchecked = self.alone = unchecked
        self.numbered = transactional_id is not None
        self.producer: Producer | None = None if self.numbered else NOBODY

    def ask(self, timeout_ms: int) -> None:
        """See `Identity.ask`: there is nothing to ask for."""

    def skip(self, at: int, sequence: int, certain: bool) -> tuple[int, int]:
        """See `Identity.skip`."""
        return at, sequence

    def renew(self) -> tuple[int, int]:
        """See `Identity.renew`: it goes on as it was."""
        return 0, 0

    def identity(self) -> Identity:
        """See `Identities.identity`."""
        return self

    def forget(self) -> None:
        """See `Identities.forget`: they had no sequences, or their transaction is aborted."""


class ProducerIds:
    """One producer for all queues of a writer; a queue whose sequences have a gap takes another.

    Args:
        ask: asks the broker for one.
        bumps: the broker takes the next epoch of a producer from 0 on, and from then on nothing of the one before, so
            that none need be asked for: Kafka does (KIP-360).
    """

    def __init__(self, ask: AskProducer, bumps: bool = False) -> None:
        self._ask = ask
        self._bumps = bumps
        self._last: Producer | None = None

    def identity(self) -> Identity:
        """See `Identities.identity`."""
        return FreshIdentity(self.give, self._bumps)

    def forget(self) -> None:
        """See `Identities.forget`."""
        self._last = None

    def give(self, timeout_ms: int, fresh: bool) -> Producer:
        """The writer's producer, or another one."""
        if self._last is None or fresh:
            self._last = self._ask(timeout_ms)
        return self._last


class FreshIdentity:
    """Goes on as another producer after every gap; or, where epochs are enough, under its next one once the broker says
    that there is a gap: what was given up may be stored, and so may what comes behind it.

    Args:
        give: gives a producer, in so many ms; a fresh one, or the writer's.
        bumps: see `ProducerIds`.
    """

    numbered = renews = unchecked = True
    transactional_id: str | None = None

    def __init__(self, give: Callable[[int, bool], Producer], bumps: bool = False) -> None:
        self.producer: Producer | None = None
        self._give = give
        self._bumps = self.alone = bumps
        self._fresh = False

    def ask(self, timeout_ms: int) -> None:
        """See `Identity.ask`."""
        self.producer = self._give(timeout_ms, self._fresh)
        self._fresh = False

    def skip(self, at: int, sequence: int, certain: bool) -> tuple[int, int] | None:
        """See `Identity.skip`."""
        if not self._bumps:
            return self.renew()
        return (at, sequence) if certain else None

    def renew(self) -> tuple[int, int]:
        """See `Identity.renew`."""
        number, epoch = self.producer or (-1, LAST_EPOCH)
        if self._bumps and epoch < LAST_EPOCH:
            self.producer = (number, epoch + 1)
        else:
            self.producer = None
            self._fresh = True
        return 0, 0
