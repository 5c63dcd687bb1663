"""`streams-app run SCRIPT`, the default command: runs an application until it is stopped."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from socket import socket

import click

from streams.app import KafkaStreams
from streams.cli.failure import FAILED, INTERRUPTED, STOPPED, Refused, refusals, said
from streams.cli.load import Script, load
from streams.cli.log_format import JsonFormatter
from streams.cli.logs import start_logging
from streams.cli.stop import Stop
from streams.cli.terminal import Terminal, status_line
from streams.cli.workers import as_one_of_several, supervise
from streams.clients.connect import data_directory, over_tcp
from streams.config.load import from_environment, from_pairs, merge, with_file
from streams.runtime.worker.summary import Pace
from streams.supervisor import end_with_supervisor
from streams.systemd import Notifier, notifier
from streams.world import SYSTEM

log = logging.getLogger("streams.cli.run")

CLOSE_MS = 30_000
STATUS_S = 0.5
TELL_S = 0.2
"""Between two looks at what systemd is to know."""
LOOK_MS = 50
"""Between two states of the status line."""


@click.command(help="Run SCRIPT, a Python file or package.module[:name] that builds a topology.")
@click.argument("script")
@click.option(
    "--application-id", "-a", default=None, help="The application; instances with the same id share its work."
)
@click.option("--bootstrap-servers", "-b", default=None, help="local://DIR (default local://.streams) or host:port,…")
@click.option("--processing-guarantee", default=None, help="at_least_once (default) or exactly_once_v2.")
@click.option(
    "--workers", "-w", type=click.IntRange(1), default=1, show_default=True, help="Processes of this instance."
)
@click.option("--config", "-c", "pairs", multiple=True, metavar="NAME=VALUE", help="Any setting of Kafka Streams.")
@click.option("--config-file", type=click.Path(dir_okay=False), default=None, help="application.yaml or .properties.")
@click.option("--log-level", default="info", show_default=True, help="debug, info, warning or error.")
@click.option(
    "--http",
    default=None,
    metavar="HOST:PORT",
    help="Stores can be asked there (docs/queries.md), and the application is seen: /console (docs/console.md).",
)
@click.option("--log-format", default="text", show_default=True, help="text, or json: one object a line.")
@click.option("--worker-of", hidden=True, default=None, help="Which of several it is, as NUMBER:NAME.")
@click.option("--http-socket", type=int, hidden=True, default=None)
def run(
    script: str,
    application_id: str | None,
    bootstrap_servers: str | None,
    processing_guarantee: str | None,
    workers: int,
    pairs: tuple[str, ...],
    config_file: str | None,
    log_level: str,
    http: str | None,
    log_format: str,
    worker_of: str | None,
    http_socket: int | None,
) -> None:
    quiet = workers > 1 or worker_of is not None or log_format == "json"
    terminal = None if quiet else status_line()
    start_logging(log_level, terminal, worker_of is not None, log_format)
    if worker_of is not None:
        end_with_supervisor()
    with refusals():
        loaded = load(script)
        named_here = named(application_id, bootstrap_servers, processing_guarantee)
        later = merge(from_environment(), from_pairs(pairs), named_here)
        given = with_file(loaded.config, None if config_file is None else existing(config_file), later)
        JsonFormatter.application = str(given.get("application.id", ""))
        if "application.id" not in given:
            raise Refused("Give the application a name: --application-id NAME. It is also its group and its directory.")
        servers = str(given.setdefault("bootstrap.servers", "local://"))
        if workers > 1 and servers.startswith("memory://"):
            raise Refused(
                f"{servers} lives in one process; it cannot be shared by --workers {workers}. Use local://DIR."
            )
        if worker_of is None:
            begin = first_line(given, servers)
            if log_format == "json":
                log.info("%s", begin)
            else:
                click.echo(f"streams-app: {begin}", err=True)
        if workers > 1:
            sys.exit(supervise(sys.argv[1:], workers, given, http))
        if worker_of is not None:
            given = as_one_of_several(given, worker_of)
        listening = http if http_socket is None else socket(fileno=http_socket)
        sys.exit(run_here(loaded, given, terminal, listening, log_format))


def existing(path: str) -> str:
    if not os.path.isfile(path):
        raise Refused(f"There is no configuration file {path}.")
    return path


def named(application_id: str | None, servers: str | None, guarantee: str | None) -> dict[str, object]:
    """Options that are settings by another spelling; they win over all else."""
    given = {
        "application.id": application_id,
        "bootstrap.servers": servers,
        "processing.guarantee": guarantee,
    }
    return {name: value for name, value in given.items() if value is not None}


def first_line(given: Mapping[str, object], servers: str) -> str:
    """Names the absolute path where the data lie, so that nobody has to guess (decision 23)."""
    where = servers
    remote = over_tcp(servers)
    if remote is not None:
        where = f"engine at {remote}"
    elif servers.startswith("local://"):
        where = f"data in {data_directory(servers.removeprefix('local://'))}"
    return f"application {given['application.id']}, {where}"


def run_here(
    loaded: Script,
    given: Mapping[str, object],
    terminal: Terminal | None,
    http: str | socket | None,
    log_format: str,
) -> int:
    """Runs the application in this process; gives the exit code."""
    app = KafkaStreams(loaded.build(given), given, http=http)
    if http is not None:
        log.info("Stores can be asked at http://%s/stores.", app.endpoint)
    stopped = Stop()
    systemd = notifier()
    with terminal or nullcontext():
        app.start()
        try:
            watch(app, stopped, terminal, systemd)
        finally:
            systemd.tell("STOPPING=1")
            app.close(CLOSE_MS)
    if app.failure is not None:
        if log_format == "json":
            log.error("The application has failed: %s", said(app.failure))
        else:
            click.echo(f"streams-app: {said(app.failure)}", err=True)
        return FAILED
    return INTERRUPTED if stopped.signal == signal.SIGINT else STOPPED


def watch(app: KafkaStreams, stopped: Stop, terminal: Terminal | None, systemd: Notifier) -> None:
    """Waits for the end, or for a signal; meanwhile the status line says how the application is, and systemd hears it.
    """
    pace, due, tell_at = Pace(SYSTEM.monotonic_ms() / 1000), 0.0, 0.0
    while not app.state.is_final and stopped.signal is None:
        now = SYSTEM.monotonic_ms() / 1000
        if terminal is not None and now >= due:
            due = now + STATUS_S
            terminal.show(f"{app.application_id}: {pace.line(app.summary(), now)}")
        if systemd.wanted and now >= tell_at:
            tell_at = now + TELL_S
            health = app.health()
            status = f"{health.state}{'' if health.ready.ok else ': ' + ' '.join(health.ready.reasons)}"
            systemd.look(now * 1000, health.ready.ok, health.live.ok, status)
        SYSTEM.sleep(LOOK_MS)
