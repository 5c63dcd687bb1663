"""Whom to wait for. `0`: nobody, so there is no offset; `1` and `all`: the engine has stored it.

The bundled engine is one node: `all` means stored on this node. `min.insync.replicas` is accepted as a topic's setting
and has its meaning on Apache Kafka.

    python examples/clients/acks.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Producer, ProducerRecord


def main(servers: str) -> dict[str, int]:
    offsets: dict[str, int] = {}
    for acks in ("0", "1", "all"):
        with Producer(bootstrap_servers=servers, acks=acks) as producer:
            offsets[acks] = producer.send(ProducerRecord("acknowledged", acks.encode())).result().offset
        print(f"acks={acks}: offset {offsets[acks]}")
    return offsets


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")
