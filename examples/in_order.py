"""Records of one key are processed in the order in which they were sent: checked, not believed.

    streams-app topics create steps --partitions 4
    for n in 1 2 3 4 5; do echo "alice:$n"; done | streams-app produce steps --key-separator : --value-serde long
    streams-app --application-id in-order examples/in_order.py
    streams-app consume out-of-order --from-beginning --value-serde long

One key lies in one partition, one partition is read by one task, and a task is run by one thread. Each value has to be
one more than the one before it of the same key; a record that is not goes to `out-of-order`, which stays empty.
"""

from __future__ import annotations

from streams import FixedKeyProcessorContext, FixedKeyRecord, Serdes, Stores, StreamsBuilder

numbers = Stores.key_value_store_builder(
    Stores.persistent_key_value_store("last-number"), Serdes.string(), Serdes.long()
)


class Successor:
    """Forwards a record whose number does not follow the last one of its key."""

    stores = (numbers,)

    def init(self, context: FixedKeyProcessorContext[str, int]) -> None:
        self.context = context
        self.last = context.get_state_store("last-number")

    def process(self, record: FixedKeyRecord[str, int]) -> None:
        last = self.last.get(record.key)
        if last is not None and record.value != last + 1:
            self.context.forward(record)
        self.last.put(record.key, record.value)

    def close(self) -> None:
        """Nothing is held."""


def topology(builder: StreamsBuilder) -> None:
    steps = builder.stream("steps", key_serde=Serdes.string(), value_serde=Serdes.long())
    steps.process_values(Successor).to("out-of-order", key_serde=Serdes.string(), value_serde=Serdes.long())
