"""Producer ids. The requests of transactions belong here."""

from __future__ import annotations

from dataclasses import dataclass

from broker_local.protocol.requests.request import Asks, Name, Reply, request

NOT_BUILT = {40: "transaction_offsets", 41: "transaction_end"}
"""Requests that are known: they are refused by name."""


@dataclass(frozen=True, slots=True)
class ProducerIdReply(Reply):
    producer_id: int
    epoch: int


@request(14, ProducerIdReply)
@dataclass(frozen=True, slots=True)
class ProducerId(Asks[ProducerIdReply]):
    """A new id for an idempotent producer. A transactional id is refused: transactions are not built yet."""

    transactional_id: Name | None = None
