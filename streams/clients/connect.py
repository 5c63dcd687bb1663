"""From `bootstrap.servers` to the door.

    local://DIR     the bundled engine of that data directory; a broker process is started where none runs
    local://        the same for the nearest `.streams` from the working directory upward, else one made there
    local://HOST:PORT?token=FILE
                    the bundled engine over TCP, where a broker has been told to listen
    memory://NAME   an engine inside this process, by name; for tests
    host:port,...   Apache Kafka
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from streams.clients.api import Door
from streams.errors import ConfigException
from streams.names import is_legal
from streams.world import SYSTEM, World

DEFAULT_DIRECTORY = ".streams"
NOTHING: Mapping[str, object] = MappingProxyType({})
_kafka = re.compile(r"(?:[A-Z_]+://)?[A-Za-z0-9._\-\[\]:]+:\d{1,5}").fullmatch


def data_directory(given: str, start: str | None = None) -> str:
    """The absolute path of the data directory that `local://` and what follows it stand for.

    Args:
        given: what follows `local://`. Only the default, `.streams` or nothing, is searched upward; a directory
            that is given is taken as it is.
        start: where the search begins; None: the working directory.
    """
    if start is None and os.path.isabs(given):
        return given
    here = working_directory() if start is None else os.path.abspath(start)
    if given not in ("", DEFAULT_DIRECTORY):
        return os.path.join(here, os.path.expanduser(given))
    at = here
    while True:
        if os.path.isdir(os.path.join(at, DEFAULT_DIRECTORY)):
            return os.path.join(at, DEFAULT_DIRECTORY)
        above = os.path.dirname(at)
        if above == at:
            return os.path.join(here, DEFAULT_DIRECTORY)
        at = above


def working_directory() -> str:
    """The directory in which the process works.

    Raises:
        ConfigException: it was deleted.
    """
    try:
        return os.getcwd()
    except OSError as error:
        raise ConfigException(
            f"The working directory is gone ({error.strerror}): change to one that is there, or give local:// and an "
            "absolute path."
        ) from None


class Remote(NamedTuple):
    """A broker that is reached over TCP, and the file with its token."""

    host: str
    port: int
    token_file: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def over_tcp(address: str) -> Remote | None:
    """What `local://HOST:PORT?token=FILE` stands for; None: it is another address.

    Raises:
        ConfigException: the token is missing.
    """
    place, _, options = address.removeprefix("local://").partition("?")
    if not address.startswith("local://") or "," in place or not is_kafka(place):
        return None
    name, _, token_file = options.partition("=")
    if name != "token" or not token_file:
        raise ConfigException(
            f"Invalid value {address} for configuration bootstrap.servers: the bundled engine over TCP asks for its "
            f"token. Give the file that has it, local://{place}?token=DIR/endpoint, where DIR is its data directory; "
            f"or that directory, local://DIR (one that is called so: local://./{place})."
        )
    host, _, port = place.rpartition(":")
    return Remote(host.strip("[]"), int(port), os.path.abspath(os.path.expanduser(token_file)))


def is_address(bootstrap: str) -> bool:
    """Is it of one of the three forms? (It may still lead nowhere.)"""
    address = bootstrap.strip()
    return address.startswith(("local://", "memory://")) or is_kafka(address)


def is_kafka(address: str) -> bool:
    """Is it `host:port,…`?"""
    return bool(address) and all(_kafka(server.strip()) for server in address.split(","))


def connect(
    bootstrap: str = "local://",
    client_id: str = "client",
    world: World = SYSTEM,
    connections: Mapping[str, object] = NOTHING,
) -> Door:
    """The door that `bootstrap.servers` names. Nothing is connected or started before it is used.

    Args:
        bootstrap: the address, as above.
        client_id: the name under which the engine knows this client.
        world: where it lives, as `streams.testing.SimulatedWorld`; only an engine in this process lives in another
            than the machine's.
        connections: Kafka's settings of connections and security, parsed.
    Raises:
        ConfigException: the address has no such form, or what speaks to Kafka is not installed.
    """
    address = bootstrap.strip()
    if sum(map(address.count, ("local://", "memory://"))) > 1:
        raise ConfigException(
            f"Invalid value {bootstrap} for configuration bootstrap.servers: give one local:// or memory:// address."
        )
    if world is not SYSTEM and address.startswith("local://"):
        raise ConfigException(f"{address} is another process, which lives in the machine's world. Give memory://NAME.")
    if is_kafka(address):
        return _kafka_door(address, client_id, connections)
    from streams.clients.local import door  # here, so that Kafka's users do not pay for it

    remote = over_tcp(address)
    if remote is not None:
        return door.remote_door(remote.host, remote.port, remote.token_file, client_id)
    if address.startswith("local://"):
        return door.local_door(data_directory(address.removeprefix("local://")), client_id)
    if address.startswith("memory://"):
        name = address.removeprefix("memory://")
        if not is_legal(name):
            raise ConfigException(
                f"Invalid value {bootstrap} for configuration bootstrap.servers: memory:// needs a name, "
                "e.g. memory://test."
            )
        return door.memory_door(name, client_id, world)
    raise ConfigException(
        f"Invalid value {bootstrap} for configuration bootstrap.servers: it is none of local://DIR, "
        "memory://NAME, host:port."
    )


KAFKA_MODULES = ("confluent_kafka", "cramjam", "google_crc32c", "kafka", "lz4")


def _kafka_door(address: str, client_id: str, connections: Mapping[str, object]) -> Door:
    try:
        from streams.clients.kafka.door import kafka_door
    except ModuleNotFoundError as missing:
        if str(missing.name).partition(".")[0] not in KAFKA_MODULES:
            raise
        raise ConfigException(
            f"bootstrap.servers={address}: Apache Kafka's clients are not installed. Install them with "
            "pip install 'streams-app[kafka]', or use local://DIR, the bundled engine."
        ) from missing
    return kafka_door(address, client_id, connections)
