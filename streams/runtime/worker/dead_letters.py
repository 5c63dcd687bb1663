"""Dead letters leave: with the output, and before a worker ends."""

from __future__ import annotations

import logging
from collections.abc import Collection

from streams.clock import Clock
from streams.errors import KafkaException
from streams.runtime.tasks.task import StreamTask
from streams.runtime.worker.sender import Sender

log = logging.getLogger("streams.runtime.dead_letters")


def send(sender: Sender, tasks: Collection[StreamTask], now: int, idle: bool = True) -> int:
    """Sends those that are due of these tasks, also of such that were taken back to their last commit; how many
    batches?"""
    return sum(sender.send(task.id, task.dead_letters.due(now, idle), True) for task in tasks)


def send_last(owner: str, sender: Sender, tasks: Collection[StreamTask], clock: Clock, limit_ms: int) -> None:
    """What made a worker end is in the dead letter topic before it does; where that fails, it is told."""
    count = sum(sum(task.dead_letters.held.values()) for task in tasks)
    if not count:
        return
    why: Exception | None = None
    try:
        sender.await_acks(limit_ms)
        sender.take_refusals()  # of output, which is made again
        while send(sender, tasks, clock.now_ms()):
            sender.await_acks(limit_ms)
        why = next((refusal.error for refusal in sender.take_refusals()), None)
    except KafkaException as error:
        why = error
    if why is not None:
        log.error("%s ends, and not all of its %d dead letters were sent: %s", owner, count, why)
