"""Dead letters on their way: which partition each goes to, and what is left out of one that is too large.

They do not lie in the task's outbox, which an abort empties: they leave whatever becomes of the task (KIP-1034), and
the commit waits for them as for other output.
"""

from __future__ import annotations

from streams.clients.request_size import request_size
from streams.errors import KafkaException, StreamsException
from streams.exception_handlers import DeadLetter
from streams.runtime.compile.outbox import Outbox

GIVE_WAY = tuple(
    f"__streams.errors.{name}" for name in ("stacktrace", "message", "exception", "topic", "partition", "offset")
)
"""Headers that give way, in this order, where a letter is larger than a request may be: a source record that could be
written fits into its letter."""
BATCH_BYTES = 512
"""What a batch adds to a record, at most, beyond Kafka's estimate of a request."""


def put(outbox: Outbox, letter: DeadLetter, largest: int) -> None:
    """Adds a letter to an outbox, for the partition that the default partitioner chooses.

    Args:
        largest: bytes of a request with one record at most (`max.request.size`).
    Raises:
        StreamsException: the topic's partitions cannot be had.
    """
    topic, key, value, timestamp, headers = fitting(letter, largest)
    try:
        outbox.put_by_key(topic, key, value, timestamp, headers)
    except KafkaException as error:
        raise StreamsException(
            f"A dead letter cannot be sent to topic {topic}: {type(error).__name__}: {error} "
            "Create the topic, or name another in errors.dead.letter.queue.topic.name."
        ) from error


def fitting(letter: DeadLetter, largest: int) -> DeadLetter:
    """The letter, without as much of what the built-in handlers add as its size asks for; texts keep their ends."""
    for name in GIVE_WAY:
        excess = request_size(letter.key, letter.value, letter.headers) + BATCH_BYTES - largest
        if excess <= 0:
            break
        shorter = [(n, c[excess:] if n == name and c is not None else c) for n, c in letter.headers]
        letter = letter._replace(headers=tuple(each for each in shorter if each[0] != name or each[1]))
    return letter
