"""Where a group begins: `auto.offset.reset` holds where nothing is committed, and is ignored where something is.

python examples/clients/offset_reset.py [local://DIR]
"""

from __future__ import annotations

import sys

from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition
from streams.errors import NoOffsetForPartitionException

ONLY = TopicPartition("history", 0)


def first_position(servers: str, group: str, reset: str) -> int | str:
    """Where a group with this policy begins, or the error's name."""
    with Consumer(bootstrap_servers=servers, group_id=group, auto_offset_reset=reset, enable_auto_commit=False) as each:
        each.assign([ONLY])
        try:
            return each.position(ONLY)
        except NoOffsetForPartitionException as error:
            return type(error).__name__


def main(servers: str) -> dict[str, int | str]:
    with Producer(bootstrap_servers=servers) as producer:
        for number in range(5):
            producer.send(ProducerRecord(ONLY.topic, b"%d" % number))
    found = {reset: first_position(servers, f"new-{reset}", reset) for reset in ("earliest", "latest", "none")}
    with Admin(bootstrap_servers=servers) as admin:
        admin.reset_offsets("known", [ONLY], to_offset=3)
    for reset in ("earliest", "latest", "none"):
        found[f"{reset}, 3 committed"] = first_position(servers, "known", reset)
    for what, position in found.items():
        print(f"{what}: {position}")
    return found


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "local://")
