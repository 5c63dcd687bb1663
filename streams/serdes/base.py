"""What a serde is: a name and two callables, and what the runtime may conclude from them.

A serde never sees None: null keys and null values are null bytes, and whoever calls a serde asks first
(`serialize` and `deserialize` do).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from streams.errors import (
    ClassCastException,
    IllegalArgumentException,
    NullPointerException,
    SerializationException,
    StreamsException,
)
from streams.record import Headers

V = TypeVar("V")

OURS = "streams.serdes."

EncodeWith = Callable[[str, Headers, V], bytes]
DecodeWith = Callable[[str, Headers, bytes], V]


class SerdeFor(Protocol[V]):
    """A serde that fits `V`: a `Serde[V]`, or, where V may be None, one of what else it may be, as no serde is asked
    about None. Checkers know it, nothing else does.
    """

    def serialize(self, topic: str, value: V | None, headers: Headers = (), /) -> bytes | None: ...
    def deserialize(self, topic: str, data: bytes | None, headers: Headers = (), /) -> V | None: ...


@dataclass(frozen=True, slots=True)
class Serde(Generic[V]):
    """Turns values into bytes and back.

    Two serdes are equal when they write the same: `Serdes.string() == Serdes.string()`.

    Args:
        name: what messages call it, e.g. `Serdes.long()`.
        encode: value to bytes. Raises `ClassCastException` for a value of another type and
            `SerializationException` for one that has no bytes.
        decode: bytes to value. Raises `SerializationException`.
        canonical: `encode(decode(b)) == b` for all well-formed bytes, so that the bytes of a key may be
            carried along instead of being written again.
        exact: tells of a value whether it may be kept in place of its bytes: `decode(encode(x))` is x in
            value and type, and x cannot change (decision 8). None: never.
        encode_with: the same as `encode` for serdes that ask for the topic and the headers; `encode`
            then stands for topic `""` without headers.
        decode_with: likewise.
        quick_encode: `encode` without its error texts, where C code gives one. It may raise anything;
            who uses it then calls `encode`, and takes its answer or its error.
        quick_class: the class whose instances `quick_encode` is for. None: it is for all values.
        quick_decode: as `quick_encode`.
        immutable: nobody can change what `decode` gives, so that it may be kept in place of its bytes and be
            handed out more than once.
        partition_bytes: from the bytes of a key to those that choose its partition: windowed keys go by
            their inner key. None: all of them.
        fixed_width: bytes of each value, where all have the same (lists of them are written without
            lengths).
    """

    name: str
    encode: Callable[[V], bytes]
    decode: Callable[[bytes], V]
    canonical: bool = False
    exact: Callable[[object], bool] | None = None
    encode_with: EncodeWith[V] | None = None
    decode_with: DecodeWith[V] | None = None
    quick_encode: Callable[[V], bytes] | None = None
    quick_class: type | None = None
    quick_decode: Callable[[bytes], V] | None = None
    immutable: bool = False
    partition_bytes: Callable[[bytes], bytes] | None = None
    fixed_width: int | None = None

    def __post_init__(self) -> None:
        for field in ("encode", "encode_with"):
            call = getattr(self, field)
            if call is not None and not _ours(call):
                object.__setattr__(self, field, _Encoder(self.name, call))

    def serialize(self, topic: str, value: V | None, headers: Headers = ()) -> bytes | None:
        """The bytes of `value` for `topic`; None for None."""
        if value is None:
            return None
        if self.encode_with is not None:
            return self.encode_with(topic, headers, value)
        return self.encode(value)

    def deserialize(self, topic: str, data: bytes | None, headers: Headers = ()) -> V | None:
        """The value that `data` from `topic` stands for; None for None."""
        if data is None:
            return None
        if self.decode_with is not None:
            return self.decode_with(topic, headers, data)
        return self.decode(data)

    def encoder(self, topic: str) -> Callable[[V], bytes]:
        """`encode` bound to a topic, for callers that have no headers."""
        with_topic = self.encode_with
        if with_topic is None:
            return self.encode
        return lambda value: with_topic(topic, (), value)

    def decoder(self, topic: str) -> Callable[[bytes], V]:
        """`decode` bound to a topic, for callers that have no headers."""
        with_topic = self.decode_with
        if with_topic is None:
            return self.decode
        return lambda data: with_topic(topic, (), data)

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class _Encoder:
    """A function of the user's that makes bytes, as it has promised."""

    name: str
    call: Callable[..., object]

    def __call__(self, *given: object) -> bytes:
        return written(self.name, self.call(*given))


def _ours(call: object) -> bool:
    """A function of this room: it makes bytes."""
    return isinstance(call, _Encoder) or str(getattr(call, "__module__", "")).startswith(OURS)


def written(name: str, data: object) -> bytes:
    """What a serde of the user's has made of a value.

    Raises:
        SerializationException: it is not bytes.
    """
    if data.__class__ is bytes:
        return data
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise SerializationException(f"{name}: serialize returned {type_name(data)}, expected bytes.")


AnySerde = Serde[Any]


def no_serde(given: object, what: str) -> IllegalArgumentException:
    """The error for what is no serde; `Serdes.string` without its brackets is the usual case."""
    call = ""
    if callable(given) and getattr(given, "__module__", "").startswith("streams.serdes"):
        call = f" It was not called: write Serdes.{getattr(given, '__name__', 'string')}()."
    return IllegalArgumentException(f"{what} takes a serde, such as Serdes.string(), got {given!r}.{call}")


def check_inner(inner: SerdeFor[V], what: str, example: str) -> Serde[V]:
    """The serde inside another.

    Raises:
        NullPointerException: there is none.
        IllegalArgumentException: it is something else.
    """
    if inner is None:
        raise NullPointerException(f"Inner serializer is `null`. Give the serde of what is inside: Serdes.{example}.")
    if not isinstance(inner, Serde):
        raise no_serde(inner, what)
    return inner


def type_name(value: object) -> str:
    """The type of a value as messages say it."""
    return type(value).__name__


def shown(value: object, limit: int = 60) -> str:
    """A value as messages say it, cut to `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def wrong_type(serde: str, expected: str, value: object) -> ClassCastException:
    """The error for a value that `serde` does not write."""
    return refused(
        serde,
        value,
        f"expected {expected} for {serde}, got {type_name(value)} {shown(value)}. "
        "Give the serde that fits the value, or map the value first.",
    )


def refused(serde: str, value: object, message: str) -> ClassCastException:
    """The error of a serde that does not write this value."""
    error = ClassCastException(message)
    error.serde, error.given = serde, type_name(value)
    return error


def in_java(words: str) -> str:
    """The words of Kafka Streams for what was just said in Python's: to look for, and for whoever knows them."""
    return f" (Kafka Streams says: {words})"


def incompatible(side: str, serde: object, error: ClassCastException) -> StreamsException:
    """A store's key or value is of a type that its serde does not write (Java: `StateSerdes`)."""
    failure = StreamsException(
        f"The store's {side} serde is {serde}, and does not write {a_type(error.given)}. Give the step that keeps the "
        f"store the serde that does, {side}_serde=…, or set default.{side}.serde."
        + in_java(
            f"A serializer ({serde}) is not compatible to the actual {side} type ({side} type: {error.given}). Change "
            "the default Serdes in StreamConfig or provide correct Serdes via method parameters."
        )
    )
    failure.__cause__ = error
    return failure


def wrong_serde(topic: str, side: str, serde: object, thing: object) -> StreamsException:
    """A sink's key or value is of a type that its serde does not write (Java: `RecordCollectorImpl`)."""
    return StreamsException(
        f"The {side} serde of topic {topic} is {serde}, and does not write {a_type(type_name(thing))}. Give the step "
        f"that writes there the serde that does, as in to({topic!r}, {side}_serde=…), or set default.{side}.serde, or "
        f"map the {side} first."
        + in_java(
            f"ClassCastException while producing data to topic {topic}. The {side} serializer {serde} is not "
            f"compatible to the actual {side} type: {type_name(thing)}. Change the default {side} serde in "
            f"StreamConfig or provide the correct {side} serde via method parameters (for example if using the "
            f"DSL, `#to(String topic, Produced<K, V> produced)` with `Produced.{side}Serde("
            "WindowedSerdes.timeWindowedSerdeFrom(String.class))`)."
        )
    )


def a_type(name: str) -> str:
    """A type's name with its article."""
    return f"an {name}" if name[:1].lower() in "aeiou" else f"a {name}"


def wrong_size(deserializer: str, size: int) -> SerializationException:
    """The error for data of the wrong length, with Java's words."""
    return SerializationException(f"Size of data received by {deserializer} is not {size}")
