"""What processors are given in `init`: contexts of the three kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, overload

from streams import arguments
from streams.durations import Duration, Instant, to_ms
from streams.errors import ClassCastException, IllegalArgumentException, StreamsException
from streams.metrics.registry import Metrics
from streams.processor import FixedKeyRecord, PunctuationType, Punctuator, Record
from streams.record import Headers, RecordMetadata
from streams.runtime.compile.entry import NOWHERE, CurrentRecord
from streams.runtime.compile.fuse import EntryPoint
from streams.runtime.compile.punctuate import Schedule
from streams.serdes.base import AnySerde, in_java
from streams.serdes.choose import default_serde
from streams.signatures import written
from streams.spelling import corrects_names
from streams.state.kinds import S, of_kind
from streams.validation import check_instant, check_text, shown

GUIDE = (
    "If you add stores manually via '.addStateStore()' make sure to connect the added store to the processor by "
    "providing the processor name to '.addStateStore()' or connect them via "
    "'.connectProcessorAndStateStores()'. DSL users need to provide the store name to '.process()', "
    "'.processValues()', or '.transformValues()' to connect the store to the corresponding operator, or they "
    "can provide a StoreBuilder by implementing the stores() method on the Supplier itself. If you do not add "
    "stores manually, please file a bug report at https://issues.apache.org/jira/projects/KAFKA."
)


@dataclass(frozen=True, slots=True)
class TaskView:
    """What contexts show of their task."""

    application_id: str
    task_id: object
    config: Mapping[str, object]
    metrics: Metrics
    state_dir: Path
    current: CurrentRecord
    request_commit: Callable[[], None]


@corrects_names
@written
class BareContext:
    """What all contexts have (`processor.BaseContext`).

    Args:
        node: the node's name.
        store: gives the face of a store, None where it is not connected.
        schedule: `(node, interval_ms, kind, call, start_ms)`.
    """

    def __init__(
        self,
        node: str,
        view: TaskView,
        store: Callable[[str], Any],
        schedule: Callable[[str, int, PunctuationType, Callable[[int], object], int | None], Schedule],
    ) -> None:
        self._node = node
        self._view = view
        self._current = view.current
        self._store = store
        self._schedule = schedule
        self.timestamp = -1
        """Of the record that the node has in hand, or of the punctuation (ms); set by the entry function."""

    @property
    def application_id(self) -> str:
        return self._view.application_id

    @property
    def task_id(self) -> object:
        return self._view.task_id

    @property
    def state_dir(self) -> Path:
        return self._view.state_dir

    @property
    def metrics(self) -> Metrics:
        return self._view.metrics

    @property
    def key_serde(self) -> AnySerde | None:
        return default_serde(self._view.config, "key")

    @property
    def value_serde(self) -> AnySerde | None:
        return default_serde(self._view.config, "value")

    @property
    def record_metadata(self) -> RecordMetadata | None:
        """Where the record in hand came from; None where there is none: outside of processing, in a punctuation,
        and for what a punctuation has forwarded."""
        current = self._current
        here = current.context() if current.active else NOWHERE
        return None if here.topic is None else RecordMetadata(here.topic, here.partition, here.offset, here.timestamp)

    @property
    def headers(self) -> Headers:
        """The headers of the record in hand as it was read; none in a punctuation."""
        return self._current.context().headers

    def schedule(
        self,
        interval: Duration,
        kind: PunctuationType,
        call: Punctuator,
        start: Instant | None = None,
    ) -> Schedule:
        arguments.function(call, "timestamp", "schedule()", error=IllegalArgumentException)
        if not isinstance(kind, PunctuationType):
            raise IllegalArgumentException(
                f"Invalid type of punctuation: {shown(kind)}. Give PunctuationType.STREAM_TIME or WALL_CLOCK_TIME."
            )
        at = None if start is None else check_instant(start, "startTime")
        return self._schedule(self._node, to_ms(interval, "interval"), kind, call, at)

    def commit(self) -> None:
        self._view.request_commit()

    @overload
    def get_state_store(self, name: str) -> Any: ...
    @overload
    def get_state_store(self, name: str, kind: type[S]) -> S: ...
    def get_state_store(self, name: str, kind: type[S] | None = None) -> Any:
        found = self._store(name) if isinstance(name, str) else None
        if found is None:
            raise StreamsException(
                f"The store {name} is not connected to {self._node}. Give its name to the step, as in "
                f"process(supplier, {name!r}), or put its builder into `stores` of the supplier; in a Topology by "
                "hand, call connect_processor_and_state_stores."
                + in_java(
                    f"Processor {self._node} has no access to StateStore {name} as the store is not connected to the "
                    f"processor. {GUIDE}"
                )
            )
        return found if kind is None else of_kind(found, kind, name)

    def current_stream_time_ms(self) -> int:
        return self._current.current_stream_time()

    def current_system_time_ms(self) -> int:
        return self._current.now

    def app_configs(self) -> Mapping[str, object]:
        return self._view.config

    def app_configs_with_prefix(self, prefix: str) -> Mapping[str, object]:
        check_text(prefix, "prefix")
        return {
            name.removeprefix(prefix): value for name, value in self._view.config.items() if name.startswith(prefix)
        }


class ForwardingContext(BareContext):
    """A context that forwards to the node's children.

    `record_type` is what `forward` takes. `lead_to` tells it the entries of the children, once they exist.
    """

    record_type: type[Record[Any, Any]] | type[FixedKeyRecord[Any, Any]] = Record
    _children: Mapping[str, EntryPoint] = MappingProxyType({})
    _all: tuple[EntryPoint, ...] = ()

    def lead_to(self, children: Mapping[str, EntryPoint]) -> None:
        """The entries of the children, by their names."""
        self._children = children
        self._all = tuple(children.values())

    def forward(self, record: Any, child: str | None = None) -> None:
        if not self._current.active:
            raise StreamsException(
                f"{self._node} cannot forward now: only process() and punctuations may, not init() or close(), "
                "and no other thread."
            )
        if record.__class__ is not self.record_type:
            raise ClassCastException(
                f"{self._node} must forward a {self.record_type.__name__}, got {type(record).__name__}."
            )
        headers = record.headers
        for entry in self._all if child is None else (self._child(child),):
            if headers:
                entry.headed(record.key, record.value, record.timestamp, headers, None, True)
            else:
                entry.call(record.key, record.value, record.timestamp, None, None, True)

    def _child(self, name: str) -> EntryPoint:
        found = self._children.get(name) if isinstance(name, str) else None
        if found is None:
            raise StreamsException(
                f"Unknown downstream node: {name} either does not exist or is not connected to this processor."
            )
        return found


class FixedKeyContext(ForwardingContext):
    """A context whose records keep their key."""

    record_type = FixedKeyRecord


class ValueContext(BareContext):
    """The context of a `ValueTransformerWithKey`, which returns its result and forwards nothing."""

    def forward(self, record: Any, child: str | None = None) -> None:
        raise StreamsException(
            "What transform_values() calls returns its result, and forwards nothing."
            + in_java("ProcessorContext#forward() not supported")
        )
