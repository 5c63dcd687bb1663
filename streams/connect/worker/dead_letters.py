"""Records of a sink that could not be dealt with, as they were, in a topic of their own.

With `errors.deadletterqueue.context.headers.enable` headers say where each comes from and why, under Kafka Connect's
names (`__connect.errors.topic`, …). They are sent at least once: a crash may repeat some.
"""

from __future__ import annotations

from concurrent.futures import Future

from streams.clients.fetch_buffer import ConsumerRecord
from streams.clients.producer import Producer, ProducerRecord
from streams.connect.worker.tolerance import Step, trace_of
from streams.record import Headers, RecordMetadata

PREFIX = "__connect.errors."


def context_headers(record: ConsumerRecord, step: Step, error: BaseException, connector: str, task: int) -> Headers:
    """The headers that say where a dead letter comes from, and why."""
    said = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "connector.name": connector,
        "task.id": task,
        "stage": step.stage.value,
        "class.name": step.class_name,
        "exception.class.name": f"{type(error).__module__}.{type(error).__qualname__}",
        "exception.message": error,
        "exception.stacktrace": trace_of(error),
    }
    return tuple((f"{PREFIX}{name}", str(value).encode(errors="replace")) for name, value in said.items())


class DeadLetters:
    """The dead letter topic of one task.

    Args:
        producer: sends them; whoever made it closes it.
        topic: where to.
        connector: the connector's name.
        task: the number of the task.
        with_context: with headers that say where each comes from?
    """

    def __init__(self, producer: Producer, topic: str, connector: str, task: int, with_context: bool) -> None:
        self._producer = producer
        self._topic = topic
        self._connector = connector
        self._task = task
        self._with_context = with_context
        self._sent: list[Future[RecordMetadata]] = []

    def report(self, record: object, step: Step, error: BaseException) -> None:
        """Sends a record."""
        assert isinstance(record, ConsumerRecord)
        headers = record.headers
        if self._with_context:
            headers = (*headers, *context_headers(record, step, error, self._connector, self._task))
        letter = ProducerRecord(
            self._topic, key=record.key, value=record.value, timestamp=record.timestamp, headers=headers
        )
        self._sent.append(self._producer.send(letter))

    def await_acks(self) -> None:
        """Waits until all that were sent are stored: before the positions behind them are committed.

        Raises:
            KafkaException: one of them is not.
        """
        self._producer.flush()
        sent, self._sent = self._sent, []
        for future in sent:
            future.result()
