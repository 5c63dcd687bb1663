"""`streams-app groups`: who reads what, and how far behind."""

from __future__ import annotations

from collections import Counter

import click

from streams.cli import options, render
from streams.cli.failure import refusals
from streams.cli.topics import admin
from streams.clients import ConsumerGroupDescription, GroupMember, PartitionLag
from streams.errors import GroupIdNotFoundException
from streams.runtime.group.membership import PROTOCOL


@click.group(help="List and describe groups: lag per partition, and which instance has it.")
def groups() -> None: ...


@groups.command("list", help="List all groups.")
@options.as_json
@options.bootstrap
def list_(as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        rows = [[g.group, g.state, g.protocol_type] for g in engine.list_groups()]
        render.table(["Group", "State", "Type"], rows, as_json)


@groups.command(help="Lag of a group: one row a partition.")
@click.argument("group")
@options.as_json
@options.bootstrap
def describe(group: str, as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        if group not in {listed.group for listed in engine.list_groups()}:
            raise GroupIdNotFoundException(
                f"There is no group {group}. `streams-app groups list` shows those there are."
            )
        found = engine.describe_group(group)
        columns = ["Topic", "Partition", "Committed", "End", "Lag", "Instance"]
        if as_json:
            render.table([*columns, "Member", *STATUS], json_rows(found), as_json)
            return
        rows = [lag_of(row) for row in found.partitions]
        clients = {member.client_id for member in found.members}
        if len(clients) < len(found.members):
            # Member ids are long; people need them only where two members go by one name.
            columns.append("Member")
            rows = [
                [*row, each.member and each.member.member_id] for row, each in zip(rows, found.partitions, strict=True)
            ]
        members = f"{len(found.members)} member{'s' * (len(found.members) != 1)}"
        title = f"Group {found.group}: {found.state}, {members}, lag {found.lag}"
        render.table(columns, rows, as_json, "\n".join([title, *status_lines(found)]))


STATUS = ("State", "Dropped", "Refusal", "Restored", "To restore")
"""What members of an application tell of themselves, in every row of the JSON."""


def lag_of(row: PartitionLag) -> list[object]:
    where = row.partition
    return [where.topic, where.partition, row.committed, row.end, row.lag, row.member and row.member.client_id]


def json_rows(found: ConsumerGroupDescription) -> list[list[object]]:
    """One row a partition, and one for each member of an application that has none."""
    rows: list[list[object]] = [[*lag_of(row), *status_of(row.member, found)] for row in found.partitions]
    busy = {row.member.member_id for row in found.partitions if row.member is not None}
    idle = [member for member in found.members if member.member_id not in busy and member.status is not None]
    rows += [[None] * 5 + [member.client_id, *status_of(member, found)] for member in idle]
    return rows or ([[None] * 6 + status_of(None, found)] if found.dropped else [])


def status_of(member: GroupMember | None, found: ConsumerGroupDescription) -> list[object]:
    """The member's id and what it tells; what was dropped is the whole group's. None: that is not known."""
    status = None if member is None else member.status
    dropped = None if found.dropped is None else dict(found.dropped)
    if member is None or status is None:
        return [member and member.member_id, None, dropped, None, None, None]
    refusal = status.refusal or None
    return [member.member_id, status.state, dropped, refusal, status.restored, status.to_restore]


def status_lines(found: ConsumerGroupDescription) -> list[str]:
    """Lines for people: what the members of an application tell of themselves."""
    lines = []
    if found.dropped:
        causes = ", ".join(f"{count} {cause}" for cause, count in sorted(found.dropped.items()))
        lines.append(f"Dropped: {causes}")
    elif found.dropped is not None:
        lines.append("Dropped: nothing")
    statuses = [(member, member.status) for member in found.members if member.status is not None]
    if statuses:
        states = Counter(status.state for _, status in statuses)
        lines.append("State: " + ", ".join(f"{count} {state}" for state, count in sorted(states.items())))
    elif found.dropped is None and found.protocol == PROTOCOL:
        lines.append("State and dropped records: not known; the members have not told, or this engine does not tell")
    restoring = [status for _, status in statuses if status.to_restore]
    if restoring:
        done, total = sum(s.restored for s in restoring), sum(s.to_restore for s in restoring)
        lines.append(f"Restoring: {done} of {total} records")
    refusals = {status.refusal: member for member, status in statuses if status.refusal}
    lines += [f"{member.client_id}: {refusal}" for refusal, member in refusals.items()]
    return lines


@groups.command(help="Delete a group without members, and its offsets.")
@click.argument("group")
@options.bootstrap
def delete(group: str, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        engine.delete_group(group)
        click.echo(f"Deleted group {group}.")
