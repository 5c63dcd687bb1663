"""Members that are known to be dead, put out of their group at once.

Kafka does not look at connections: whoever died is waited for until its session has run out. A coordinator does not ask
who says that a member leaves, so who knows of a death may say it in the dead one's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from streams.clients.api import Door, LeaveGroup, MemberDescription
from streams.errors import GroupIdNotFoundException, TimeoutException, UnknownMemberIdException

WAIT_MS = 5_000


def evict(door: Door, group: str, client_id: str) -> int:
    """Puts the dynamic members of a dead client out of a group. A static member keeps its place: its successor has the
    same `group.instance.id`.

    Args:
        door: to the engine of the group.
        group: its id.
        client_id: which nobody alive has.
    Returns:
        how many were put out.
    Raises:
        KafkaException: the group could not be asked, or refuses.
        TimeoutException: no answer in time.
    """
    with closing(door.admin()) as admin:
        try:
            members = admin.describe_group(group).members
        except GroupIdNotFoundException:
            return 0
    gone = [each for each in members if each.client_id == client_id and each.instance_id is None]
    put_out(door, group, gone)
    return len(gone)


def put_out(door: Door, group: str, members: Iterable[MemberDescription]) -> None:
    """Puts members out of a group. Who lives joins it again.

    Args:
        door: to the engine of the group.
        group: its id.
        members: as it describes them; static ones lose their place too.
    Raises:
        KafkaException: the group refuses.
        TimeoutException: no answer in time.
    """
    with closing(door.link()) as link:
        left = {link.send(LeaveGroup(group, member.member_id, member.instance_id)) for member in members}
        deadline = door.world.monotonic_ms() + WAIT_MS
        while left:
            wait_ms = int(deadline - door.world.monotonic_ms())
            if wait_ms <= 0:
                raise TimeoutException(f"Group {group!r}: no answer in {WAIT_MS} ms.")
            for ticket, reply in link.receive(wait_ms):
                left.discard(ticket)
                if reply.error is not None and not isinstance(reply.error, UnknownMemberIdException):
                    raise reply.error
