r"""Drops an event that was seen within the last hour, with a processor, its store and a timer.

    printf 'a:1\nb:2\na:1\n' | streams-app produce raw-events --key-separator :
    streams-app --application-id dedup examples/deduplicate.py
    streams-app consume events-once --from-beginning

The store holds when each key was last let through. Every ten minutes of stream time what is older than an hour is
deleted, so that the store stays small.
"""

from __future__ import annotations

from datetime import timedelta

from streams import FixedKeyProcessorContext, FixedKeyRecord, PunctuationType, Serdes, Stores, StreamsBuilder

HOUR_MS = 3_600_000

seen = Stores.key_value_store_builder(
    Stores.persistent_key_value_store("seen"), Serdes.string(), Serdes.long()
).with_caching_enabled()


class FirstOfTheHour:
    stores = (seen,)

    def init(self, context: FixedKeyProcessorContext[str, str]) -> None:
        self.context = context
        self.seen = context.get_state_store("seen")
        context.schedule(timedelta(minutes=10), PunctuationType.STREAM_TIME, self.forget)

    def process(self, record: FixedKeyRecord[str, str]) -> None:
        last = self.seen.get(record.key)
        if last is None or record.timestamp - last >= HOUR_MS:
            self.seen.put(record.key, record.timestamp)
            self.context.forward(record)

    def forget(self, now: int) -> None:
        with self.seen.all() as entries:
            old = [key for key, last in entries if now - last >= HOUR_MS]
        for key in old:
            self.seen.delete(key)

    def close(self) -> None:
        """Nothing is held."""


def topology(builder: StreamsBuilder) -> None:
    events = builder.stream("raw-events", key_serde=Serdes.string(), value_serde=Serdes.string())
    events.process_values(FirstOfTheHour).to("events-once", key_serde=Serdes.string(), value_serde=Serdes.string())
