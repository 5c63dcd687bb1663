"""Producer ids. The requests of transactions belong here."""

from __future__ import annotations

from broker_local.base.error_codes import ErrorCode
from broker_local.broker.broker import Broker, Peer
from broker_local.broker.waits import Answer, Instant
from broker_local.coordinator.records import ProducerIds
from broker_local.protocol.requests.request import Failure
from broker_local.protocol.requests.transactions import ProducerId, ProducerIdReply

ID_BLOCK = 1000
"""Producer ids are taken from the log in blocks: what is left of one at a stop is never given out."""


def producer_id(broker: Broker, peer: Peer, request: ProducerId, at: Instant) -> Answer:
    """An id that no producer of this directory ever had."""
    if request.transactional_id is not None:
        text = "transactional.id: transactions come with exactly-once; not built yet"
        return Failure(ErrorCode.UNSUPPORTED_VERSION, text)
    if not broker.producer_ids:
        first = broker.producer_ids.stop
        broker.log.append([ProducerIds(first + ID_BLOCK)], at.at)
        broker.producer_ids = range(first, first + ID_BLOCK)
    given, broker.producer_ids = broker.producer_ids[0], broker.producer_ids[1:]
    return ProducerIdReply(given, 0)
