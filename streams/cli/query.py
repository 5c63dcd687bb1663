"""`streams-app query STORE KEY`: asks a store of a running application, whichever instance has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import click

from streams.cli import options
from streams.cli.failure import FAILED, Refused, refusals
from streams.cli.instances import Problem, Store, ask, endpoints, store_path
from streams.errors import KafkaException
from streams.query.texts import FORMATS
from streams.serdes import Serdes


@dataclass(frozen=True, slots=True)
class Last:
    """The last line of a long answer."""

    problem: Problem | None = None


@click.command(help="Ask STORE of a running application for KEY, or for a range. Exit code 1: there is no such key.")
@click.argument("store")
@click.argument("key", required=False)
@click.option("--application-id", "-a", required=True, help="The application.")
@click.option("--prefix", default=None, help="Keys that begin so.")
@click.option("--from", "from_", default=None, metavar="KEY", help="Keys from here on; with --window times (ms).")
@click.option("--to", default=None, metavar="KEY", help="Keys up to here; with --window times (ms).")
@click.option("--window", is_flag=True, help="The windows or sessions of KEY, or of all keys.")
@click.option("--reverse", is_flag=True, help="From the last to the first.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Rows at most.")
@click.option("--key-format", type=click.Choice(FORMATS), default="text", show_default=True, help="What KEY is.")
@click.option(
    "--min-position", default=None, metavar="TOPIC:PARTITION:OFFSET", help="Only once it has seen this record."
)
@click.option("--uncommitted", is_flag=True, help="Also what is not committed yet.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
@options.bootstrap
@click.pass_context
def query(
    context: click.Context,
    store: str,
    key: str | None,
    application_id: str,
    prefix: str | None,
    from_: str | None,
    to: str | None,
    window: bool,
    reverse: bool,
    limit: int | None,
    key_format: str,
    min_position: str | None,
    uncommitted: bool,
    as_json: bool,
    bootstrap_servers: str | None,
) -> None:
    with refusals():
        ranged = {"prefix": prefix, "from": from_, "to": to, "limit": limit, "reverse": "true" if reverse else None}
        if key is None and not window and not any(ranged.values()):
            raise Refused("Give a KEY, or --prefix, --from and --to, or --window.")
        if key is not None and not window and any(ranged.values()):
            raise Refused("A KEY has one row: --prefix, --from, --to, --limit and --reverse are for many.")
        given: dict[str, object] = {
            **{name: value for name, value in ranged.items() if value is not None},
            "key_format": key_format,
            "timeout": 10_000,
        }
        if min_position is not None:
            given["min_position"] = min_position
        if uncommitted:
            given["isolation"] = "uncommitted"
        found = endpoints(application_id, options.servers(bootstrap_servers))
        if key is not None and not window:
            reply = ask(found, store_path(store, "keys", key), given)
            if reply.status == 404:
                click.echo(f"streams-app: {reply.detail}", err=True)
                context.exit(FAILED)
            say(row_of(reply.body), as_json)
            return
        kind = "range"
        if key is not None:
            of = Serdes.json(Store).decode(ask(found, store_path(store), {}).body)
            kind = {"session": "sessions", "versioned": "versions"}.get(of.kind, "windows")
        reply = ask(found, store_path(store, kind, key), given)
        *rows, last = reply.body.splitlines()
        for row in rows:
            say(row_of(row), as_json)
        problem = Serdes.json(Last).decode(last).problem
        if problem is not None:
            raise KafkaException(f"The answer is not complete: {problem.detail}")


def row_of(text: bytes) -> Mapping[str, object]:
    """A row as an instance writes it."""
    return Serdes.json(dict[str, object]).decode(text)


def say(row: Mapping[str, object], as_json: bool) -> None:
    """One row."""
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
        return
    parts = [_text(row["key"])]
    found = row.get("window")
    if isinstance(found, dict):
        window: Mapping[str, object] = found
        parts.append(f"{window['start']}..{window['end']}")
    click.echo("\t".join([*parts, _text(row["value"])]))


def _text(value: object) -> str:
    """As it is, unless that would do something to a terminal."""
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value, ensure_ascii=False)
