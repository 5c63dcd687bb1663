"""The processes of `--workers N`: a supervisor, and workers that are the same command with a place of their own."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from streams.cli.failure import Refused
from streams.clients.connect import connect, is_kafka
from streams.clients.eviction import evict
from streams.config import StreamsConfig
from streams.config.derived import OF_BUNDLED, connection_settings
from streams.console.paths import OPEN, PAGE
from streams.errors import KafkaException
from streams.http.address import endpoint_of, is_wildcard, parsed, written
from streams.http.token import http_token
from streams.query.serve import listens, relay_of
from streams.supervisor import Supervisor, WorkerProcess

log = logging.getLogger("streams.cli.supervise")


def supervise(arguments: Sequence[str], workers: int, given: Mapping[str, object], http: str | None) -> int:
    """Runs several workers; gives the exit code. Who asks over HTTP asks the supervisor, which has one of them answer.

    Args:
        arguments: of this command.
        workers: how many.
        given: the application's settings.
        http: `HOST:PORT`, where it can be asked.
    """
    command, died = partial(one_worker, arguments), evicting(given)
    if http is None:
        return Supervisor(command, workers, died).run()
    token = http_token()
    listening = listens(http, token)
    host = parsed(http)[0]
    if is_wildcard(host):
        raise Refused(
            f"--http {http} with several workers: each listens at a port of its own, where others find it. "
            "Name the host."
        )
    doors = [listens(written(host, 0), token) for _ in range(workers)]
    server = relay_of([endpoint_of(door) for door in doors], listening, token, PAGE, OPEN)
    supervisor = Supervisor(command, workers, died, doors)
    server.start()
    try:
        return supervisor.run()
    finally:
        server.close()


def one_worker(arguments: Sequence[str], place: WorkerProcess) -> list[str]:
    """This command for one of several workers."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("--workers", "-w", "--http"):
            skip = True
        elif not argument.startswith(("--workers=", "-w", "--http=")):
            kept.append(argument)
    if kept[:1] != ["run"]:
        kept.insert(0, "run")
    return [sys.executable, "-m", "streams.cli.main", *kept, "--worker-of", f"{place.number}:{place.name}"]


def as_one_of_several(given: Mapping[str, object], place: str) -> dict[str, object]:
    """The settings of one worker process: it has a `client.id` of its own, by which its supervisor knows its members,
    and as a static member a `group.instance.id` of its own, which the process that takes its place has too. It asks
    often whether the group rebalances, to take over at once what another of them had that has died."""
    number, _, name = place.partition(":")
    own = {each: f"{value}-{number}" for each, value in given.items() if each.endswith("group.instance.id")}
    often = {} if any(each.endswith("heartbeat.interval.ms") for each in given) else OF_BUNDLED
    return {**often, **given, **own, "client.id": client_id(given, name)}


def client_id(given: Mapping[str, object], name: str) -> str:
    """The `client.id` of a worker process."""
    return f"{given.get('client.id') or given['application.id']}-{name}"


def evicting(given: Mapping[str, object]) -> Callable[[WorkerProcess], None]:
    """What a supervisor does when a worker has died: on Kafka, which does not look at connections, it puts it out of
    the group, so that others take over at once and not only when its session has run out."""
    servers = str(given["bootstrap.servers"])
    if not is_kafka(servers):
        return lambda place: None
    config = StreamsConfig(given)
    door = connect(servers, f"{config.application_id}-supervisor", connections=connection_settings(config))

    def died(place: WorkerProcess) -> None:
        try:
            count = evict(door, config.application_id, client_id(given, place.name))
            log.info("%d members of the worker that died have been put out of the group.", count)
        except KafkaException as error:
            log.warning("The worker that died could not be put out of the group, which waits for it: %s", error)

    return died
