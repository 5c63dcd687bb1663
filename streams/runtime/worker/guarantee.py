"""What a processing guarantee is: who takes part in a commit, the steps of commit and abort, what readers are shown,
and what follows from which exception (`processing.guarantee`).

It is data; whoever commits, aborts or fails asks it. Here is at-least-once; `exactly_once` is another one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol, TypeVar

from streams.clients.api import Isolation
from streams.errors import (
    DisconnectException,
    IllegalGenerationException,
    RebalanceInProgressException,
    TaskCorruptedException,
    TaskMigratedException,
    TimeoutException,
    UnknownMemberIdException,
)
from streams.runtime.state.directory import InstanceDirectory
from streams.runtime.worker.abort import Abort, drop, replay, revert
from streams.runtime.worker.commit import Commit, changelogs, flush, offsets, promote, purge, send

log = logging.getLogger("streams.runtime.worker")

T = TypeVar("T")
Steps = Sequence[tuple[str, Callable[[T], None]]]
"""A named list: what is done, in this order."""


class Outcome(Enum):
    """What follows from an exception."""

    LATER = "nothing is lost by it: the same is tried again"
    ABORT = "the tasks that it came from go back to their last commit"
    REJOIN = "the membership is over: all tasks go without a commit, and the worker joins as another member"
    GIVE_UP = "tasks go without a commit, and their next owner does the rest again"
    END = "the worker ends"


class Outcomes(NamedTuple):
    """What follows, by what the worker was doing."""

    working: Outcome
    """A turn: processing, sending, restoring."""
    committing: Outcome
    revoking: Outcome
    """The commit of tasks that go to others."""
    ending: Outcome
    """The last commit, of a worker that ends."""
    in_round: Outcome
    """A rebalance."""


END, LATER, GIVE_UP, REJOIN, ABORT = Outcome.END, Outcome.LATER, Outcome.GIVE_UP, Outcome.REJOIN, Outcome.ABORT
FATAL = Outcomes(END, END, END, END, END)
#                     working committing revoking ending in_round
BETWEEN = Outcomes(END, LATER, GIVE_UP, LATER, END)
"""The group is between two generations: what could not be committed stays where it is until it can."""
SILENT = Outcomes(END, END, END, GIVE_UP, LATER)
"""The broker gave no answer; what was asked may be asked again."""

AT_LEAST_ONCE_FAILURES: Mapping[type[Exception], Outcomes] = {
    RebalanceInProgressException: BETWEEN,
    IllegalGenerationException: BETWEEN,
    UnknownMemberIdException: BETWEEN,
    TimeoutException: SILENT,
    DisconnectException: SILENT,
    TaskCorruptedException: Outcomes(ABORT, ABORT, ABORT, ABORT, END),
    TaskMigratedException: Outcomes(REJOIN, REJOIN, REJOIN, REJOIN, REJOIN),
}


class TakingPart(Protocol):
    """Of those that are asked to commit, or that failed, and all that could be meant: who takes part?"""

    def __call__(self, asked: Sequence[T], all: Sequence[T], /) -> Sequence[T]: ...


def those_asked(asked: Sequence[T], all: Sequence[T], /) -> Sequence[T]:
    """A task commits, or goes back, by itself: no other one has to."""
    return asked


@dataclass(slots=True, eq=False)
class Guarantee:
    """See the module.

    Args:
        name: as in `processing.guarantee`.
        isolation: what the readers of sources and of changelogs are shown; None: what `isolation.level` says.
        taking_part: of those that are asked to commit and all that have something to commit, and of those that failed
            and all that run, who does.
        transactional: output, changelogs and positions are written in the transactions of the worker.
        commit: the steps of a commit.
        abort: the steps of an abort.
        failures: what follows from an exception of such a class; from any other one the end of the worker.
    """

    name: str
    isolation: Isolation | None
    taking_part: TakingPart
    commit: Steps[Commit]
    abort: Steps[Abort]
    failures: Mapping[type[Exception], Outcomes]
    transactional: bool = False

    def after(self, error: Exception) -> Outcomes:
        """What follows from an error."""
        return next((after for kind, after in self.failures.items() if isinstance(error, kind)), FATAL)


AT_LEAST_ONCE = Guarantee(
    name="at_least_once",
    isolation=None,
    taking_part=those_asked,
    commit=(
        ("flush", flush),
        ("send", send),
        ("offsets", offsets),
        ("promote", promote),
        ("changelogs", changelogs),
        ("purge", purge),
    ),
    abort=(("drop", drop), ("revert", revert), ("replay", replay)),
    failures=AT_LEAST_ONCE_FAILURES,
)


def run(steps: Steps[T], one: T) -> None:
    """Runs the steps of a commit or an abort. Raises what they do; the steps behind are then not done."""
    for _, step in steps:
        step(one)


def tell_of_a_switch(owner: str, directory: InstanceDirectory, guarantee: Guarantee) -> None:
    """Where a worker's guarantee is another than before, with the same state: what that means, once."""
    before = directory.works_under(guarantee.name)
    if before in ("", guarantee.name):
        return
    log.warning(
        "%s: this application worked with processing.guarantee=%s before, and goes on from the same state with %s. %s",
        owner,
        before,
        guarantee.name,
        "What was counted twice before stays so, and what was done since its last commit is done again this once."
        if guarantee.transactional
        else "From now on a failure may repeat what was done since the last commit.",
    )
