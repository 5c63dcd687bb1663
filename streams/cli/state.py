"""`streams-app state`: the instances of a running application, their tasks and stores, and how far restores are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from streams.cli import options, render
from streams.cli.failure import FAILED, refusals
from streams.cli.instances import Store, endpoints, get
from streams.query.instance import GLOBAL
from streams.serdes import Serdes


@dataclass(frozen=True, slots=True)
class State:
    """How an instance is, as it says."""

    state: str
    generation: int
    tasks: Sequence[str]
    lag: int
    restoring: Mapping[str, tuple[int, int]]


@click.command(help="How a running application is: instances, tasks, lag, stores and restores.")
@click.option("--application-id", "-a", required=True, help="The application.")
@options.as_json
@options.bootstrap
@click.pass_context
def state(context: click.Context, application_id: str, as_json: bool, bootstrap_servers: str | None) -> None:
    with refusals():
        rows: list[list[object]] = []
        stores: list[list[object]] = []
        for endpoint in endpoints(application_id, options.servers(bootstrap_servers)):
            try:
                answers = get(endpoint, "/state"), get(endpoint, "/stores")
            except OSError as error:
                rows.append([endpoint, f"does not answer: {error}", None, None, None, None])
                continue
            if any(each.status != 200 for each in answers):
                rows.append([endpoint, answers[0].detail or answers[1].detail, None, None, None, None])
                continue
            found = Serdes.json(State).decode(answers[0].body)
            restoring = [f"{what} {done:,} of {total:,}" for what, (done, total) in found.restoring.items()]
            rows.append(
                [
                    endpoint,
                    found.state,
                    found.generation,
                    found.tasks if as_json else ", ".join(found.tasks),
                    found.lag,
                    found.restoring if as_json else ", ".join(restoring),
                ]
            )
            for store in Serdes.json(list[Store]).decode(answers[1].body):
                for partition, each in store.here.items():
                    where = "all" if partition == GLOBAL else partition
                    far = f"{each.restored:,} of {each.to_restore:,}" if each.state == "RESTORING" else ""
                    stores.append([store.name, where, store.kind, endpoint, each.state, far])
        columns = ["Instance", "State", "Generation", "Tasks", "Lag", "Restoring"]
        if as_json:
            render.table(columns, rows, True)
        else:
            render.table(columns, rows, False, f"Application {application_id}")
            render.table(
                ["Store", "Partition", "Kind", "Instance", "State", "Restored"],
                sorted(stores, key=lambda row: (str(row[0]), str(row[1]).zfill(9), str(row[3]))),
                False,
                "Stores",
            )
        if all(row[2] is None for row in rows):
            context.exit(FAILED)
