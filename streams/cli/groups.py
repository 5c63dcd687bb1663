"""`streams-app groups`: who reads what, and how far behind."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import closing

import click

from streams.cli import options, positions, render
from streams.cli.failure import Refused, refusals
from streams.cli.topics import admin, no_topic
from streams.clients import Admin, ConsumerGroupDescription, GroupMember, PartitionLag
from streams.clients.api import Admin as EngineAdmin
from streams.clients.api import MemberDescription, Position
from streams.clients.connect import connect
from streams.clients.offset_targets import Move, moves
from streams.clients.settings import admin_settings
from streams.errors import GroupIdNotFoundException, GroupNotEmptyException
from streams.names import check_group, check_topic
from streams.record import TopicPartition
from streams.runtime.group.membership import PROTOCOL


@click.group(help="List, describe, reset and delete groups: lag per partition, and which instance has it.")
def groups() -> None: ...


@groups.command("list", help="List all groups: state, members, and lag in all partitions together.")
@options.as_json
@options.bootstrap
def list_(as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        listed = engine.list_groups()
        found = engine.describe_groups(each.group for each in listed)
        rows = [[*each[:3], *counts_of(found.get(each.group))] for each in listed]
        render.table(["Group", "State", "Type", "Members", "Lag"], rows, as_json)


def counts_of(found: ConsumerGroupDescription | None) -> list[int | None]:
    """Members and lag; None: it cannot be told, as of a group of another protocol, or nothing is committed."""
    if found is None:
        return [None, None]
    committed = any(row.committed is not None for row in found.partitions)
    return [len(found.members), found.lag if committed else None]


@groups.command(help="Lag of a group: one row a partition.")
@click.argument("group")
@options.as_json
@options.bootstrap
def describe(group: str, as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        found = existing(engine, group)
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


def existing(engine: Admin, group: str) -> ConsumerGroupDescription:
    """The group.

    Raises:
        GroupIdNotFoundException: there is none.
    """
    if group not in {listed.group for listed in engine.list_groups()}:
        raise GroupIdNotFoundException(f"There is no group {group}. `streams-app groups list` shows those there are.")
    return engine.describe_group(group)


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
        members = existing(engine, group).members
        if members:
            raise GroupNotEmptyException(f"Group {group} has members: {spoken(members)}. Stop them first.")
        engine.delete_group(group)
        click.echo(f"Deleted group {group}.")


@groups.command(
    "reset-offsets",
    help="Set the positions of a group without members. Shows what would change; --execute does it.",
)
@click.argument("group")
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="TOPIC[:PARTITION,…]",
    help="Of this topic, or of these partitions of it; may be repeated.",
)
@click.option("--all-topics", is_flag=True, help="Of all topics that the group has committed positions of.")
@positions.options
@click.option("--execute", is_flag=True, help="Do it.")
@click.option("--dry-run", is_flag=True, help="Change nothing, which is the default.")
@options.as_json
@options.bootstrap
def reset_offsets(
    group: str,
    topics: tuple[str, ...],
    all_topics: bool,
    execute: bool,
    dry_run: bool,
    as_json: bool,
    bootstrap_servers: str | None,
) -> None:
    with refusals():
        chosen = positions.chosen()
        if chosen is None:
            raise Refused("Where to? Give one of --to-earliest, --to-latest, --to-offset, --to-datetime, --shift-by, …")
        if execute and dry_run:
            raise Refused("--execute and --dry-run contradict each other. Give one of them.")
        if bool(topics) == all_topics and not (chosen.of_file and not topics):
            raise Refused("Of which topics? Give --topic TOPIC, once or more, or --all-topics.")
        wanted = [part for each in topics for part in parts_of(each)]
        settings = admin_settings(options.servers(bootstrap_servers), {})
        door = connect(settings.bootstrap_servers, "streams-app", connections=settings.connections)
        with closing(door), closing(door.admin()) as engine:
            moved = planned(engine, group, wanted, all_topics, chosen)
            if execute:
                engine.alter_group_offsets(group, {each.partition: Position(each.after) for each in moved})
            if as_json:
                click.echo(json.dumps(positions.rows(moved), ensure_ascii=False))
                return
            positions.show(moved, f"Group {group}: positions that {'were' if execute else 'would be'} set")
            if not execute:
                click.echo("Nothing has been changed: --execute does it.")


def planned(
    engine: EngineAdmin, group: str, wanted: list[str | TopicPartition], all_topics: bool, chosen: positions.Chosen
) -> list[Move]:
    """The positions of a group before and after."""
    check_group(group)
    try:
        found = engine.describe_group(group)
    except GroupIdNotFoundException:
        found = None
    if found is not None and found.members:
        raise GroupNotEmptyException(
            f"Assignments can only be reset if the group '{group}' is inactive, but the current state is "
            f"{found.state}: {spoken(found.members)}. Stop them first."
        )
    committed = {} if found is None else {each: position.offset for each, position in found.offsets.items()}
    if all_topics:
        wanted = [*dict.fromkeys(each.topic for each in sorted(committed))]
        if not wanted:
            raise GroupIdNotFoundException(
                f"Group {group} has committed nothing, so that --all-topics means none. Name them: --topic TOPIC."
            )
    wanted = wanted or [*chosen.of_file]
    names = [each if isinstance(each, str) else each.topic for each in wanted]
    there = engine.describe_topics(names)
    for name in names:
        if name not in there:
            raise no_topic(name)
    parts: list[TopicPartition] = []
    for each in wanted:
        if isinstance(each, str):
            parts += [TopicPartition(each, number) for number in range(there[each].partitions)]
        elif each.partition < there[each.topic].partitions:
            parts.append(each)
        else:
            last = there[each.topic].partitions - 1
            raise Refused(f"Topic {each.topic} has partitions 0 to {last}, not {each.partition}.")
    return moves(engine, group, [*dict.fromkeys(parts)], committed, chosen.target)


def parts_of(given: str) -> list[str | TopicPartition]:
    """`TOPIC`, or `TOPIC:0,2`.

    Raises:
        Refused: the partitions are no numbers.
    """
    name, sign, numbers = given.partition(":")
    if not sign:
        return [check_topic(name)]
    found = [number.strip() for number in numbers.split(",")]
    if not all(number.isascii() and number.isdigit() and len(number) < 10 for number in found):
        raise Refused(f"--topic {given!r} is not of the form TOPIC or TOPIC:PARTITION,PARTITION.")
    return [TopicPartition(check_topic(name), int(number)) for number in found]


def spoken(members: Iterable[GroupMember | MemberDescription]) -> str:
    """Members by their names, for a message."""
    return ", ".join(
        f"{each.client_id} on {each.host} ({', static as '.join(filter(None, (each.member_id, each.instance_id)))})"
        for each in members
    )
