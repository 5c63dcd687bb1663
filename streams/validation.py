"""What is handed over is checked here, once, for every door: keys, values, headers, times, offsets, partitions, text,
truth values.

The producer, processors, the test driver, consumers and admins hold what they are given against these rules where it
is given, so that they refuse the same things with the same words, and no record is half taken. What passes can be
written and read by every engine: a key, a value or the value of a header is bytes or None, the name of a header is text
that UTF-8 can hold, a time is whole milliseconds of 64 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from operator import index
from typing import SupportsIndex, TypeVar

from streams.durations import instant_ms
from streams.errors import IllegalArgumentException, SerializationException
from streams.names import check_topic
from streams.record import Headers, TopicPartition

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

LARGEST = 2**63 - 1
"""Of times and offsets: what a signed integer of 64 bits holds."""
LARGEST_PARTITION = 2**31 - 1

GivenHeaders = Iterable[tuple[str, bytes | None]] | Mapping[str, bytes | None] | None
"""What is taken for headers."""

_TIME = (
    "Give whole milliseconds since the epoch, an int of at most 2**63 - 1, or an aware datetime "
    "(of seconds as time.time() gives them: int(seconds * 1000))."
)


def shown(value: object, limit: int = 60) -> str:
    """A value and its type as messages say them, cut to `limit` characters."""
    text = repr(value)
    return f"{text if len(text) <= limit else f'{text[: limit - 3]}...'} ({type(value).__name__})"


def check_instant(given: object, what: str = "timestamp") -> int:
    """A point in time, in ms since the epoch; it may be negative.

    Args:
        given: an int, or what is one to Python (numpy's integers are, True is not), or an aware datetime.
        what: the word for it in messages.
    Raises:
        IllegalArgumentException: it is none, or has no place in 64 bits.
    """
    if given.__class__ is int and -LARGEST - 1 <= given <= LARGEST:  # as nearly always
        return given
    if isinstance(given, datetime):
        if given.tzinfo is None:
            raise IllegalArgumentException(f"Invalid {what}: {shown(given)} has no time zone. {_TIME}")
        ms = instant_ms(given, what)
    else:
        ms = _whole(given, what, _TIME)
    if not -LARGEST - 1 <= ms <= LARGEST:
        raise IllegalArgumentException(f"Invalid {what}: {shown(given)} does not fit into 64 bits. {_TIME}")
    return ms


def check_timestamp(given: object, what: str = "timestamp") -> int:
    """The timestamp of a record, in ms since the epoch. See `check_instant`; it may not be negative.

    Raises:
        IllegalArgumentException: it is none. For a negative one with the words of Kafka's `ProducerRecord`.
    """
    if given.__class__ is int and 0 <= given <= LARGEST:  # as nearly always
        return given
    ms = check_instant(given, what)
    if ms < 0:
        raise IllegalArgumentException(
            f"Invalid {what}: {given}. Timestamp should always be non-negative or None. {_TIME}"
        )
    return ms


def check_whole(given: object, what: str, lowest: int = 0, highest: int = LARGEST) -> int:
    """A whole number between two bounds, both included; not True, not 1.0.

    Raises:
        IllegalArgumentException: it is none.
    """
    hint = f"Give a whole number from {lowest} to {highest}."
    number = _whole(given, what, hint)
    if not lowest <= number <= highest:
        raise IllegalArgumentException(f"Invalid {what}: {number}. {hint}")
    return number


def number_of(text: str) -> int | None:
    """The number that digits from 0 to 9 write; None: the text is something else, or more than `LARGEST`."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 19 else LARGEST + 1
    return number if number <= LARGEST else None


def check_partition(given: object) -> int:
    """The number of a partition.

    Raises:
        IllegalArgumentException: it is none. For a negative one with the words of Kafka's `ProducerRecord`.
    """
    number = _whole(given, "partition", "Give a whole number of at least 0, or None.")
    if not 0 <= number <= LARGEST_PARTITION:
        said = "Partition number should always be non-negative or None."
        raise IllegalArgumentException(f"Invalid partition: {number}. {said}")
    return number


def _whole(given: object, what: str, hint: str) -> int:
    if given.__class__ is int:
        return given
    if isinstance(given, SupportsIndex) and not isinstance(given, bool):
        with suppress(TypeError):  # an array of several numbers promises one
            return index(given)
    raise IllegalArgumentException(f"Invalid {what}: {shown(given)}. {hint}")


def check_flag(given: object, what: str) -> bool:
    """True or False.

    Raises:
        IllegalArgumentException: it is something else.
    """
    if isinstance(given, bool):
        return given
    raise IllegalArgumentException(f"{what} takes True or False, got {given!r}.")


def check_text(given: object, what: str) -> str:
    """Text that UTF-8 can hold: no half of a surrogate pair.

    Raises:
        IllegalArgumentException: it is none.
    """
    if not isinstance(given, str):
        raise IllegalArgumentException(f"Invalid {what}: {shown(given)}. Give text.")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise IllegalArgumentException(
            f"Invalid {what}: {shown(given)} has a lone surrogate at character {error.start}, which UTF-8 cannot hold."
        ) from None
    return str.__str__(given)


def texts(given: object, what: str) -> list[str]:
    """Several texts, in any iterable; a single one is a list of one.

    Raises:
        IllegalArgumentException: something else is given.
    """
    if isinstance(given, str):
        return [check_text(given, f"name among {what}")]
    if isinstance(given, bytes) or not isinstance(given, Iterable):
        raise IllegalArgumentException(f"Invalid {what}: {shown(given)}. Give a list of names.")
    return [check_text(each, f"name among {what}") for each in given]


def several(given: Iterable[T], what: str) -> Iterable[T]:
    """An iterable of records, pairs or values; text and bytes are one value, and no iterable.

    Raises:
        IllegalArgumentException: it is none.
    """
    if isinstance(given, Iterable) and not isinstance(given, str | bytes | bytearray | memoryview):
        return given
    raise IllegalArgumentException(f"Invalid {what}: {shown(given)}. Give a list.")


def pairs(given: Iterable[tuple[K, V]] | Mapping[K, V], what: str) -> list[tuple[K, V]]:
    """Pairs of key and value, or those of a mapping.

    Raises:
        IllegalArgumentException: something in it is no pair.
    """
    found = []
    for pair in given.items() if isinstance(given, Mapping) else several(given, what):
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise IllegalArgumentException(f"Invalid pair among {what}: {shown(pair)}. Give (key, value).")
        found.append((pair[0], pair[1]))
    return found


def check_bytes(given: object, what: str, hint: str) -> bytes | None:
    """A key or a value after serialisation: bytes, or None. Other kinds of bytes are copied.

    Args:
        given: the key or value.
        what: where it is, for the message: `Topic 't': the key`.
        hint: what to do.
    Raises:
        SerializationException: it is something else.
    """
    if given is None or given.__class__ is bytes:
        return given
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    raise SerializationException(f"{what} is {type(given).__name__}, not bytes. {hint}")


def check_headers(given: object) -> Headers:
    """The headers of a record: pairs of name and bytes, in their order; a name may occur more than once.

    Args:
        given: an iterable of pairs, a mapping, or None for none. A value is bytes or None: text has to say how it is
            encoded, as it does in Kafka.
    Raises:
        IllegalArgumentException: something in it is no header.
    """
    if given is None:
        return ()
    if given.__class__ is tuple and all(map(_is_header, given)):  # as nearly always: nothing has to be made
        return given
    pairs = given.items() if isinstance(given, Mapping) else given
    if isinstance(pairs, str | bytes | bytearray | memoryview) or not isinstance(pairs, Iterable):
        raise IllegalArgumentException(
            f"Invalid headers: {shown(given)}. Give pairs of name and bytes, [('name', b'value')], or a mapping."
        )
    return tuple([_header(pair) for pair in pairs])


def _is_header(pair: object) -> bool:
    if pair.__class__ is not tuple or len(pair) != 2:
        return False
    name, value = pair
    return name.__class__ is str and name.isascii() and (value.__class__ is bytes or value is None)


def _header(pair: object) -> tuple[str, bytes | None]:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise IllegalArgumentException(f"Invalid header: {shown(pair)}. Give a pair of name and bytes.")
    name, value = pair
    if name.__class__ is not str or not name.isascii():
        name = check_text(name, "name of a header")
    if value is None or value.__class__ is bytes:
        return (name, value)
    if isinstance(value, bytes | bytearray | memoryview):
        return (name, bytes(value))
    hint = f"Give bytes or None; of text: {shown_text(value)}.encode()." if isinstance(value, str) else ""
    raise IllegalArgumentException(
        f"Invalid header {name!r}: its value is {shown(value)}. {hint or 'Give bytes or None.'}"
    )


def shown_text(text: str, limit: int = 20) -> str:
    """A text as code, or a word for it where it is long."""
    return repr(text) if len(text) <= limit else "text"


def partition_of(given: object) -> TopicPartition:
    """A partition that is handed over: a `TopicPartition`, or a pair of topic and number.

    Raises:
        IllegalArgumentException: it is none.
        InvalidTopicException: no topic has that name.
    """
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise IllegalArgumentException(f"Invalid partition: {shown(given)}. Give TopicPartition(topic, number).")
    topic, number = given
    return TopicPartition(check_topic(topic), check_partition(number))


def partitions_of(given: object) -> list[TopicPartition]:
    """Partitions that are handed over, in any iterable; raises as `partition_of`."""
    if isinstance(given, str | bytes | TopicPartition) or not isinstance(given, Iterable):
        raise IllegalArgumentException(f"Invalid partitions: {shown(given)}. Give a list of TopicPartition.")
    return [partition_of(each) for each in given]


def mapping_of(given: object, what: str) -> Mapping[object, object]:
    """A mapping that is handed over; raises IllegalArgumentException where it is none."""
    if not isinstance(given, Mapping):
        raise IllegalArgumentException(f"Invalid {what}: {shown(given)}. Give a mapping by TopicPartition.")
    return given


def times_of(given: object) -> dict[TopicPartition, int]:
    """Times that are handed over to be looked up, by partition: ms, or aware datetimes; raises as `partition_of`."""
    return {
        (where := partition_of(partition)): check_timestamp(time, f"time for {where}")
        for partition, time in mapping_of(given, "times").items()
    }
