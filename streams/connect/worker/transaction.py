"""What belongs together is written in one transaction, or not at all."""

from __future__ import annotations

import logging

from streams.clients.api import Sent, TransactionalWriter
from streams.connect.worker.output import Output
from streams.errors import KafkaException, TimeoutException

log = logging.getLogger("streams.connect.worker")

ANSWER_MS = 30_000


def write_whole(writer: TransactionalWriter, output: Output, name: str) -> None:
    """Writes all that was gathered, in one transaction; its outcome is asked for until it is known.

    Args:
        writer: whose `init` has returned.
        output: what is written; then it is empty.
        name: of who writes, for messages.
    Raises:
        KafkaException: a record was refused, or the writer is fenced; nothing is written.
    """
    failed: list[KafkaException] = []

    def done(sent: Sent) -> None:
        if sent.error is not None:
            failed.append(sent.error)

    began = False
    for where, batch in output.batches():
        if not began:
            writer.begin()
            began = True
        writer.send(where, batch, done)
    if not began:
        return
    while writer.await_acks(ANSWER_MS):
        log.info("%s waits for its records to be stored.", name)
    if failed:
        writer.end(False, ANSWER_MS)
        raise failed[0]
    while True:
        try:
            writer.end(True, ANSWER_MS)
            return
        except TimeoutException as error:
            log.warning("%s asks again how its transaction ended: %s", name, error)
