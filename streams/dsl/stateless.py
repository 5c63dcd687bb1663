"""Operators of a stream that keep nothing: each record for itself."""

from __future__ import annotations

from collections.abc import Callable

from streams import arguments
from streams.dsl import arity
from streams.dsl.options import Printed, Produced, name_of
from streams.dsl.pick import Fields, Options, pick
from streams.dsl.refs import StreamRef, same_builder
from streams.dsl.steps import new_key, new_value, same_key
from streams.durations import Duration, to_ms
from streams.errors import IllegalArgumentException, NullPointerException
from streams.names import check_topic
from streams.operators import stateless as steps
from streams.operators.async_step import map_values_async as async_step
from streams.topology.node import SinkNode
from streams.topology.plan import Sink, Step


def filter_(
    stream: StreamRef, method: str, predicate: object, negate: bool, options: Options, fields: Fields
) -> StreamRef:
    """`filter` and `filter_not`."""
    fn = arity.fixed(predicate, arity.PAIR_FORM, method, "predicate cannot be null")
    return same_key(stream, "KSTREAM-FILTER-", name_of(method, options, fields), steps.filter_(fn, negate))


def select_key(stream: StreamRef, mapper: object, options: Options, fields: Fields) -> StreamRef:
    """`select_key`: what is known of the values stays."""
    fn = arity.fixed(mapper, arity.PAIR_FORM, "select_key", "mapper cannot be null")
    name = name_of("select_key", options, fields)
    return new_key(stream, "KSTREAM-KEY-SELECT-", name, steps.select_key(fn), stream.value_serde)


def map_(stream: StreamRef, mapper: object, options: Options, fields: Fields) -> StreamRef:
    """`map`."""
    fn = arity.fixed(mapper, arity.PAIR_FORM, "map", "mapper cannot be null")
    return new_key(stream, "KSTREAM-MAP-", name_of("map", options, fields), steps.map_(fn))


def map_values(stream: StreamRef, mapper: object, options: Options, fields: Fields) -> StreamRef:
    """`map_values`."""
    call = arity.either(mapper, arity.VALUE_FORMS, "map_values", "mapper cannot be null")
    return new_value(stream, "KSTREAM-MAPVALUES-", name_of("map_values", options, fields), steps.map_values(call))


def map_values_async(
    stream: StreamRef,
    mapper: object,
    options: Options,
    fields: Fields,
    max_in_flight: int,
    timeout: Duration | None,
) -> StreamRef:
    """`map_values_async`.

    Raises:
        IllegalArgumentException: `max_in_flight` is no positive number, or the timeout not positive.
        TopologyException: the function cannot be called so, or has `yield` in it.
    """
    call = arity.awaited(mapper, arity.VALUE_FORMS, "map_values_async", "mapper cannot be null")
    if isinstance(max_in_flight, bool) or not isinstance(max_in_flight, int) or max_in_flight < 1:
        raise IllegalArgumentException(f"max_in_flight must be at least 1, got {max_in_flight!r}.")
    timeout_ms = None if timeout is None else to_ms(timeout, "timeout")
    if timeout_ms is not None and timeout_ms <= 0:
        raise IllegalArgumentException("The timeout must be larger than zero; None lets a call take any time.")
    name = name_of("map_values_async", options, fields)
    return new_value(stream, "KSTREAM-MAPVALUESASYNC-", name, async_step(call, max_in_flight, timeout_ms))


def flat_map(stream: StreamRef, mapper: object, options: Options, fields: Fields) -> StreamRef:
    """`flat_map`."""
    fn = arity.fixed(mapper, arity.PAIR_FORM, "flat_map", "mapper cannot be null", may_yield=True)
    return new_key(stream, "KSTREAM-FLATMAP-", name_of("flat_map", options, fields), steps.flat_map(fn))


def flat_map_values(stream: StreamRef, mapper: object, options: Options, fields: Fields) -> StreamRef:
    """`flat_map_values`."""
    call = arity.either(mapper, arity.VALUE_FORMS, "flat_map_values", "mapper cannot be null", may_yield=True)
    name = name_of("flat_map_values", options, fields)
    return new_value(stream, "KSTREAM-FLATMAPVALUES-", name, steps.flat_map_values(call))


def peek(stream: StreamRef, action: object, options: Options, fields: Fields) -> StreamRef:
    """`peek`."""
    fn = arity.fixed(action, arity.PAIR_FORM, "peek", "action cannot be null")
    return same_key(stream, "KSTREAM-PEEK-", name_of("peek", options, fields), steps.peek(fn))


def foreach(stream: StreamRef, action: object, options: Options, fields: Fields) -> None:
    """`foreach`: nothing comes after."""
    fn = arity.fixed(action, arity.PAIR_FORM, "foreach", "action cannot be null")
    same_key(stream, "KSTREAM-FOREACH-", name_of("foreach", options, fields), steps.foreach(fn))


def print_(stream: StreamRef, options: Options, fields: Fields) -> None:
    """`print`: label and text as Java writes them."""
    printed = pick("print", Printed, options, fields, "printed cannot be null") or Printed()
    label = stream.name if printed.label is None else printed.label
    same_key(stream, "KSTREAM-PRINTER-", printed.name, steps.print_(label, printed.mapper, printed.file))


def to(stream: StreamRef, topic: object, options: Options, fields: Fields) -> None:
    """`to`: a sink, with the serdes that came downstream where none are given."""
    if topic is None:
        raise NullPointerException("topic cannot be null")
    where: str | Callable[..., object]
    if isinstance(topic, str):
        where = check_topic(topic, "to()")
    elif callable(topic):
        where = arguments.function(topic, "key, value, record_context", "to()")
    else:
        raise IllegalArgumentException(f"to() takes a topic or a topic name extractor, got {topic!r}.")
    produced = pick("to", Produced, options, fields, "produced cannot be null") or Produced()
    name = stream.plan.names.named(produced.name, "KSTREAM-SINK-")
    key_serde, value_serde = produced.key_serde or stream.key_serde, produced.value_serde or stream.value_serde
    node = SinkNode(name, (), where, key_serde, value_serde, produced.partitioner)
    stream.plan.add(name, Sink(node), (stream.node,))


def merge(stream: StreamRef, other: object, options: Options, fields: Fields) -> StreamRef:
    """`merge`: what is known of the serdes ends here, as in Java."""
    arity.present(other, "otherStream cannot be null")
    if not isinstance(other, StreamRef):
        raise IllegalArgumentException(f"merge() takes another KStream, got {other!r}.")
    same_builder("merge", stream.plan, other.plan)
    name = stream.plan.names.named(name_of("merge", options, fields), "KSTREAM-MERGE-")
    node = stream.plan.add(name, Step(steps.pass_through()), (stream.node, other.node), merge=True)
    sources, rekeyed = stream.sources | other.sources, stream.rekeyed or other.rekeyed
    return StreamRef(stream.plan, node, name, sources, rekeyed=rekeyed)
