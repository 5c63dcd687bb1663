"""Serving queries over HTTP: what needs the extra `http` is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from socket import socket
from typing import TYPE_CHECKING

from streams.clients.api import Door
from streams.config.application import StreamsConfig
from streams.errors import ConfigException
from streams.health import Health
from streams.http.address import bound, endpoint_of, is_wildcard, parsed
from streams.query.instance import Instance
from streams.validation import check_text

if TYPE_CHECKING:
    from streams.http.server import HttpServer
    from streams.http.site import Feature

def listens(http: str | socket, token: str) -> socket:
    """A socket that listens.

    Args:
        http: HOST:PORT, or that socket.
    Raises:
        ConfigException: it cannot be had, or others than this machine could ask and there is no token.
    """
    if isinstance(http, socket):
        return http
    check_extra()
    return bound(*parsed(check_text(http, "http")), token)


def check_extra() -> None:
    """
    Raises:
        ConfigException: the extra `http` is not installed.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as missing:
        raise ConfigException(f"--http needs the extra http: pip install 'streams-app[http]' ({missing}).") from missing


def served_at(config: StreamsConfig, listening: socket) -> StreamsConfig:
    """The settings, with `application.server` where the socket listens, unless they say it.

    Raises:
        ConfigException: it listens at all addresses, of which none is named.
    """
    if config.get_string("application.server"):
        return config
    endpoint = endpoint_of(listening)
    if is_wildcard(parsed(endpoint)[0]):
        raise ConfigException(
            f"--http {endpoint} listens at all addresses: name the one at which other instances find it, "
            "application.server=HOST:PORT."
        )
    return StreamsConfig({**config.originals, "application.server": endpoint})


def server_of(
    instance: Instance,
    summary: Callable[[], Mapping[str, object]],
    door: Callable[[], Door],
    listening: socket,
    token: str,
    metrics: Callable[[], str],
    health: Callable[[], Health],
    more: Callable[[], Feature],
) -> HttpServer:
    """The server of an instance, not started.

    Args:
        more: gives what else it answers.
    """
    check_extra()
    from streams.http.probes import OPEN, Probes
    from streams.http.server import HttpServer
    from streams.http.site import Site
    from streams.query.routes import StoreRoutes, explained

    stores = StoreRoutes(instance, summary, door, token)
    feature = more()
    routes = [*stores.routes, *Probes(metrics, health).routes, *feature.routes]
    named, unguarded = frozenset({instance.endpoint}), OPEN | feature.open_to_all
    site = Site(routes, partial(explained, instance=instance), token, named, unguarded)
    return HttpServer(site, listening)


def relay_of(
    workers: Sequence[str], listening: socket, token: str, together: str, open_to_all: frozenset[str]
) -> HttpServer:
    """The server of a supervisor, not started: it has its workers answer.

    Args:
        workers: where they are asked.
        together: paths that begin so go to the first worker that answers.
        open_to_all: paths that answer without a token.
    """
    check_extra()
    from starlette.routing import Mount

    from streams.http.probes import OPEN, GatheredProbes, explained
    from streams.http.relay import Relay
    from streams.http.server import HttpServer
    from streams.http.site import Site

    # what is handed on stays as it is
    routes = [*GatheredProbes(workers).routes, Mount("/", Relay(workers, token, together, open_to_all))]
    return HttpServer(Site(routes, explained, token, frozenset(), OPEN | open_to_all), listening)
