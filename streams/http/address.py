"""Where is listened."""

from __future__ import annotations

import ipaddress
import socket

from streams.errors import ConfigException
from streams.http.token import TOKEN
from streams.validation import number_of

LOOPBACK = "localhost"


def parsed(text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`.

    Raises:
        ConfigException: it is of another form.
    """
    host, sign, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    number = number_of(port)
    if not sign or not host or number is None or number > 65_535:
        raise ConfigException(f"Invalid HTTP address {text}. Give HOST:PORT, such as 127.0.0.1:8080.")
    return host, number


def is_loopback(host: str) -> bool:
    """Can only this machine reach it?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == LOOPBACK


def is_wildcard(host: str) -> bool:
    """Does it stand for all addresses of the machine?"""
    return host in ("0.0.0.0", "::", "*")


def written(host: str, port: int) -> str:
    """`HOST:PORT`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bound(host: str, port: int, token: str = "", said: str = "") -> socket.socket:
    """A socket that listens.

    Args:
        host, port: where; port 0: any.
        token: that requests must bring.
        said: how the user has said it; "": by `--http`.
    Raises:
        ConfigException: others than this machine could ask, and there is no token; or the address cannot be had.
    """
    said = said or f"--http {written(host, port)}"
    if not is_loopback(host) and not token:
        raise ConfigException(
            f"{said} could be asked by other machines. Give a token, in the variable {TOKEN} of all instances, or "
            "listen on 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(1024)
    except OSError as error:
        made.close()
        raise ConfigException(f"{said} cannot be had: {error.strerror or error}.") from error
    return made


def endpoint_of(made: socket.socket) -> str:
    """Where a socket listens."""
    host, port = made.getsockname()[:2]
    return written(host, port)
