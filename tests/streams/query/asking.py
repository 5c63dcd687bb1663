"""Asking instances over HTTP, as any language would."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from streams import KafkaStreams, StreamsBuilder
from tests.streams.apps import PATIENCE_S


class Said(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


def get(
    endpoint: str, path: str, headers: Mapping[str, str] | None = None, method: str = "GET", **query: object
) -> Said:
    """Asks one instance."""
    host, _, port = endpoint.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE_S)
    try:
        connection.request(method, path + ("?" + urlencode(query) if query else ""), headers=dict(headers or {}))
        answer = connection.getresponse()
        return Said(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def key(store: str, of: str) -> str:
    """The path of a key."""
    return f"/stores/{store}/keys/{quote(of, safe='')}"


@contextmanager
def serving(builder: StreamsBuilder, servers: str, **settings: Any) -> Iterator[tuple[KafkaStreams, str]]:
    """An instance with HTTP on a free port, and where that is."""
    app = KafkaStreams(builder, application_id="app", bootstrap_servers=servers, http="127.0.0.1:0", **settings)
    with app:
        assert app.wait_until_running(int(PATIENCE_S * 1000))
        yield app, app.endpoint
