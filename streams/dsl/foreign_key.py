"""Joins of two tables by a foreign key: two topics and what stands on both sides of them.

left table -> send -> registration topic -> receive -> join --+
                                                              +-> response topic -> resolve -> result
                                right table -> foreign join --+
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from streams.dsl import arity
from streams.dsl.materialized import Materialized, key_value_store
from streams.dsl.options import TableJoined
from streams.dsl.pick import Fields, Options, pick_two
from streams.dsl.refs import StreamRef, TableRef
from streams.errors import IllegalArgumentException
from streams.operators import foreign_key as steps
from streams.operators.base import Call
from streams.operators.foreign_key_messages import answer_partition, answer_serde, registration_serde
from streams.operators.views import StoreView
from streams.processor import StreamPartitioner
from streams.serdes import Serdes
from streams.serdes.base import AnySerde
from streams.topology.node import SinkNode, SourceNode
from streams.topology.plan import (
    BuiltInStore,
    PlannedStore,
    SerdeAround,
    Sink,
    Step,
    StreamSource,
    TableKind,
    TablePlan,
    TableStep,
)
from streams.topology.store import StoreKind, StoreSpec

REGISTRATION = "KTABLE-FK-JOIN-SUBSCRIPTION-REGISTRATION-"
PROCESSOR = "KTABLE-FK-JOIN-SUBSCRIPTION-PROCESSOR-"
RESPONSE = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-"
RESOLVER = "KTABLE-FK-JOIN-SUBSCRIPTION-RESPONSE-RESOLVER-PROCESSOR-"
STORE = "KTABLE-FK-JOIN-SUBSCRIPTION-STATE-STORE-"
OUTPUT = "KTABLE-FK-JOIN-OUTPUT-"
SINK, SOURCE = "KTABLE-SINK-", "KTABLE-SOURCE-"
TOPIC = "-topic"
REGISTRATIONS: AnySerde = registration_serde()
BYTES: AnySerde = Serdes.bytes()


def join_on_foreign_key(
    method: str,
    kind: str,
    table: TableRef,
    other: TableRef,
    extractor: object,
    joiner: object,
    options: Options,
    fields: Fields,
) -> TableRef:
    """`join(other, extractor, joiner, [TableJoined], [Materialized])` and the left join.

    Raises:
        IllegalArgumentException: an outer join.
    """
    if kind == "outer":
        raise IllegalArgumentException("tables have no outer join by foreign key; use left_join().")
    key = arity.either(extractor, arity.VALUE_FORMS, method, "foreignKeyExtractor can't be null")
    call = arity.either(joiner, arity.JOIN_FORMS, method, "joiner can't be null")
    tj, m = pick_two(method, TableJoined, Materialized, options, fields, "materialized can't be null")
    plan = table.updates.plan
    plan.old_values(other.table)
    plan.old_values(table.table)
    join = _ForeignKeyJoin(kind == "left", table, other, key, call, tj or TableJoined())
    return join.add(m or Materialized())


class _ForeignKeyJoin:
    """One join by foreign key, put into the plan node by node in the order of Java's numbers."""

    def __init__(
        self,
        left: bool,
        table: TableRef,
        other: TableRef,
        key: Call,
        call: Call,
        tj: TableJoined,
    ) -> None:
        self.left, self.table, self.other, self.key, self.call, self.tj = left, table, other, key, call, tj
        self.plan = table.updates.plan
        self.registration_topic = ""
        self.store = ""

    def name(self, prefix: str, suffix: str) -> str:
        return self.plan.names.named(self.tj.name, prefix, suffix)

    def add(self, m: Materialized[Any, Any]) -> TableRef:
        joined = self._answer(self._register())
        response, response_name = self._respond(joined)
        return self._resolve(response, response_name, m)

    def _register(self) -> int:
        """Left side up to the registration topic, and its source on the right side."""
        plan, left, right = self.plan, self.table.updates, self.other.updates
        topic = self.registration_topic = self.name(REGISTRATION, "-subscription-registration") + TOPIC
        plan.internal_topics.append(topic)
        send_name = self.name(REGISTRATION, "-subscription-registration-processor")
        send = steps.fk_subscription_send(self.left, self.key, right.key_serde, left.value_serde, left.key_serde, topic)
        node = plan.add(send_name, Step(send), (left.node,))
        sink_name = self.name(SINK, "-subscription-registration-sink")
        partitioner = _single(self.tj.other_partitioner)
        sink = SinkNode(sink_name, (), topic, right.key_serde, REGISTRATIONS, partitioner)
        node = plan.add(sink_name, Sink(sink), (node,))
        source_name = self.name(SOURCE, "-subscription-registration-source")
        source = SourceNode(source_name, (topic,), right.key_serde, REGISTRATIONS)
        node = plan.add(source_name, StreamSource(source), (node,))
        plan.copartition(right.sources | {source_name})
        return node

    def _answer(self, source: int) -> tuple[int, int]:
        """Right side: registrations are kept and answered, and changes of the right table told."""
        plan, right = self.plan, self.other.updates
        self.store = self.name(STORE, "-subscription-store")
        spec = StoreSpec(self.store, StoreKind.TIMESTAMPED_KEY_VALUE, BYTES, REGISTRATIONS)
        store = PlannedStore(spec, named=True)  # Java asks nobody to name this one
        plan.add("state store", BuiltInStore(store))
        receive_name = self.name(PROCESSOR, "-subscription-receive")
        receive = steps.fk_subscription_receive(self.store, right.key_serde)
        received = plan.add(receive_name, Step(receive, (self.store,)), (source,))
        plan.view(self.other.table)
        join_name = self.name(PROCESSOR, "-subscription-join-foreign")
        join = steps.fk_subscription_join(self.other.view)
        joined = plan.add(join_name, Step(join, self.other.view.stores()), (received,))
        foreign_name = self.name(PROCESSOR, "-foreign-join-subscription")
        foreign = steps.fk_foreign_join(self.store, right.key_serde)
        told = plan.add(foreign_name, Step(foreign, (self.store,)), (right.node,))
        return joined, told

    def _respond(self, parents: tuple[int, int]) -> tuple[int, str]:
        """The response topic and its source on the left side."""
        plan, left = self.plan, self.table.updates
        topic = self.name(RESPONSE, "-subscription-response") + TOPIC
        plan.internal_topics.append(topic)
        around = SerdeAround(lambda inner: answer_serde(inner), self.other.updates.value_serde, "value")
        sink_name = self.name(SINK, "-subscription-response-sink")
        partitioner = _single(self.tj.partitioner) or answer_partition
        sink = SinkNode(sink_name, (), topic, BYTES, None, partitioner)
        node = plan.add(sink_name, Sink(sink, around), parents)
        source_name = self.name(SOURCE, "-subscription-response-source")
        source = SourceNode(source_name, (topic,), left.key_serde)
        node = plan.add(source_name, StreamSource(source, around), (node,))
        plan.copartition(left.sources | {source_name})
        return node, source_name

    def _resolve(self, source: int, source_name: str, given: Materialized[Any, Any]) -> TableRef:
        """Left side: answers meet their rows, and become the result."""
        plan, left = self.plan, self.table.updates
        plan.view(self.table.table)
        resolver_name = self.name(RESOLVER, "-subscription-response-resolver")
        resolve = steps.fk_response_resolve(
            self.left, self.table.view, self.call, left.value_serde, self.registration_topic
        )
        resolved = plan.add(resolver_name, Step(resolve, self.table.view.stores()), (source,))
        result = self.name(OUTPUT, "-result")
        m = given.inheriting(left.key_serde)
        store_name = m.queryable or plan.names.store(OUTPUT)
        entry = plan.table(TablePlan(TableKind.SOURCE, (result,), materialized=m.kept))
        part = TableStep(steps.fk_output, key_value_store(m, store_name), entry)
        node = plan.add(result, part, (resolved,), versioned=m.versioned)
        sources = left.sources | {source_name}
        updates = StreamRef(plan, node, result, sources, left.key_serde, m.value_serde)
        return TableRef(updates, entry, StoreView(store_name), m.queryable)


def _single(partitioner: StreamPartitioner[Any, Any] | None) -> Callable[..., object] | None:
    """A partitioner that is not told the message, and may choose one partition only."""
    if partitioner is None:
        return None

    def choose(topic: str, key: object, value: object, partitions: int) -> object:
        chosen = partitioner(topic, key, None, partitions)
        if isinstance(chosen, Iterable):
            several = tuple(chosen)
            if len(several) != 1:
                raise IllegalArgumentException(
                    "The partitions returned by StreamPartitioner#partitions method when used for FK join should be "
                    "a singleton set"
                )
            return several[0]
        return chosen

    return choose
