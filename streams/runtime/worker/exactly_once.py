"""`processing.guarantee=exactly_once_v2`: all that the tasks of a worker write between two commits (output, changelogs,
repartition records, dead letters) and the positions they have come to are one transaction (decisions 13 and 14).

It begins with the first write. It is committed for all tasks together, or it is aborted for all of them, and then every
one goes back to its last commit: no object that saw an aborted record survives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.clients.api import FENCED, Isolation
from streams.errors import (
    TaskCorruptedException,
    TransactionAbortableException,
)
from streams.runtime.worker.abort import abandon, drop, end_aborted, letters, replay, revert
from streams.runtime.worker.commit import add_offsets, changelogs, end, flush, promote, purge, send
from streams.runtime.worker.guarantee import (
    ABORT,
    AT_LEAST_ONCE_FAILURES,
    END,
    GIVE_UP,
    REJOIN,
    Guarantee,
    Outcomes,
    T,
)

#                     working committing revoking ending in_round
_LOST = Outcomes(REJOIN, REJOIN, REJOIN, REJOIN, REJOIN)
"""Another writer has this one's id, or the engine has ended its transaction: time was up, the connection or the
membership lost. Whose the tasks are now, the group says."""
_DOOMED = Outcomes(ABORT, ABORT, ABORT, GIVE_UP, END)
"""The transaction cannot be committed, and nobody else has to do with it."""

FAILURES: Mapping[type[Exception], Outcomes] = {
    **AT_LEAST_ONCE_FAILURES,
    **dict.fromkeys(FENCED, _LOST),
    TransactionAbortableException: _DOOMED,
    TaskCorruptedException: _DOOMED,
}


def all_together(asked: Sequence[T], all: Sequence[T], /) -> Sequence[T]:
    """What one of them has written cannot be committed, or aborted, without what the others have. That is so where
    nobody was asked for, too: tasks that go to others while they are still restored have written nothing, and the
    transaction that ends with them is that of all others."""
    return (*asked, *(each for each in all if each not in asked))


EXACTLY_ONCE = Guarantee(
    name="exactly_once_v2",
    isolation=Isolation.READ_COMMITTED,
    taking_part=all_together,
    commit=(
        ("flush", flush),
        ("send", send),
        ("offsets", add_offsets),
        ("end", end),
        ("promote", promote),
        ("changelogs", changelogs),
        ("purge", purge),
    ),
    abort=(
        ("abandon", abandon),
        ("end", end_aborted),
        ("drop", drop),
        ("letters", letters),
        ("revert", revert),
        ("replay", replay),
    ),
    failures=FAILURES,
    transactional=True,
)
