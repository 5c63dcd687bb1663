"""The word count, run by tests as a script, with faults planted by the environment.

PLANTED=offsets-first   commits positions before the output is sent: words are lost
PLANTED=no-changelog    drops every changelog batch: state is lost
PLANTED=no-stamp        and retried-refusal: see `tests.crash.planted`
PLANTED=refused         the output of the second commit is refused, so that its tasks are aborted
KILLED_AFTER=send:3     the process kills itself after that step of its third commit, or of its third abort
SLOW=DIRECTORY          the user's function stands still while there is a file there with the number of the process;
                        of several threads, one
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from typing import TypeVar

from streams import Serdes, StreamsBuilder
from streams.errors import TaskCorruptedException
from streams.runtime.compile.outbox import Outgoing
from streams.runtime.worker.commit import Commit, CommitStopped
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Steps
from streams.runtime.worker.sender import Refusal, Sender
from streams.topology.node import TaskId
from tests.crash.planted import PLANTED

T = TypeVar("T")


def topology(builder: StreamsBuilder) -> None:
    lines = builder.stream("words-in", key_serde=Serdes.string(), value_serde=Serdes.string())
    counts = (
        lines.flat_map_values(lambda line: line.split())
        .group_by(lambda _, word: word, key_serde=Serdes.string(), value_serde=Serdes.string())
        .count(store="counts")
        .to_stream()
    )
    if "SLOW" in os.environ:
        counts = counts.peek(slow)
    counts.to("word-counts", key_serde=Serdes.string(), value_serde=Serdes.long())


def slow(word: str, count: int) -> None:
    """Stands still for as long as it is asked to; the row of the changelog is in the outbox by then."""
    asked = os.path.join(os.environ["SLOW"], str(os.getpid()))
    if os.path.exists(asked):
        taken = f"{asked}-taken"
        try:
            os.rename(asked, taken)
        except FileNotFoundError:  # another thread was quicker
            return
        while os.path.exists(taken):
            time.sleep(0.02)


def killed_after(steps: Steps[T], after: str, number: int) -> Steps[T]:
    """The steps of a commit or an abort, with the end of the process after one of them, if it is there."""
    seen = 0

    def end(one: T) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return [each for step in steps for each in ((step, ("end", end)) if step[0] == after else (step,))]


def refused_once(steps: Steps[Commit]) -> Steps[Commit]:
    """The steps of a commit; once, what was sent counts as refused."""
    seen = 0

    def refuse(one: Commit) -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            error = TaskCorruptedException("planted")
            one.sender.refusals += [Refusal(task.id, error) for task in one.tasks]
            raise CommitStopped

    return [each for step in steps for each in ((step, ("refuse", refuse)) if step[0] == "send" else (step,))]


def without_changelog(task: TaskId, batches: Iterable[Outgoing]) -> Iterable[Outgoing]:
    return [each for each in batches if not each.partition.topic.endswith("-changelog")]


planted, killed = os.environ.get("PLANTED", ""), os.environ.get("KILLED_AFTER", "")
if planted == "offsets-first":
    flush, send, offsets, *others = AT_LEAST_ONCE.commit
    AT_LEAST_ONCE.commit = (flush, offsets, send, *others)
elif planted == "refused":
    AT_LEAST_ONCE.commit = refused_once(AT_LEAST_ONCE.commit)
elif planted == "no-changelog":
    honest = Sender.send

    def without(self: Sender, task: TaskId, batches: Iterable[Outgoing], dead_letters: bool = False) -> int:
        return honest(self, task, without_changelog(task, batches), dead_letters)

    setattr(Sender, "send", without)  # noqa: B010
elif planted:
    PLANTED[planted]()
if killed:
    name, _, number = killed.partition(":")
    known = [step for step, _ in (*AT_LEAST_ONCE.commit, *AT_LEAST_ONCE.abort)]
    assert name in known, known
    AT_LEAST_ONCE.commit = killed_after(AT_LEAST_ONCE.commit, name, int(number))
    AT_LEAST_ONCE.abort = killed_after(AT_LEAST_ONCE.abort, name, int(number))
