"""`streams-app groups`: who reads what, and how far behind."""

from __future__ import annotations

import click

from streams.cli import options, render
from streams.cli.failure import FAILED, Refused, refusals
from streams.cli.topics import admin
from streams.clients import PartitionLag


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
            raise Refused(f"There is no group {group}. `streams-app groups list` shows those there are.", FAILED)
        found = engine.describe_group(group)
        columns = ["Topic", "Partition", "Committed", "End", "Lag", "Instance"]
        rows = [lag_of(row) for row in found.partitions]
        clients = {member.client_id for member in found.members}
        if as_json or len(clients) < len(found.members):
            # Member ids are long; people need them only where two members go by one name.
            columns.append("Member")
            rows = [
                [*row, each.member and each.member.member_id] for row, each in zip(rows, found.partitions, strict=True)
            ]
        members = f"{len(found.members)} member{'s' * (len(found.members) != 1)}"
        render.table(columns, rows, as_json, f"Group {found.group}: {found.state}, {members}, lag {found.lag}")


def lag_of(row: PartitionLag) -> list[object]:
    where = row.partition
    return [where.topic, where.partition, row.committed, row.end, row.lag, row.member and row.member.client_id]


@groups.command(help="Delete a group without members, and its offsets.")
@click.argument("group")
@options.bootstrap
def delete(group: str, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        engine.delete_group(group)
        click.echo(f"Deleted group {group}.")
