"""All that one instance answers: routes of several features behind one door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import quote, unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Router
from starlette.types import Message, Receive, Scope, Send

from streams.http.admission import may_ask
from streams.http.problem import Problem


class Refusal(Protocol):
    """What is told instead of an answer."""

    def response(self) -> Response:
        """As an answer."""
        ...


class Feature(NamedTuple):
    """What a feature adds to what an instance answers.

    Args:
        routes: of its own.
        open_to_all: those of their paths that answer without a token, to any host.
    """

    routes: Sequence[BaseRoute]
    open_to_all: frozenset[str] = frozenset()


class Site:
    """An ASGI application.

    Args:
        routes: the first that fits answers.
        explain: what an exception of a route is to who has asked, or the `Problem` that there is no such route, that
            it is not for this method, or that the request is not admitted.
        token: that requests must bring; "": there is none, and only this machine may ask.
        own: further hosts that a request without a token may name.
        open_to_all: paths that answer without a token, to any host.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        explain: Callable[[Exception], Refusal],
        token: str,
        own: frozenset[str],
        open_to_all: frozenset[str] = frozenset(),
    ) -> None:
        self._router = Router(routes, default=_nowhere)
        self._explain = explain
        self._token = token
        self._own = own
        self._open_to_all = open_to_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if scope["path"] not in self._open_to_all:
                self._admit(request)
            _check_text(scope)
            await self._router({**scope, "app": self}, receive, sent)  # so that it raises what it refuses
        except HTTPException as refusal:
            allowed = (refusal.headers or {}).get("Allow", "")
            said = f"{request.method} is not for {scope['path']}: {allowed}."
            problem = self._explain(Problem(refusal.status_code, "wrong-method", said))
            await problem.response()(scope, receive, send)
        except Exception as error:
            if begun:
                raise
            await self._explain(error).response()(scope, receive, send)

    def _admit(self, request: Request) -> None:
        """
        Raises:
            Problem: it may not ask.
        """
        if not may_ask(request.headers, self._token, self._own):
            raise refused(self._token)
        origin = request.headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != request.headers.get("host")
        if foreign and not self._token and request.method not in ("GET", "HEAD"):
            raise Problem(403, "wrong-origin", f"A page of {origin} may change nothing here.")


def target_of(scope: Scope) -> str:
    """Path and query as they were sent."""
    path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    query: bytes = scope.get("query_string") or b""
    return (path.split(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def _check_text(scope: Scope) -> None:
    """What is no UTF-8 would be taken for another text, and be absent.

    Raises:
        Problem: it is none.
    """
    try:
        unquote_to_bytes(target_of(scope).encode("ascii")).decode()
    except UnicodeError:
        raise Problem(
            400,
            "not-utf-8",
            "Path and query are texts in UTF-8, escaped by %. The bytes of a key are asked for by key_format=hex.",
        ) from None


def refused(token: str) -> Problem:
    """Who asks may not."""
    if token:
        return Problem(401, "token-missing", "Give the token: Authorization: Bearer TOKEN.")
    return Problem(403, "wrong-host", "Without a token only this machine is answered, as 127.0.0.1.")


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise Problem(404, "unknown-route", f"There is no {scope['path']}. GET /stores shows which stores there are.")
