"""The word count, run by tests as a script, with faults planted by the environment.

PLANTED=offsets-first   commits positions before the output is sent: words are lost
PLANTED=no-changelog    drops every changelog batch: state is lost
PLANTED=no-stamp        and retried-refusal: see `tests.crash.planted`
PLANTED=refused         the output of the second commit is refused, so that its tasks are aborted
Several of these have commas between them.
KILLED_AFTER=send:3     the process kills itself after that step of its third commit, or of its third abort
HELD_AFTER=send:3       it stands still there instead, while the file that HELD names or its like with -taken is there
KILLED_TAKING_OVER=7    the process kills itself at the seventh thing that it does to take over tasks
SLOW=DIRECTORY          the user's function stands still while there is a file there with the number of the process;
                        of several threads, one
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from statestore.rocks import RocksEngine
from streams import Serdes, StreamsBuilder
from streams.errors import TaskCorruptedException
from streams.runtime.compile.outbox import Outgoing
from streams.runtime.state.directory import InstanceDirectory
from streams.runtime.state.task_state import TaskState
from streams.runtime.tasks.restore import Restorer
from streams.runtime.worker.commit import Commit, CommitStopped
from streams.runtime.worker.exactly_once import EXACTLY_ONCE
from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Steps
from streams.runtime.worker.sender import Refusal, Sender
from streams.runtime.worker.tasks import Tasks
from streams.topology.node import TaskId
from tests.crash.planted import PLANTED
from tests.crash.planted_exactly import PLANTED_EXACTLY

GUARANTEES = (AT_LEAST_ONCE, EXACTLY_ONCE)
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
    stand_still(os.path.join(os.environ["SLOW"], str(os.getpid())))


def stand_still(asked: str) -> None:
    """Does so if there is a file of this name: takes it, and waits until what it has become is gone."""
    if os.path.exists(asked):
        taken = f"{asked}-taken"
        try:
            os.rename(asked, taken)
        except FileNotFoundError:  # another thread was quicker, or it is too late
            return
        while os.path.exists(taken):
            time.sleep(0.02)


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def is_held() -> None:
    stand_still(os.environ["HELD"])


def stopped_after(steps: Steps[T], after: str, number: int, stop: Callable[[], None]) -> Steps[T]:
    """The steps of a commit or an abort, with what is called after one of them the nth time, if it is there."""
    seen = 0

    def end(one: T) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            stop()

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


def killed_taking_over(number: int) -> None:
    """Kills the process before the nth call of those that take over tasks."""
    seen = 0

    def dying(honest: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return honest(*given, **named)

        return call

    for kind, name in TAKES_OVER:
        setattr(kind, name, dying(getattr(kind, name)))


TAKES_OVER = (
    (InstanceDirectory, "take"), (RocksEngine, "_open"), (RocksEngine, "write"), (Tasks, "take"), (Tasks, "_restore"),
    (Tasks, "start_restored"), (Restorer, "begin"), (Restorer, "step"), (TaskState, "__init__"),
)  # fmt: skip


def without_changelogs() -> None:
    honest = Sender.send

    def without(self: Sender, task: TaskId, batches: Iterable[Outgoing], dead_letters: bool = False) -> int:
        return honest(self, task, without_changelog(task, batches), dead_letters)

    setattr(Sender, "send", without)  # noqa: B010


def offsets_first() -> None:
    flush, send, offsets, *others = AT_LEAST_ONCE.commit
    AT_LEAST_ONCE.commit = (flush, offsets, send, *others)


def refused() -> None:
    for each in GUARANTEES:
        each.commit = refused_once(each.commit)


HERE = {"offsets-first": offsets_first, "refused": refused, "no-changelog": without_changelogs}
for name in filter(None, os.environ.get("PLANTED", "").split(",")):
    {**HERE, **PLANTED, **PLANTED_EXACTLY}[name]()
for variable, stop in (("KILLED_AFTER", dies), ("HELD_AFTER", is_held)):
    name, _, number = os.environ.get(variable, "").partition(":")
    if name:
        for each in GUARANTEES:
            each.commit = stopped_after(each.commit, name, int(number), stop)
            each.abort = stopped_after(each.abort, name, int(number), stop)
if "KILLED_TAKING_OVER" in os.environ:
    killed_taking_over(int(os.environ["KILLED_TAKING_OVER"]))
