"""What a supervisor answers: nothing by itself. Each request is handed to one of its workers, as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import chain

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from streams.http.admission import may_ask
from streams.http.client import HttpClient, Reply, Unreachable
from streams.http.problem import Problem
from streams.http.site import refused, target_of

WAIT_S = 65.0
"""A worker may take as long as a request may ask for, and a little more."""
PASSED_ON = ("authorization", "accept", "if-none-match", "last-event-id", "prefer")
NOT_KEPT = ("connection", "transfer-encoding", "content-length", "keep-alive")


class Relay:
    """An ASGI application.

    Args:
        workers: where they are asked.
        token: that requests must bring, which the workers look at; "": only this machine may ask.
        together: paths that begin so go to the first worker that answers, so that what it makes for one who asks serves
            all; others go to one after the other.
        open_to_all: paths that answer without a token, to any host.
    """

    def __init__(self, workers: Sequence[str], token: str, together: str, open_to_all: frozenset[str]) -> None:
        self._together = together
        self._open_to_all = open_to_all
        self._token = token
        self._workers = tuple(workers)
        self._client = HttpClient({})
        self._next = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        if request.method != "GET":
            await Problem(405, "only-get", "Stores are only read: GET.").response()(scope, receive, send)
            return
        if request.url.path not in self._open_to_all and not may_ask(request.headers, self._token, frozenset()):
            await refused(self._token).response()(scope, receive, send)
            return
        begin = 0
        if not request.url.path.startswith(self._together):
            begin = self._next = (self._next + 1) % len(self._workers)
        for worker in chain(self._workers[begin:], self._workers[:begin]):
            try:
                reply = await self._client.get(worker, target_of(scope), self._headers(request), WAIT_S)
            except Unreachable:
                continue
            await self._answer(worker, reply)(scope, receive, send)
            return
        await Problem(503, "unreachable", "No worker of this instance answers.", 1.0).response()(scope, receive, send)

    def _headers(self, request: Request) -> dict[str, str]:
        given = request.headers
        return {name: given[name] for name in PASSED_ON if name in given}

    def _answer(self, worker: str, reply: Reply) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in reply.pieces():
                    yield piece
            finally:
                self._client.done(worker, reply)

        kept = {name: value for name, value in reply.headers.items() if name not in NOT_KEPT}
        return StreamingResponse(pieces(), reply.status, kept)
