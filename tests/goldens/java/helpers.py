"""The helper classes that the snippets use by name."""

from __future__ import annotations

from typing import Any

import streams
from streams.processor import PunctuationType


class Forwarding:
    """Forwards each record as it is."""

    def init(self, context: Any) -> None:
        self.context = context

    def process(self, record: Any) -> None:
        self.context.forward(record)

    def close(self) -> None: ...


class MyProcessor(Forwarding): ...


class MyFixedKeyProcessor(Forwarding): ...


class GlobalProcessor(Forwarding):
    def process(self, record: Any) -> None: ...


class ReadOnlyProcessor(GlobalProcessor): ...


class MyTransformer:
    def init(self, context: Any) -> None: ...

    def transform(self, read_only_key: Any, value: Any) -> Any:
        return value

    def close(self) -> None: ...


class RouteExtractor:
    def __call__(self, key: Any, value: Any, context: Any) -> str:
        return "routed"

    def __str__(self) -> str:
        return "RouteExtractor"


class SupplierWithStore:
    """A supplier that brings a store of its own."""

    def __init__(self, name: str) -> None:
        supplier = streams.Stores.in_memory_key_value_store(name)
        string = streams.Serdes.string()
        self.stores = [streams.Stores.key_value_store_builder(supplier, string, string)]

    def __call__(self) -> MyProcessor:
        return MyProcessor()


class StoreReader(Forwarding):
    def __init__(self, store: str) -> None:
        self.name = store

    def init(self, context: Any) -> None:
        super().init(context)
        self.store = context.get_state_store(self.name)


class StoreWriter(StoreReader):
    def process(self, record: Any) -> None:
        self.store.put(record.key, record.value)


class ForwardTo(Forwarding):
    def __init__(self, child: str) -> None:
        self.child = child

    def process(self, record: Any) -> None:
        self.context.forward(record, self.child)


class NegativeTimestamp(Forwarding):
    def process(self, record: Any) -> None:
        self.context.forward(record.with_timestamp(-1))


class PunctuateEvery(Forwarding):
    def __init__(self, interval: int) -> None:
        self.interval = interval

    def init(self, context: Any) -> None:
        super().init(context)
        context.schedule(self.interval, PunctuationType.WALL_CLOCK_TIME, lambda time: None)
