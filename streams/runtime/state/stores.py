"""From a store as data to its layers over an engine. The only file that builds concrete stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from statestore.api import ChangelogHook, Codec, Layered, SessionStore, Store, WindowStore
from statestore.buffer import ChangeBuffer, Parts, RowFormat
from statestore.cached import CachedKeyValue, CachedSession, CachedWindow
from statestore.cached_lru import CachedLruMap
from statestore.engine import Engine
from statestore.keyvalue import LayeredKeyValueStore
from statestore.lru import LruMap
from statestore.record_cache import NO_CONTEXT, RecordCache
from statestore.segments import default_interval
from statestore.session import LayeredSessionStore
from statestore.versioned import LayeredVersionedStore
from statestore.window import LayeredWindowStore
from streams.errors import ClassCastException, ConfigException, ProcessorStateException, StreamsException
from streams.operators.base import RecordContext, StoreAccess
from streams.operators.calls import refuse_unrun
from streams.operators.fixes import KEEPS_WINDOWS, SETTING, named
from streams.processor import RecordContext as ShownContext
from streams.record import Headers
from streams.serdes.base import AnySerde, incompatible
from streams.serdes.buffered import (
    CHANGELOG_HEADER,
    BufferValue,
    decode_changelog_value,
    encode_changelog_value,
)
from streams.serdes.choose import Side, choose
from streams.serdes.simple import BYTES
from streams.topology.node import SinkNode, SourceNode, StepNode, SubTopology
from streams.topology.store import StoreKind, StoreSpec


def _bytes_only(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError(f"expected bytes, got {value!r}")
    return value


RAW = Codec(_bytes_only, bytes, lambda value: type(value) is bytes)
"""Of stores whose values are bytes already."""

_OF_BYTES = frozenset({StoreKind.OUTER_JOIN, StoreKind.JOIN_BUFFER})
SMALL_CACHE = 64 * 1024
"""A record cache of at most so many bytes is kept to the byte."""

_BUFFERS = frozenset({StoreKind.SUPPRESS_BUFFER, StoreKind.JOIN_BUFFER})


Measure = Callable[[StoreSpec, Store], object]
"""Registers the metrics of a store; gives what stands in its place, which has all that the store has."""


class Engines(NamedTuple):
    """Where stores lie: those on disk, and those in memory."""

    disk: Engine
    memory: Engine


class OpenStore(NamedTuple):
    """A store with its serdes, and the runtime's view of it."""

    spec: StoreSpec
    access: StoreAccess[object]
    layers: Layered
    lacking: ConfigException | None = None
    """The serde that is missing, where the operator says so and not the store."""


def serde_of(config: Mapping[str, object], side: Side, chosen: AnySerde | None, where: str) -> AnySerde:
    """The serde that is given, or the configured one.

    Args:
        where: what needs it, as in `source node X`.
    Raises:
        StreamsException: there is none, with Java's words and a `ConfigException` as cause.
    """
    try:
        return choose(chosen, config, side, where)
    except ConfigException as missing:
        raise StreamsException(f"Failed to initialize {side} serdes for {where}") from missing


def in_words(node: SourceNode | SinkNode) -> str:
    """A source or a sink as messages name it, with its topics."""
    if isinstance(node, SinkNode):
        return f"sink node {node.name}" + (f" (it writes {node.topic})" if isinstance(node.topic, str) else "")
    topics = node.topics if isinstance(node.topics, tuple) else (node.topics.pattern,)
    return f"source node {node.name} (it reads {', '.join(topics)})"


def buffering(topology: SubTopology) -> dict[str, bool]:
    """The nodes that keep records in a buffer, and whether a source feeds them.

    They serialise for it themselves: a wrong type is their failure and not their store's, as in Java.
    """
    buffers = {spec.name for spec in topology.stores if spec.kind in _BUFFERS}
    sources = {node.name for node in topology.nodes if isinstance(node, SourceNode)}
    return {
        node.name: not sources.isdisjoint(node.parents)
        for node in topology.nodes
        if isinstance(node, StepNode) and not buffers.isdisjoint(node.stores)
    }


def codec_of(serde: AnySerde, topic: str, own: bool = True) -> Codec:
    """The codec of a store's values. `topic` is that of its changelog, for serdes that ask.

    Not `own`: whoever writes to the store serialises for it (`buffering`).
    """
    encode, kind = serde.encoder(topic), serde.quick_class
    quick = serde.quick_encode or encode

    def written(value: object) -> bytes:
        try:
            return quick(value) if kind is None or value.__class__ is kind else encode(value)
        except Exception:
            return _told(encode, serde, value) if own else encode(value)

    return Codec(
        written,
        serde.decoder(topic),
        serde.exact,
        quick_decode=serde.quick_decode,
        immutable=serde.immutable,
    )


def _told(encode: Callable[[object], bytes], serde: AnySerde, value: object) -> bytes:
    """Encodes once more, for the proper error."""
    try:
        return encode(value)
    except ClassCastException as error:
        refuse_unrun(value)
        raise incompatible("value", serde, error) from error


def _named(codec: Codec, store: str, serde: AnySerde) -> Codec:
    """The codec; what it cannot read is told as the fault of the store that holds it, not of the record in hand."""

    def unreadable(error: Exception) -> Exception:
        return ProcessorStateException(
            f"Store {store} holds a value that {serde} cannot read: {str(error).rstrip('.')}. Either another serde "
            "wrote it, or its changelog holds what the application did not write. Give the serde that it was "
            "written with, or delete the changelog and the state directory, so that the store starts empty."
        )

    return codec._replace(unreadable=unreadable)


def open_store(
    spec: StoreSpec,
    engines: Engines,
    config: Mapping[str, object],
    changelog_topic: str,
    cached: bool,
    small: RecordCache | None = None,
    measure: Measure | None = None,
) -> OpenStore:
    """Opens a store.

    Args:
        changelog_topic: what serdes that ask are told.
        cached: is there a record cache at all (`statestore.cache.max.bytes` above 0)?
        small: the record cache, where it is so small that rows give way within a record.
        measure: gives what stands in the store's place; None: it is not measured.
    Raises:
        StreamsException: a serde is missing.
    """
    key_serde, value_serde, lacking = _serdes(spec, config)
    codec = RAW
    if spec.kind not in _OF_BYTES:
        own = spec.kind not in _BUFFERS
        codec = _named(codec_of(value_serde, changelog_topic, own), spec.name, value_serde)
    engine = engines.disk if spec.persistent else engines.memory
    if spec.kind is StoreKind.SESSION and not spec.persistent and named(config.get(SETTING), KEEPS_WINDOWS):
        # Java's store in memory hides a session 1 ms before it closes.
        spec = replace(spec, retention_ms=spec.retention_ms + 1)
    caching = spec.caching and cached
    store = LAYERS[spec.kind](spec, engine, codec, caching and small is None)
    if caching and small is not None:
        store = _under(small, spec, store, codec)
    access: StoreAccess[object] = StoreAccess(
        spec.name,
        store if measure is None else measure(spec, store),
        key_serde,
        value_serde,
        store.life.caching,
        spec.kind.value,
        spec.ttl_ms,
        isinstance(store, CachedKeyValue),
    )
    return OpenStore(spec, access, store.life, lacking)


def _serdes(
    spec: StoreSpec, config: Mapping[str, object]
) -> tuple[AnySerde, AnySerde, ConfigException | None]:
    """A store's serdes, and what its operator is to be told of them: as in Java a buffer takes its serdes from it."""
    if spec.kind is StoreKind.OUTER_JOIN:
        return spec.key_serde or BYTES, spec.value_serde or BYTES, None
    try:
        key = serde_of(config, "key", spec.key_serde, f"store {spec.name}")
        return key, serde_of(config, "value", spec.value_serde, f"store {spec.name}"), None
    except StreamsException as missing:
        if spec.kind in _BUFFERS and isinstance(missing.__cause__, ConfigException):
            return BYTES, BYTES, missing.__cause__
        raise


def _key_value(spec: StoreSpec, engine: Engine, codec: Codec, caching: bool) -> Store:
    return LayeredKeyValueStore(spec.name, engine, codec, timestamped=spec.has_timestamps, caching=caching)


def _versioned(spec: StoreSpec, engine: Engine, codec: Codec, caching: bool) -> Store:
    return LayeredVersionedStore(spec.name, engine, codec, history_retention=spec.retention_ms)


def _window(spec: StoreSpec, engine: Engine, codec: Codec, caching: bool) -> Store:
    return LayeredWindowStore(
        spec.name,
        engine,
        codec,
        retention=spec.retention_ms,
        segment_interval=spec.segment_ms or None,
        retain_duplicates=spec.retain_duplicates,
        timestamped=spec.has_timestamps,
        caching=caching and not spec.retain_duplicates,
        one_by_one=not spec.persistent,
        time_first=spec.time_first and spec.persistent,
    )


def _session(spec: StoreSpec, engine: Engine, codec: Codec, caching: bool) -> Store:
    return LayeredSessionStore(
        spec.name,
        engine,
        codec,
        retention=spec.retention_ms,
        segment_interval=spec.segment_ms or None,
        caching=caching,
        one_by_one=not spec.persistent,
        time_first=spec.time_first and spec.persistent,
    )


def _lru(spec: StoreSpec, engine: Engine, codec: Codec, caching: bool) -> Store:
    timestamped = spec.timestamped
    if caching:
        return CachedLruMap(spec.name, codec, spec.max_entries, timestamped=timestamped)
    return LruMap(spec.name, codec, spec.max_entries, timestamped=timestamped, logs_evictions=not timestamped)


def _suppress_buffer(spec: StoreSpec, engine: Engine, codec: Codec, caching: bool) -> Store:
    return ChangeBuffer(spec.name, codec, _BUFFER_ROWS)


LAYERS: Mapping[StoreKind, Callable[[StoreSpec, Engine, Codec, bool], Store]] = {
    StoreKind.KEY_VALUE: _key_value,
    StoreKind.TIMESTAMPED_KEY_VALUE: _key_value,
    StoreKind.VERSIONED: _versioned,
    StoreKind.WINDOW: _window,
    StoreKind.TIMESTAMPED_WINDOW: _window,
    StoreKind.SESSION: _session,
    StoreKind.LRU: _lru,
    StoreKind.SUPPRESS_BUFFER: _suppress_buffer,
    StoreKind.OUTER_JOIN: _key_value,
    StoreKind.JOIN_BUFFER: _key_value,
}
"""What is built for each kind; the last argument: does it cache? How users see it stands in `state.kinds`."""


def _under(cache: RecordCache, spec: StoreSpec, below: Store, codec: Codec) -> Store:
    """The store under a record cache, where its kind has one."""
    segment = (spec.segment_ms or default_interval(spec.retention_ms)) if spec.persistent else 1
    if isinstance(below, LayeredWindowStore):
        return CachedWindow(cache, below, codec, spec.has_timestamps, segment, spec.time_first and spec.persistent)
    if isinstance(below, LayeredSessionStore):
        return CachedSession(cache, below, codec, segment)
    if isinstance(below, LayeredKeyValueStore | LruMap):
        return CachedKeyValue(cache, below, codec, spec.has_timestamps)
    return below


def small_cache(limit: int) -> RecordCache | None:
    """Java's record cache, to the byte, where it has at most `SMALL_CACHE` bytes; None: stores keep what was not
    flushed, and let it go at the end of a run."""
    return RecordCache(limit, _origin_size) if 0 < limit <= SMALL_CACHE else None


def _origin_size(origin: object) -> int:
    return NO_CONTEXT if origin is None else _context_size(origin)


def changelog_headers(spec: StoreSpec) -> Headers:
    """Headers of each changelog record of a store."""
    return (CHANGELOG_HEADER,) if spec.kind is StoreKind.SUPPRESS_BUFFER else ()


def logged(store: OpenStore, hook: ChangelogHook | None) -> None:
    """Lets a store write its changelog (None: it has none)."""
    store.layers.bind(hook, None, False)


def count_refused(store: OpenStore, refused: Callable[[], None]) -> None:
    """`refused` is called for each row that a window or session store does not take, because it is too old."""
    opened = store.access.store
    if isinstance(opened, WindowStore | SessionStore):
        opened.count_refused(refused)


# rows of a suppress buffer


def _shown(context: object) -> ShownContext:
    if isinstance(context, RecordContext):
        return ShownContext(context.topic or "", context.partition, context.offset, context.timestamp, context.headers)
    assert isinstance(context, ShownContext)
    return context


def _write_row(parts: Parts) -> bytes:
    value = BufferValue(parts.prior, parts.old, parts.new, _shown(parts.context))
    return encode_changelog_value(value, parts.time)


def _read_row(data: bytes) -> Parts:
    value, time = decode_changelog_value(data)
    return Parts(value.prior, value.old, value.new, RecordContext(*value.context), time)


def _timestamp(context: object) -> int:
    return _shown(context).timestamp


def _context_size(context: object) -> int:
    """Bytes that a record context counts for in a buffer's limit, as Java counts them."""
    shown = _shown(context)
    headers = sum(len(key.encode()) + len(value or b"") for key, value in shown.headers)
    return 20 + len(shown.topic) + headers


_BUFFER_ROWS = RowFormat(_write_row, _read_row, _timestamp, _context_size)
