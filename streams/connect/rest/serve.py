"""Where a worker is asked: what needs the extra `http` is imported when it is asked for."""

from __future__ import annotations

from socket import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from streams.connect.worker.herder import Herder
from streams.connect.worker_config import WorkerConfig
from streams.errors import ConfigException, NotYetBuiltException
from streams.http.address import bound, endpoint_of, is_wildcard, parsed, written

if TYPE_CHECKING:
    from streams.http.server import HttpServer

PORT = 8083
LOOPBACK = "127.0.0.1"


def address_of(listeners: tuple[str, ...]) -> tuple[str, int]:
    """Host and port of `listeners`.

    Raises:
        ConfigException: it is no address.
        NotYetBuiltException: there are several, or it is for TLS.
    """
    if len(listeners) > 1:
        raise NotYetBuiltException(f"listeners={','.join(listeners)}: several are not built yet. Give one.")
    try:
        found = urlsplit(listeners[0])
        host, port = found.hostname, found.port
    except ValueError:
        found, host, port = urlsplit(""), None, None
    if found.scheme == "https":
        raise NotYetBuiltException(f"listeners={listeners[0]}: TLS is not built yet. Put a proxy before http://127.0.0.1:8083.")
    if found.scheme != "http":
        raise ConfigException(f"Invalid value {listeners[0]} for configuration listeners: give http://127.0.0.1:{PORT}.")
    return host or "0.0.0.0", PORT if port is None else port


def listening(config: WorkerConfig, token: str, default: bool) -> socket | None:
    """A socket that listens; None: nobody asks this worker.

    Args:
        config: the worker's settings.
        token: that requests must bring; "": there is none.
        default: listen on 127.0.0.1:8083 where `listeners` says nothing?
    Raises:
        ConfigException: it cannot be had, or others than this machine could ask and there is no token.
    """
    given = config.config["listeners"]
    if given is None and not default:
        return None
    _check_extra()
    if given is None:
        return bound(LOOPBACK, PORT, token, "Port 8083 (listeners is not set)")
    listeners = config.config.texts("listeners")
    return bound(*address_of(listeners), token, f"listeners={listeners[0]}")


def _check_extra() -> None:
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as missing:
        raise ConfigException(f"REST needs the extra http: pip install 'streams-app[http]' ({missing}).") from missing


def advertised(config: WorkerConfig, made: socket) -> str:
    """Where other workers find this one.

    Raises:
        ConfigException: it listens at all addresses, and none is named.
    """
    host, port = parsed(endpoint_of(made))
    said_port = config.config["rest.advertised.port"]
    host = config.config.text("rest.advertised.host.name") or host
    if is_wildcard(host):
        raise ConfigException(
            "The worker listens at all addresses: name the one at which others find it, rest.advertised.host.name=HOST."
        )
    return written(host, said_port if isinstance(said_port, int) else port)


def serve(herder: Herder, token: str, default: bool = False) -> HttpServer | None:
    """The server of a worker, not started; others find the worker there. None: nobody asks this worker.

    Args:
        herder: the worker's, which has not begun to work with others.
        token: that requests must bring; "": there is none.
        default: listen on 127.0.0.1:8083 where `listeners` says nothing?
    Raises:
        ConfigException: as `listening` and `advertised`.
    """
    made = listening(herder.config, token, default)
    if made is None:
        return None
    from importlib.metadata import version

    from streams.connect.rest.routes import ConnectRoutes, explained
    from streams.connect.rest.site import Encoded
    from streams.http.server import HttpServer
    from streams.http.site import Site

    try:
        herder.group.worker_id = advertised(herder.config, made)
    except ConfigException:
        made.close()
        raise
    routes = ConnectRoutes(herder, version("streams-app"), token).routes
    site = Site(routes, explained, token, frozenset({herder.group.worker_id}), frozenset({"/health"}))
    return HttpServer(Encoded(site), made)
