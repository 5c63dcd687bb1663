"""Dead letters leave: with the output, and before a worker ends."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from streams.clock import Clock
from streams.errors import KafkaException
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.sender import Sender

log = logging.getLogger("streams.runtime.dead_letters")


def send(sender: Sender, tasks: Collection[StreamTask], now: int, idle: bool = True) -> int:
    """Sends those that are due of these tasks, also of such that were taken back to their last commit; how many
    batches?"""
    return sum(sender.send(task.id, task.dead_letters.due(now, idle), True) for task in tasks)


def send_last(
    owner: str,
    sender: Sender,
    tasks: Collection[StreamTask],
    clock: Clock,
    limit_ms: int,
    alone: Callable[[int], None],
    end: Callable[[int], None],
) -> None:
    """What made a worker end is in the dead letter topic before it does; where that fails, it is told.

    Args:
        limit_ms: how long each answer is waited for.
        alone: called before, with `limit_ms`: what else was sent and is not committed is to be nobody's.
        end: called after, with `limit_ms`: what was sent is to be committed.
    """
    count = sum(sum(letters.held.values()) for task in tasks for letters in (task.dead_letters, task.last_letters))
    why: Exception | None = None
    try:
        alone(limit_ms)
        if not count:
            return
        sender.await_acks(limit_ms)
        sender.take_refusals()  # of output, which is made again
        while _send_all(sender, tasks, clock.now_ms()):
            sender.await_acks(limit_ms)
        why = next((refusal.error for refusal in sender.take_refusals()), None)
        end(limit_ms)
    except KafkaException as error:
        why = error
    if why is not None and count:
        log.error("%s ends, and not all of its %d dead letters were sent: %s", owner, count, why)


def _send_all(sender: Sender, tasks: Collection[StreamTask], now: int) -> int:
    count = send(sender, tasks, now)
    return count + sum(sender.send(task.id, task.last_letters.due(now, True), True) for task in tasks)
