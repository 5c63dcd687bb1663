"""The serde of a grouped table's repartition topic: new and old value together."""

from __future__ import annotations

from typing import Any

from streams.dsl.flow import MaybeSerde
from streams.serdes.base import Serde
from streams.serdes.change import Change, change_decoder, change_encoder
from streams.topology.plan import SerdeAround


def change_serde(inner: Serde[Any]) -> Serde[Any]:
    """Writes `Change(new, old)` as Java's `ChangedSerializer`, each value by `inner`."""
    write = change_encoder(inner.encode)

    def encode(change: Change[Any]) -> bytes:
        return write(change.new, change.old)

    return Serde(f"change of {inner.name}", encode, change_decoder(inner.decode))


def change_around(inner: MaybeSerde) -> SerdeAround:
    """The same around a serde that may be the configured default."""
    return SerdeAround(change_serde, inner, "value")
