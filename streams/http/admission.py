"""Who may ask."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from functools import lru_cache

from streams.http.address import is_loopback


def may_ask(headers: Mapping[str, str], token: str, own: frozenset[str]) -> bool:
    """Whether a request may be answered: it brings the token; or there is none, and it was sent to this machine by that
    name (a page from elsewhere, whose name leads here, has its own).

    Args:
        headers: of the request.
        token: "" where there is none.
        own: further hosts that it may name.
    """
    if token:
        given = headers.get("authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())
    named = headers.get("host", "")
    return named in own or _is_here(named)


@lru_cache(1_000)
def _is_here(named: str) -> bool:
    """Is this host, with a port or without, this machine?"""
    host = named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() else named
    return is_loopback(host.removeprefix("[").removesuffix("]"))
