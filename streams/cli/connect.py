"""`streams-app connect`: runs connectors, looks at their configurations, and shows what they would do."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from streams.cli import options, render
from streams.cli.failure import INTERRUPTED, STOPPED, USAGE, Refused, refusals
from streams.cli.logs import start_logging
from streams.cli.stop import Stop
from streams.clients.connect import working_directory
from streams.config.table import text_of
from streams.connect.config_def import Config
from streams.connect.connector_config import Validation, config_of, validate
from streams.connect.password import Secrets
from streams.connect.plugins import ALIASES, CONNECTORS, CONVERTERS, PREDICATES, SIDED, SIMPLE_HEADERS, WHOLE
from streams.connect.providers import Providers
from streams.connect.rest.serve import serve
from streams.connect.settings_files import read_settings
from streams.connect.worker.herder import Herder
from streams.connect.worker.standalone import RunningConnector, StandaloneWorker
from streams.connect.worker.status import State
from streams.connect.worker_config import WorkerConfig, worker_config
from streams.http.token import http_token
from streams.world import SYSTEM

if TYPE_CHECKING:
    from streams.http.server import HttpServer

LOOK_MS = 50
TELL_MS = 10_000
DEFAULTS = {"key.converter": "StringConverter", "value.converter": "StringConverter"}
"""What `validate` and `dry-run` take for the worker's where none is given."""


@click.group(help="Run connectors: from files and databases into topics, and from topics into them.")
def connect() -> None:
    sys.path.insert(0, working_directory())  # connectors of one's own: package.module:Class


@connect.command(
    help="Run the connectors of FILES (.properties, .json, .yaml) in this process, until it is stopped. With "
    "`listeners` more are made, looked at and ended by REST."
)
@click.argument("worker", metavar="WORKER.properties", type=click.Path(path_type=Path))
@click.argument("files", metavar="[FILES...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--log-level", default="info", show_default=True, help="debug, info, warning or error.")
def standalone(worker: Path, files: tuple[Path, ...], log_level: str) -> None:
    start_logging(log_level)
    with refusals():
        settings = read_settings(worker)
        if not files and not settings.get("listeners"):
            raise Refused("Give files of connectors, or listeners=http://127.0.0.1:8083 in the worker's settings.")
        connectors = [read_settings(file) for file in files]
        stopped = Stop()
        with StandaloneWorker(settings) as running, answering(serve(running.herder, http_token()), running.herder):
            rows = list(map(row, running.add_all(connectors)))
            if rows:
                render.table(("connector", "class", "kind", "tasks", "guarantee"), rows, False)
            watch(running.herder, stopped)
        raise SystemExit(INTERRUPTED if stopped.signal == signal.SIGINT else STOPPED)


@connect.command(
    help="Run a worker that shares connectors and tasks with the others of its `group.id`, until it is stopped. "
    "Connectors are made, looked at and ended by REST, at `listeners` (http://127.0.0.1:8083) of any of them."
)
@click.argument("worker", metavar="WORKER.properties", type=click.Path(path_type=Path))
@click.option("--log-level", default="info", show_default=True, help="debug, info, warning or error.")
def distributed(worker: Path, log_level: str) -> None:
    from streams.connect.worker.distributed import DistributedWorker

    start_logging(log_level)
    with refusals():
        stopped = Stop()
        with DistributedWorker(read_settings(worker)) as running:
            server = serve(running.herder, http_token(), default=True)
            running.start()
            with answering(server, running.herder):
                watch(running.herder, stopped)
        raise SystemExit(INTERRUPTED if stopped.signal == signal.SIGINT else STOPPED)


@contextmanager
def answering(server: HttpServer | None, herder: Herder) -> Iterator[None]:
    """Answers by REST meanwhile, where that is wanted."""
    if server is None:
        yield
        return
    server.start()
    click.echo(f"streams-app: REST at http://{herder.group.worker_id}", err=True)
    try:
        yield
    finally:
        server.close()


def row(connector: RunningConnector) -> tuple[object, ...]:
    """A connector as the table at the start shows it."""
    tasks = len(connector.tasks)
    return connector.name, connector.class_name, connector.kind, tasks, connector.guarantee.value


def watch(herder: Herder, stopped: Stop) -> None:
    """Waits for a signal; now and then says which tasks cannot do their work, why, and when they are tried again."""
    due = SYSTEM.monotonic_ms() + TELL_MS
    while stopped.signal is None:
        now = SYSTEM.monotonic_ms()
        if now >= due:
            due = now + TELL_MS
            for line in hindered(herder, now):
                click.echo(line, err=True)
        SYSTEM.sleep(LOOK_MS)


def hindered(herder: Herder, now: float) -> list[str]:
    """A line for each connector and each task here that cannot do its work."""
    found = []
    for about, hosted in [*herder.running.connectors.items(), *herder.running.tasks.items()]:
        status = hosted.status
        if status.state in (State.RETRYING, State.FAILED):
            again = status.next_attempt_ms
            when = "not again" if again is None else f"again in {max(0.0, again - now) / 1000:.1f} s"
            found.append(
                f"streams-app: {about} is {status.state.value} ({when}, attempt {status.attempts}): {status.cause}"
            )
    return found


class Looked(NamedTuple):
    """A configuration with all that is wrong with it, the worker's that it is for, and what hides its secrets."""

    validation: Validation
    given: dict[str, str]
    worker: WorkerConfig
    hide: Callable[[str], str]


def looked_at(file: Path, worker: Path | None) -> Looked:
    """Reads a configuration and looks at every setting of it."""
    settings = {"bootstrap.servers": default_servers(), **DEFAULTS, **({} if worker is None else read_settings(worker))}
    providers = Providers(settings, os.environ)
    written = read_settings(file)
    given = providers.resolved(written)
    validation = validate(given)
    hide = Secrets(written, given, (value.value for value in validation.values.values())).hide
    for value in validation.values.values():
        value.errors = list(map(hide, value.errors))
    return Looked(validation, given, worker_config(providers.resolved(settings)), hide)


def default_servers() -> str:
    return os.environ.get("STREAMS_APP_BOOTSTRAP_SERVERS", "local://")


_worker = click.option(
    "--worker", "-w", default=None, type=click.Path(path_type=Path), help="The worker's settings: converters, engine."
)


@connect.command("validate", help="Say what is wrong with the configurations of FILES, setting by setting.")
@click.argument("files", metavar="FILES...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_worker
@options.as_json
def validate_(files: tuple[Path, ...], worker: Path | None, as_json: bool) -> None:
    with refusals():
        found = {file: looked_at(file, worker) for file in files}
    if as_json:
        click.echo(json.dumps({str(file): report(each) for file, each in found.items()}, indent=2))
    else:
        for file, each in found.items():
            tell(file, each)
    if any(each.validation.errors for each in found.values()):
        raise SystemExit(USAGE)


def report(looked: Looked) -> dict[str, object]:
    """A validation for programs. Secrets are hidden."""
    validation, given = looked.validation, looked.given
    values = {name: value.shown for name, value in validation.values.items() if value.value is not None}
    return {
        "name": given.get("name", ""),
        "class": validation.connector.__qualname__,
        "guarantee": guarantee(validation, given),
        "error_count": sum(map(len, validation.errors.values())),
        "errors": validation.errors,
        "warnings": validation.warnings,
        "remarks": list(map(looked.hide, remarks(validation, given))),
        "values": {name: looked.hide(text_of(value)) for name, value in values.items()},
    }


def guarantee(validation: Validation, given: Mapping[str, str]) -> str:
    """What is derived for a connector; "" where its settings are wrong."""
    if validation.errors:
        return ""
    config: Config = config_of(validation, given)
    return validation.connector.guarantee(config).value


def remarks(validation: Validation, given: Mapping[str, str]) -> list[str]:
    """What a connector says of itself; nothing where its settings are wrong."""
    return [] if validation.errors else list(validation.connector.remarks(config_of(validation, given)))


def tell(file: Path, looked: Looked) -> None:
    """A validation for people."""
    validation, given = looked.validation, looked.given
    name = given.get("name", "?")
    if not validation.errors:
        click.echo(f"{file}: {name} ({validation.connector.__qualname__}) is valid, {guarantee(validation, given)}.")
    else:
        count = sum(map(len, validation.errors.values()))
        click.echo(f"{file}: {name} ({validation.connector.__qualname__}) has {count} error{'s' * (count != 1)}:")
    for setting, errors in validation.errors.items():
        for error in errors:
            click.echo(f"  {setting}: {error}")
    for said in validation.warnings:
        click.echo(f"  (warning) {said}")
    for said in remarks(validation, given):
        click.echo(f"  {looked.hide(said)}")


@connect.command("dry-run", help="Show the first records of a connector after each transform. Nothing is stored.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@_worker
@click.option("--records", "-n", type=click.IntRange(1), default=10, show_default=True, help="How many records.")
@options.as_json
def dry_run(file: Path, worker: Path | None, records: int, as_json: bool) -> None:
    from streams.connect.dry_run import dry_run as trails_of

    with refusals():
        validation, given, config, _ = looked_at(file, worker)
        validation.check()
        shown = 0
        for number, trail in enumerate(trails_of(validation, given, config, records), 1):
            shown = number
            if as_json:
                lines = [{name: getattr(line, name) for name in line.__slots__} for line in trail.lines]
                click.echo(json.dumps(lines, ensure_ascii=False))
                continue
            click.echo(f"record {number}")
            width = max(len(line.after) for line in trail.lines)
            for line in trail.lines:
                said = f"{line.topic}  key={on_a_line(line.key)}  value={on_a_line(line.value)}" if line.topic else ""
                click.echo(f"  {line.after:{width}}  {said}{'  ' * bool(said and line.note)}{line.note}")
        if not shown and not as_json:
            click.echo("There is no record to show.")


def on_a_line(text: str) -> str:
    """Text with what would break the line, or the terminal, written as escapes."""
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


@connect.command(help="List connectors, transforms, predicates and converters.")
@options.as_json
def plugins(as_json: bool) -> None:
    rows: list[tuple[str, str, str]] = []
    for name in CONNECTORS:
        also = ", ".join(alias for alias, meant in ALIASES.items() if meant == name and "." in alias)
        rows.append(("sink" if name.endswith("Sink") else "source", name, also))
    for name in sorted((*SIDED, *WHOLE)):
        rows.append(("transform", f"{name}$Key, {name}$Value" if name in SIDED else name, ""))
    rows += [("predicate", name, "") for name in sorted(PREDICATES)]
    rows += [("converter", name, "") for name in sorted((*CONVERTERS, SIMPLE_HEADERS))]
    render.table(("kind", "name", "also known as"), rows, as_json)
