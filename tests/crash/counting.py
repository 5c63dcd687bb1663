"""The word count, run by tests as a script, with faults planted by the environment.

PLANTED=offsets-first   commits positions before the output is sent: words are lost
PLANTED=no-changelog    drops every changelog batch: state is lost
PLANTED=no-stamp        and retried-refusal: see `tests.crash.planted`
KILLED_AFTER=send:3     the process kills itself after that step of its third commit
SLOW=DIRECTORY          the user's function stands still while there is a file there with the number of the process;
                        of several threads, one
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

from streams import Serdes, StreamsBuilder
from streams.runtime.compile.outbox import Outgoing
from streams.runtime.worker import commit
from streams.runtime.worker.commit import Commit, Guarantee, Step
from streams.runtime.worker.sender import Sender
from streams.topology.node import TaskId
from tests.crash.planted import PLANTED


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


def killed_after(name: str, number: int) -> tuple[Step, ...]:
    """The steps of a commit, with the end of the process after one of them."""
    seen = 0

    def end(one: Commit) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    steps: list[Step] = []
    for step in commit.STEPS[Guarantee.AT_LEAST_ONCE]:
        steps.append(step)
        if step.__name__ == name:
            steps.append(end)
    assert end in steps
    return tuple(steps)


def without_changelog(task: TaskId, batches: Iterable[Outgoing]) -> Iterable[Outgoing]:
    return [each for each in batches if not each.partition.topic.endswith("-changelog")]


planted, killed = os.environ.get("PLANTED", ""), os.environ.get("KILLED_AFTER", "")
if planted == "offsets-first":
    flush, send, offsets, settle, purge = commit.STEPS[Guarantee.AT_LEAST_ONCE]
    commit.STEPS = {Guarantee.AT_LEAST_ONCE: (flush, offsets, send, settle, purge)}
elif planted == "no-changelog":
    honest = Sender.send

    def send(self: Sender, task: TaskId, batches: Iterable[Outgoing], dead_letters: bool = False) -> int:
        return honest(self, task, without_changelog(task, batches), dead_letters)

    setattr(Sender, "send", send)  # noqa: B010
elif planted:
    PLANTED[planted]()
if killed:
    name, _, number = killed.partition(":")
    commit.STEPS = {Guarantee.AT_LEAST_ONCE: killed_after(name, int(number))}
