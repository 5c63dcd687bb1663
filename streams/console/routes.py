"""`/console…`: the page, what it is drawn from, and what each instance says of itself.

GET /console                 the page; /console/page.css and /console/page.js belong to it
GET /console/topology?fold=  the picture, and what belongs on its cards; some boxes are one card (`fold=0,2`)
GET /console/instance        what this process knows of itself now
GET /console/events          all instances, as server-sent events: `whole`, then `change` (RFC 7396) each second
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from streams.console.drawing import Drawn
from streams.console.gather import Gatherer, OwnLook
from streams.console.paths import FILES, INSTANCE, PAGE
from streams.http.problem import Problem
from streams.serdes.json import as_json
from streams.topology.tools.svg import style

JSON = "application/json"
SAFE: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
SAFE_NOW: Mapping[str, str] = {**SAFE, "Cache-Control": "no-store"}
KEPT_PICTURES = 16

Handler = Callable[[Request], Awaitable[Response]]


class ConsoleRoutes:
    """Answers requests for the page: `routes`.

    Args:
        own: this process.
        gatherer: all of them.
        drawn: the topology with so many boxes folded (None: as it begins). It takes time.
    """

    def __init__(self, own: OwnLook, gatherer: Gatherer, drawn: Callable[[Collection[int] | None], Drawn]) -> None:
        self._own = own
        self._gatherer = gatherer
        self._drawn = drawn
        self._pictures: dict[frozenset[int] | None, bytes] = {}
        self._drawing = asyncio.Lock()
        self.routes = [
            *(Route(path, _file(path)) for path in FILES),
            Route(f"{PAGE}/topology", self._picture),
            Route(INSTANCE, self._instance),
            Route(f"{PAGE}/events", self._events),
        ]

    async def _picture(self, request: Request) -> Response:
        try:
            fold = _boxes(request.query_params.get("fold"))
        except ValueError:
            return Problem(400, "wrong-value", "fold: numbers of boxes with commas between them, as 0,2.").response()
        async with self._drawing:  # one at a time, and each once
            if fold not in self._pictures:
                if len(self._pictures) >= KEPT_PICTURES:
                    del self._pictures[next(iter(self._pictures))]
                self._pictures[fold] = await asyncio.to_thread(lambda: as_json(self._drawn(fold)))
        return _kept(request, self._pictures[fold], JSON)

    async def _instance(self, request: Request) -> Response:
        return Response(as_json(await self._own.shown()), headers=SAFE_NOW, media_type=JSON)

    async def _events(self, request: Request) -> Response:
        headers = {**SAFE_NOW, "X-Accel-Buffering": "no"}
        return StreamingResponse(self._gatherer.events(), headers=headers, media_type="text/event-stream")


def _boxes(text: str | None) -> frozenset[int] | None:
    return None if text is None else frozenset(int(one) for one in text.split(",") if one)


def _file(path: str) -> Handler:
    async def answer(request: Request) -> Response:
        name, media = FILES[path]
        return _kept(request, _content(name), media)

    return answer


@cache
def _content(name: str) -> bytes:
    content = (files("streams.console") / name).read_bytes()
    return content + style().encode() if name == "page.css" else content  # one file is there sooner than two


def _kept(request: Request, content: bytes, media: str) -> Response:
    """What a browser may keep, if it asks whether that is still so."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {**SAFE, "Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media)
