"""The connection to a broker over TCP, where it has been told to listen (`broker-local serve --listen`): to who has its
token. None is started here."""

from __future__ import annotations

import json
import socket

from broker_local.base.world import SYSTEM, SystemWorld
from broker_local.host.client import RequestFailed, SocketLink
from broker_local.host.data_directory import Unavailable
from broker_local.host.launch import HELLO_MS, START_MS, greeted

RETRY_MS = 100


def connect(
    host: str,
    port: int,
    token_file: str,
    client: str = "client",
    wait_ms: int = START_MS,
    world: SystemWorld = SYSTEM,
) -> SocketLink:
    """A connection to the broker that listens there; one that is being started again is waited for.

    Args:
        host: of this machine.
        port: the port.
        token_file: the `endpoint` of the broker's data directory, or a file that holds the token alone. It is read at
            each try: a broker that was started again has another token.
        client: the name under which the broker knows this client.
        wait_ms: how long it may take until somebody listens, in milliseconds.
        world: time and waiting.
    Raises:
        Unavailable: nobody listens, or no token can be read.
        RequestFailed: somebody listens, and refuses.
    """
    deadline = world.monotonic_ms() + wait_ms
    while True:
        token = read_token(token_file)
        try:
            wire = socket.create_connection((host, port), timeout=HELLO_MS / 1000)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return greeted(wire, client, token, world=world)
        except OSError as error:  # a lost connection and a time that is over are kinds of it
            if world.monotonic_ms() >= deadline:
                raise Unavailable(
                    f"nobody answers ({error}); `broker-local serve DIR --listen {host}:{port}` makes one listen"
                ) from None
        except RequestFailed:
            if token == read_token(token_file):  # else the broker was started again just now
                raise
        world.sleep(RETRY_MS)


def read_token(path: str) -> str:
    """The token in an `endpoint`, or in a file of its own.

    Raises:
        Unavailable: there is none.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise Unavailable(f"the token file {path} cannot be read: {why}") from None
    if not text.startswith("{"):
        return text
    try:
        token = json.loads(text)["token"]
    except (ValueError, KeyError):
        token = None
    if not isinstance(token, str):
        raise Unavailable(f"{path} has no token: its broker does not listen on TCP (broker-local serve DIR --listen …)")
    return token
