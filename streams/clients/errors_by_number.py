"""From the numbers that brokers answer with, Kafka's, to the exceptions of `streams.errors`: for every door."""

from __future__ import annotations

from streams.errors import BY_CODE, KafkaException, UnknownTopicOrPartitionException
from streams.record import TopicPartition


def exception(code: int, message: str, where: TopicPartition | str = "") -> KafkaException:
    """The exception for an error number of a broker.

    Args:
        code: the number, not 0.
        message: the broker's text, or "".
        where: the topic, partition or group, put before the text.
    """
    kind = BY_CODE.get(code)
    if kind is None:
        return KafkaException(f"{where}: the broker answered with the unknown error {code}: {message}")
    if kind is KafkaException:
        message = message or "the broker failed, and does not say why; its log does"
    text = message or (kind.__doc__ or "").partition("\n")[0]
    failed = kind(f"{where}: {text}" if where else text)
    if isinstance(failed, UnknownTopicOrPartitionException) and isinstance(where, TopicPartition):
        failed.partition = where
    return failed
