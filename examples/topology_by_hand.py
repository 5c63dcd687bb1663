r"""A topology of a source, a processor with a store, and two sinks, put together by hand.

    streams-app topology describe examples/topology_by_hand.py
    streams-app topology graph examples/topology_by_hand.py --format svg --output topology.svg
    printf '21.5\n48.0\n' | streams-app produce temperatures --value-serde double
    streams-app --application-id records examples/topology_by_hand.py
    streams-app consume new-records --from-beginning --value-serde double

`topology describe` prints Kafka Streams' own text, which other tools read; `topology graph` draws it.
"""

from __future__ import annotations

from streams import ContextualProcessor, ProcessorContext, Record, Serdes, Stores, Topology


class Highest(ContextualProcessor[str, float, str, float]):
    """Forwards a temperature that is higher than all before it; alarming ones to a second sink as well."""

    def init(self, context: ProcessorContext[str, float]) -> None:
        super().init(context)
        self.highest = context.get_state_store("highest")

    def process(self, record: Record[str, float]) -> None:
        so_far = self.highest.get("all")
        if so_far is None or record.value > so_far:
            self.highest.put("all", record.value)
            self.context.forward(record, "new-records")
        if record.value > 40:
            self.context.forward(record, "alarms")


highest = Stores.key_value_store_builder(Stores.persistent_key_value_store("highest"), Serdes.string(), Serdes.double())

topology = (
    Topology()
    .add_source("temperatures", Serdes.string(), Serdes.double(), "temperatures")
    .add_processor("highest-so-far", Highest, "temperatures")
    .add_state_store(highest, "highest-so-far")
    .add_sink("new-records", "new-records", Serdes.string(), Serdes.double(), "highest-so-far")
    .add_sink("alarms", "alarms", Serdes.string(), Serdes.double(), "highest-so-far")
)
