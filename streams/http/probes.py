"""`GET /metrics` for Prometheus, and what orchestrators ask: `/live`, `/ready`, `/startup`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.health import PROBES, Health, together
from streams.http.client import HttpClient, Unreachable
from streams.http.problem import Problem
from streams.metrics.exposition import CONTENT_TYPE, merged

WAIT_S = 5.0
"""A worker that does not say how it is for so long is not well."""
METRICS = "/metrics"
OPEN = frozenset(f"/{probe}" for probe in PROBES)
"""Paths that answer without a token, to any host: an orchestrator has none, and learns nothing but states."""

Handler = Callable[[Request], Awaitable[Response]]


def _routes(metrics: Handler, probe: Callable[[str], Handler]) -> list[Route]:
    return [Route(METRICS, metrics), *(Route(f"/{each}", probe(each)) for each in PROBES)]


class Probes:
    """Those of one process.

    Args:
        metrics: the text of all metrics.
        health: how it is.
    """

    def __init__(self, metrics: Callable[[], str], health: Callable[[], Health]) -> None:
        self._metrics = metrics
        self._health = health

    @property
    def routes(self) -> list[Route]:
        """For a `Site`."""
        return _routes(self._text, self._probe)

    async def _text(self, request: Request) -> Response:
        return Response(await asyncio.to_thread(self._metrics), media_type=CONTENT_TYPE)

    def _probe(self, what: str) -> Handler:
        async def answer(request: Request) -> Response:
            status, body = self._health().answer(what)
            return JSONResponse(body, status)

        return answer


class _Said(NamedTuple):
    """What a worker has answered: status 0, that it has not."""

    worker: str
    status: int
    text: str


class GatheredProbes:
    """Those of a supervisor: its workers are asked, all of them at once.

    Args:
        workers: where they are asked.
    """

    def __init__(self, workers: Sequence[str]) -> None:
        self._workers = tuple(workers)
        self._client = HttpClient({})

    @property
    def routes(self) -> list[Route]:
        """For a `Site`."""
        return _routes(self._text, self._probe)

    async def _text(self, request: Request) -> Response:
        said = await self._ask(METRICS, request)
        texts = [each.text for each in said if each.status == 200]
        if not texts:
            raise Problem(503, "unreachable", "No worker of this instance answers.", 1.0)
        return Response(await asyncio.to_thread(merged, texts, len(said)), media_type=CONTENT_TYPE)

    def _probe(self, what: str) -> Handler:
        async def answer(request: Request) -> Response:
            bodies: list[Mapping[str, object]] = []
            for each in await self._ask(f"/{what}", request):
                body: object = json.loads(each.text) if each.status in (200, 503) else None
                missing = {"status": "DOWN", "state": "UNKNOWN", "workers": []}
                reasons = [f"The worker at {each.worker} does not answer."]
                bodies.append(body if isinstance(body, dict) and "workers" in body else {**missing, "reasons": reasons})
            whole = together(bodies)
            return JSONResponse(whole, 200 if whole["status"] == "UP" else 503)

        return answer

    async def _ask(self, target: str, request: Request) -> list[_Said]:
        headers = {name: request.headers[name] for name in ("authorization",) if name in request.headers}

        async def one(worker: str) -> _Said:
            try:
                reply = await self._client.get(worker, target, headers, WAIT_S)
                try:
                    text = b"".join([piece async for piece in reply.pieces()]).decode()
                finally:
                    self._client.done(worker, reply)
            except (Unreachable, TimeoutError, UnicodeDecodeError):
                return _Said(worker, 0, "")
            return _Said(worker, reply.status, text)

        return list(await asyncio.gather(*map(one, self._workers)))


def explained(error: Exception) -> Problem:
    """What an exception is to who has asked a supervisor."""
    return error if isinstance(error, Problem) else Problem(500, "error", f"{type(error).__name__}: {error}")
