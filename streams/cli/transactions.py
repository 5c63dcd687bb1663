"""`streams-app transactions`: what goes on, who holds it and since when, and an end to what hangs."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from streams.cli import options, render
from streams.cli.failure import refusals
from streams.cli.topics import admin
from streams.clients import TransactionDescription
from streams.errors import TransactionalIdNotFoundException


@click.group(help="List and describe transactions: who holds them, since when, where; and abort one that hangs.")
def transactions() -> None: ...


@transactions.command("list", help="List transactional ids, what goes on under them, and who holds it.")
@options.as_json
@options.bootstrap
def list_(as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        rows = [
            [*each[:4], each.since if as_json else _time(each.since), each.holder]
            for each in engine.list_transactions()
        ]
        render.table(["Transactional id", "State", "Producer", "Epoch", "Since", "Holder"], rows, as_json)


def _time(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC).isoformat(" ", "seconds")


@transactions.command(help="What goes on under a transactional id. Who reads committed records waits for it.")
@click.argument("transactional_id", metavar="ID")
@options.as_json
@options.bootstrap
def describe(transactional_id: str, as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        try:
            found = engine.describe_transaction(transactional_id)
        except TransactionalIdNotFoundException:
            raise _unknown(transactional_id) from None
        render.fields(rows_of(found, as_json), as_json)
        if found.since is not None and not as_json:
            click.echo(f"To end it: streams-app transactions abort {found.transactional_id}")


@transactions.command(help="Abort what goes on under a transactional id. Its producer is fenced.")
@click.argument("transactional_id", metavar="ID")
@options.bootstrap
def abort(transactional_id: str, bootstrap_servers: str | None) -> None:
    with refusals(), admin(bootstrap_servers) as engine:
        try:
            engine.abort_transaction(transactional_id)
        except TransactionalIdNotFoundException:
            raise _unknown(transactional_id) from None
        click.echo(f"Aborted the transaction of {transactional_id}.")


def _unknown(transactional_id: str) -> TransactionalIdNotFoundException:
    return TransactionalIdNotFoundException(
        f"There is no transactional id {transactional_id}. `streams-app transactions list` shows those there are."
    )


def rows_of(found: TransactionDescription, as_json: bool) -> dict[str, object]:
    """What there is to say of a transaction; for programs with times in milliseconds and lists."""
    places = [f"{each.topic}-{each.partition}" for each in found.partitions]
    if as_json:
        return {
            "transactional_id": found.transactional_id,
            "state": found.state,
            "producer_id": found.producer_id,
            "epoch": found.epoch,
            "timeout_ms": found.timeout_ms,
            "since": found.since,
            "holder": found.holder,
            "connected": found.connected,
            "member": found.member_id,
            "partitions": places,
            "groups": list(found.groups),
        }
    return {
        "Transactional id": found.transactional_id,
        "State": found.state,
        "Producer": f"{found.producer_id}, epoch {found.epoch}",
        "Holder": f"{found.holder} ({'connected' if found.connected else 'no connection'})",
        "Member": found.member_id,
        "Since": _time(found.since),
        "Timeout": f"{found.timeout_ms} ms",
        "Partitions": ", ".join(places) or None,
        "Groups": ", ".join(found.groups) or None,
    }
