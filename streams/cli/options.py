"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from streams.cli.failure import Refused, refusals
from streams.config.clients import ADMIN
from streams.config.load import from_environment, from_file, merge
from streams.serdes import Serdes
from streams.serdes.base import Serde
from streams.validation import number_of

_FILE = f"{__name__}.command_config"
C = TypeVar("C", bound=Callable[..., object])

SERDES: dict[str, Callable[[], Serde[Any]]] = {
    "string": Serdes.string,
    "bytes": Serdes.bytes,
    "long": Serdes.long,
    "integer": Serdes.integer,
    "short": Serdes.short,
    "double": Serdes.double,
    "float": Serdes.float,
    "boolean": Serdes.boolean,
    "uuid": Serdes.uuid,
    "json": Serdes.json,
    "msgpack": Serdes.msgpack,
}


def bootstrap(command: C) -> C:
    """`--bootstrap-servers` and `--command-config`, the same everywhere."""
    click.option(
        "--command-config",
        type=click.Path(dir_okay=False),
        default=None,
        expose_value=False,
        callback=lambda context, _, given: context.meta.update({_FILE: given}),
        help="File with settings of the connection to Kafka (security.protocol, …), as .properties or YAML.",
    )(command)
    return click.option(
        "--bootstrap-servers",
        "-b",
        default=None,
        envvar="STREAMS_APP_BOOTSTRAP_SERVERS",
        help="local://DIR, memory://NAME or host:port,…; default: local://.streams, the bundled log engine.",
    )(command)


def servers(given: str | None) -> dict[str, object]:
    """What `--bootstrap-servers` and `--command-config` say, and the environment of connections to Kafka, as settings;
    nothing where nothing was given.

    Raises:
        Refused: there is no such file, it cannot be read, or a setting is unknown or not allowed.
    """
    file = click.get_current_context().meta.get(_FILE)
    if file is not None and not os.path.isfile(file):
        raise Refused(f"There is no configuration file {file}.")
    with refusals():
        said = merge(from_environment(), None if file is None else from_file(file, servers=given))
    found = {name: value for name, value in said.items() if name in ADMIN and ADMIN[name].of_kafka}
    address = said.get("bootstrap.servers") if given is None else given
    return found if address is None else {**found, "bootstrap.servers": address}


def not_built(option: str, instead: str) -> Callable[[C], C]:
    """An option that is known and comes later: who gives it is told so, by its name."""

    def refuse(context: click.Context, parameter: click.Parameter, given: object) -> None:
        if given is not None:
            raise Refused(f"{option} is not built yet. {instead}")

    return click.option(option, hidden=True, expose_value=False, callback=refuse)


def as_json(command: C) -> C:
    """`--json`, wherever a table is printed."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def serde(name: str) -> Serde[Any]:
    """The serde that an option names: `long`, `list:long`, `time_windowed:string:3600000`, `session_windowed:string`.

    Raises:
        Refused: there is none.
    """
    kind, _, inner = name.partition(":")
    if kind in SERDES and not inner:
        return SERDES[kind]()
    if kind == "list" and inner:
        return Serdes.list(serde(inner))
    if kind == "session_windowed" and inner:
        return Serdes.session_windowed(serde(inner))
    of, _, size = inner.rpartition(":")
    size_ms = number_of(size)
    if kind == "time_windowed" and of and size_ms is not None:
        return Serdes.time_windowed(serde(of), size_ms)
    known = ", ".join([*SERDES, "list:SERDE", "time_windowed:SERDE:SIZE_MS", "session_windowed:SERDE"])
    raise Refused(f"There is no serde {name!r}. Known are: {known}.")


def settings(pairs: tuple[str, ...], option: str = "--config") -> dict[str, str]:
    """`name=value` pairs of a repeated option."""
    found = {}
    for each in pairs:
        name, value = pair(each, option)
        found[name.strip()] = value.strip()
    return found


def pair(given: str, option: str) -> tuple[str, str]:
    """`name=value`, both as they stand.

    Raises:
        Refused: it is not of this form.
    """
    name, sign, value = given.partition("=")
    if not sign or not name:
        raise Refused(f"{option} {given!r} is not of the form name=value.")
    return name, value
