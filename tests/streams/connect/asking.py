"""Asking a worker by REST."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """An answer: its status, and its body, from JSON where it is that."""

    status: int
    body: Any


def ask(
    address: str, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Asks once.

    Args:
        address: HOST:PORT.
        method, path: what.
        body: sent as JSON; None: none is.
        headers: further ones.
    """
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        sent = None if body is None else json.dumps(body).encode()
        json_type = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, sent, {**json_type, **(headers or {})})
        response = connection.getresponse()
        text = response.read().decode()
        return Answer(response.status, json.loads(text) if text else None)
    finally:
        connection.close()
