"""`/stores…`: stores over HTTP, by any instance, whoever has the tasks. Who is asked asks the owner, once.

GET /stores                               which there are
GET /stores/{store}                       one of them
GET /stores/{store}/keys/{key}            200, 404 for a key that is known to be absent, 503 where nobody can tell
GET /stores/{store}/range                 rows as NDJSON; the last line has the cursor, or what went wrong
GET /stores/{store}/windows/{key}         windows of a key
GET /stores/{store}/sessions/{key}        sessions of a key
GET /stores/{store}/versions/{key}        versions of a key, or with as_of the one that was valid then
GET /stores/{store}/count                 how many rows
GET /state                                how this instance is
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from streams.errors import (
    IllegalArgumentException,
    InvalidStateStoreException,
    RetryAfterException,
    UnknownStateStoreException,
)
from streams.http.address import may_ask
from streams.http.client import HttpClient, Unreachable
from streams.http.problem import Problem
from streams.query.instance import GLOBAL, Instance
from streams.query.position import Position, applied
from streams.query.reading import busy, checked
from streams.query.scans import Found, Scanned, scanned, single
from streams.query.texts import (
    Cursor,
    key_bytes,
    position_of,
    read_cursor,
    written_cursor,
    written_position,
)
from streams.serdes.json import as_json
from streams.state.local_store import Answer, LocalStore, Restoring
from streams.topology.node import SourceNode
from streams.topology.store import StoreSpec
from streams.validation import shown

T = TypeVar("T")

FORWARDED = "streams-forwarded"
"""A request that has this was sent on by another instance: it is not sent on again."""
NOT_HERE = "not-here"
JSON = "application/json"
NDJSON = "application/x-ndjson"
TIMEOUT_MS = 1_000
LONGEST_MS = 60_000
AGAIN_S = 0.01
"""Where nobody can tell yet it is looked again so soon, until the time is over."""
PAGE = 1_000
PATIENCE_MS = 10_000
"""How long a page of a long answer may take, over rebalances too."""


class Options(NamedTuple):
    """How a request wants to be answered."""

    committed: bool
    bound: Position
    max_staleness_ms: int | None
    timeout_ms: int
    forwarded: bool
    key_format: str
    raw: bool


class StoreRoutes:
    """Answers requests; an ASGI application.

    Args:
        instance: knows where stores are.
        summary: how the application is, for `/state`.
        token: that requests must bring; "": there is none, and only this machine may ask.
    """

    def __init__(self, instance: Instance, summary: Callable[[], Mapping[str, object]], token: str = "") -> None:
        self._instance = instance
        self._summary = summary
        self._token = token
        self._own = frozenset({instance.endpoint})
        given = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = HttpClient({FORWARDED: "1", **given})
        self._router = Router(
            [
                Route("/state", self._state),
                Route("/stores", self._stores),
                Route("/stores/{store}", self._store),
                Route("/stores/{store}/keys/{key:path}", self._key),
                Route("/stores/{store}/range", self._range),
                Route("/stores/{store}/windows/{key:path}", self._windows),
                Route("/stores/{store}/sessions/{key:path}", self._sessions),
                Route("/stores/{store}/versions/{key:path}", self._versions),
                Route("/stores/{store}/count", self._count),
            ],
            default=_nowhere,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        try:
            if not may_ask(request.headers, self._token, self._own):
                if self._token:
                    raise Problem(401, "token-missing", "Give the token: Authorization: Bearer TOKEN.")
                raise Problem(403, "wrong-host", "Without a token only this machine is answered, as 127.0.0.1.")
            await self._router(scope, receive, send)
        except Problem as problem:
            await problem.response()(scope, receive, send)
        except UnknownStateStoreException as error:
            await Problem(404, "unknown-store", str(error), stores=sorted(self._instance.specs)).response()(
                scope, receive, send
            )
        except IllegalArgumentException as error:
            await Problem(400, "wrong-request", str(error)).response()(scope, receive, send)
        except InvalidStateStoreException as error:
            seconds = error.seconds if isinstance(error, RetryAfterException) else 1.0
            await Problem(503, "retry-later", str(error), seconds).response()(scope, receive, send)

    # what there is

    async def _state(self, request: Request) -> Response:
        return Response(as_json(self._summary()), media_type=JSON)

    async def _stores(self, request: Request) -> Response:
        return Response(as_json([self._described(each) for each in self._instance.specs.values()]), media_type=JSON)

    async def _store(self, request: Request) -> Response:
        return Response(as_json(self._described(self._spec(request))), media_type=JSON)

    def _described(self, spec: StoreSpec) -> dict[str, object]:
        here = self._instance.here(spec.name)
        key, value = self._instance.serdes(spec)
        return {
            "name": spec.name,
            "kind": spec.kind.value,
            "key_serde": key.name,
            "value_serde": value.name,
            "global": self._instance.is_global(spec.name),
            "partitions": self._instance.count(spec.name),
            "here": {
                partition: {"state": "RUNNING", "position": applied(each.applied()).offsets}
                if isinstance(each, LocalStore)
                else {"state": "RESTORING", "restored": each.done, "to_restore": each.total}
                for partition, each in here.items()
            },
        }

    # one row

    async def _key(self, request: Request) -> Response:
        return await self._one(request, single(request.query_params))

    async def _one(self, request: Request, question: Callable[[LocalStore, bytes, bool], Found]) -> Response:
        """The answer to a question about a key, by whoever can give it."""
        instance, spec = self._instance, self._spec(request)
        options = self._options(request, spec)
        serde, _ = instance.serdes(spec)
        key = key_bytes(request.path_params["key"], serde, options.key_format)

        async def here(local: LocalStore) -> Response:
            position, staleness = await self._fit(local, options)
            found = await self._read(local, lambda: question(local, key, options.committed), options)
            return self._shown(found, position, staleness, options)

        return await self._by_owner(request, lambda: instance.partition(spec.name, key, serde), here, options)

    def _shown(self, found: Found, position: Position, staleness: int | None, options: Options) -> Response:
        headers = {
            "Streams-Position": written_position(position),
            "Streams-Source": f"active; instance={self._instance.endpoint}",
        }
        if staleness is not None:
            headers["Streams-Staleness-Ms"] = str(staleness)
        if found.members is None:
            response = Problem(404, "absent", found.absent, position=position.offsets).response()
            response.headers.update(headers)
            return response
        if options.raw:
            return Response(found.raw, headers=headers, media_type="application/octet-stream")
        return Response(as_json({**found.members, "position": position.offsets}), headers=headers, media_type=JSON)

    async def _by_owner(
        self,
        request: Request,
        partition: Callable[[], int | None],
        here: Callable[[LocalStore], Awaitable[Response]],
        options: Options,
    ) -> Response:
        """Has a request answered by who has a partition; waits for it a while, where tasks move.

        Raises:
            Problem: nobody can tell yet.
        """
        store = request.path_params["store"]
        end = self._now() + options.timeout_ms
        while True:
            late: Problem
            number = partition()
            if number is None:
                late = Problem(503, "not-assigned", f"How many partitions {store} has is not known yet.", 1.0)
            else:
                place = self._instance.place(store, number)
                if isinstance(place, LocalStore):
                    try:
                        return await here(place)
                    except RetryAfterException as error:
                        late = Problem(503, "retry-later", str(error), error.seconds)
                    except Problem as problem:
                        if problem.status != 503:
                            raise
                        late = problem
                elif isinstance(place, Restoring):
                    late = Problem(503, "restoring", str(place), 1.0, restored=place.done, to_restore=place.total)
                elif options.forwarded or not place.endpoint or place.endpoint == self._instance.endpoint:
                    late = self._not_here(store, number, place.generation, options.forwarded)
                    if options.forwarded:
                        raise late
                else:
                    answer = await self._sent_on(place.endpoint, request, end - self._now())
                    if isinstance(answer, Response):
                        return answer
                    late = answer
            if self._now() >= end:
                raise late
            await asyncio.sleep(AGAIN_S)

    def _not_here(self, store: str, partition: int, generation: int, forwarded: bool) -> Problem:
        why = "and whoever asked took it to be" if forwarded else "and who has it is not known: tasks are on their way"
        said = f"Partition {partition} of {store} is not at {self._instance.endpoint or 'this instance'}, {why}."
        return Problem(503, NOT_HERE, said, 1.0, epoch=generation)

    async def _sent_on(self, endpoint: str, request: Request, left_ms: float) -> Response | Problem:
        """The owner's answer, or why there is none yet."""
        wait_s = max(left_ms, AGAIN_S * 1000) / 1000
        try:
            reply = await self._client.get(endpoint, _target(request), {}, wait_s)
            body = await reply.body()
        except Unreachable as gone:
            return Problem(503, "unreachable", f"The instance that has it: {gone}.", 1.0)
        self._client.done(endpoint, reply)
        kept = {
            name: value
            for name, value in reply.headers.items()
            if name.startswith("streams-") or name in ("retry-after", "content-type")
        }
        answer = Response(body, reply.status, kept)
        if reply.status != 503:
            return answer
        return _problem_of(body)

    async def _fit(self, local: LocalStore, options: Options) -> tuple[Position, int | None]:
        """Where it stands, if that is far enough.

        Raises:
            Problem: it is not, yet.
        """
        position = applied(local.applied())
        lacks = position.lacks(options.bound, local.partition)
        if lacks is not None:
            topic, wanted, seen = lacks
            far = "nothing" if seen is None else f"offset {seen}"
            said = f"{local.name} has seen {far} of {topic}-{local.partition}, and not {wanted} yet."
            raise Problem(503, "not-up-to-bound", said, 1.0, position=position.offsets)
        if options.max_staleness_ms is None:
            return position, None
        staleness = await self._answered(local, local.ask(local.staleness_ms), options.timeout_ms)
        if staleness is None or staleness > options.max_staleness_ms:
            old = "of unknown age" if staleness is None else f"up to {staleness} ms old"
            raise Problem(503, "too-stale", f"{local.name} is {old}, not {options.max_staleness_ms} ms.", 1.0)
        return position, staleness

    async def _read(self, local: LocalStore, question: Callable[[], T], options: Options) -> T:
        """By this thread where that is safe, else by the worker."""
        if options.committed and any_thread(local):
            return checked(local, question)
        return await self._answered(local, local.ask(lambda: checked(local, question)), options.timeout_ms)

    async def _answered(self, local: LocalStore, answer: Answer[T], timeout_ms: float) -> T:
        loop = asyncio.get_running_loop()
        come = asyncio.Event()

        def told() -> None:
            loop.call_soon_threadsafe(come.set)

        answer.then(told)
        try:
            await asyncio.wait_for(come.wait(), timeout_ms / 1000)
        except TimeoutError:
            answer.leave()
            raise busy(local, timeout_ms) from None
        found = answer.result(0)
        local.check()
        return found

    # many rows

    async def _range(self, request: Request) -> Response:
        return await self._many(request, None)

    async def _windows(self, request: Request) -> Response:
        return await self._many(request, request.path_params["key"])

    async def _sessions(self, request: Request) -> Response:
        return await self._many(request, request.path_params["key"])

    async def _versions(self, request: Request) -> Response:
        if "as_of" in request.query_params:
            return await self._one(request, single(request.query_params))
        return await self._many(request, request.path_params["key"])

    async def _many(self, request: Request, key: str | None) -> Response:
        """Rows as NDJSON."""
        instance, spec = self._instance, self._spec(request)
        options = self._options(request, spec)
        given = request.query_params
        serde, _ = instance.serdes(spec)
        raw = None if key is None else key_bytes(key, serde, options.key_format)
        scan = scanned(spec, serde, given, raw, options.key_format)
        fingerprint = b"" if instance.is_global(spec.name) else instance.built.fingerprint(instance.subs[spec.name].id)
        asked = urlencode([(name, value) for name, value in sorted(given.items()) if name not in PAGING])
        question = f"{request.url.path}?{asked}"
        cursor = Cursor(GLOBAL if instance.is_global(spec.name) else 0)
        only = _whole(given.get("partition"), "partition")
        if raw is not None:
            only = await self._partition_of(spec, raw, options)
        if only is not None:
            cursor = Cursor(only)
        if given.get("cursor"):
            cursor = read_cursor(given["cursor"], question, fingerprint)
        limit = _whole(given.get("limit"), "limit")
        pages = Paged(self, request, spec, scan, options, question, fingerprint, only, limit)
        first = await pages.page(cursor, PAGE if limit is None else min(limit, PAGE))
        headers = {"Streams-Order": "partition, then the bytes of keys", "X-Accel-Buffering": "no"}
        return StreamingResponse(pages.lines(cursor, first), headers=headers, media_type=NDJSON)

    async def _partition_of(self, spec: StoreSpec, key: bytes, options: Options) -> int:
        serde, end = self._instance.serdes(spec)[0], self._now() + options.timeout_ms
        while (found := self._instance.partition(spec.name, key, serde)) is None:
            if self._now() >= end:
                raise Problem(503, "not-assigned", f"How many partitions {spec.name} has is not known yet.", 1.0)
            await asyncio.sleep(AGAIN_S)
        return found

    async def _count(self, request: Request) -> Response:
        spec = self._spec(request)
        total = 0
        path = f"/stores/{quote(spec.name, safe='')}/range"
        response = await self._many(Request({**request.scope, "path": path, "raw_path": path.encode()}), None)
        assert isinstance(response, StreamingResponse)
        async for piece in response.body_iterator:
            assert isinstance(piece, bytes)
            lines = piece.splitlines()
            if lines and (lines[-1].startswith(b'{"cursor":') or lines[-1].startswith(b'{"problem":')):
                last = lines.pop()
                if last.startswith(b'{"problem":'):
                    raise Problem(503, "retry-later", f"{spec.name} could not be counted to its end.", 1.0)
            total += len(lines)
        return Response(as_json({"store": spec.name, "count": total}), media_type=JSON)

    # what is asked

    def _now(self) -> float:
        return self._instance.world.monotonic_ms()

    def _spec(self, request: Request) -> StoreSpec:
        self._instance.check_running()
        return self._instance.spec(request.path_params["store"])

    def _options(self, request: Request, spec: StoreSpec) -> Options:
        given = request.query_params
        read = given.get("read", "active")
        if read != "active":
            raise Problem(400, "no-standbys", f"read={read} asks standby tasks, and there are none yet. Leave it out.")
        isolation = given.get("isolation", "committed" if self._instance.committed else "uncommitted")
        if isolation not in ("committed", "uncommitted"):
            raise IllegalArgumentException(f"Invalid isolation {shown(isolation)}: committed or uncommitted.")
        bound = position_of(given["min_position"]) if given.get("min_position") else Position()
        self._check_topics(bound, spec)
        timeout_ms = _whole(given.get("timeout"), "timeout")
        return Options(
            isolation == "committed",
            bound,
            _milliseconds(given.get("max_staleness")),
            TIMEOUT_MS if timeout_ms is None else min(timeout_ms, LONGEST_MS),
            FORWARDED in request.headers,
            given.get("key_format", "text"),
            given.get("value_format") == "raw",
        )

    def _check_topics(self, bound: Position, spec: StoreSpec) -> None:
        if bound.is_empty or self._instance.is_global(spec.name):
            return
        sub = self._instance.subs[spec.name]
        read = self._instance.topics(sub)
        patterns = [
            node.topics for node in sub.nodes if isinstance(node, SourceNode) and isinstance(node.topics, re.Pattern)
        ]
        for topic in bound.offsets:
            if topic not in read and not any(each.fullmatch(topic) for each in patterns):
                raise Problem(
                    400,
                    "topic-not-read",
                    f"min_position names {topic}, which the sub-topology of {spec.name} does not read. It reads "
                    f"{', '.join(read)}.",
                )


PAGING = ("cursor", "limit", "timeout", "partition")


class Paged:
    """The pages of a long answer.

    Args:
        routes, request, spec, options: what is asked, and how.
        scan: reads a page of a partition.
        question, fingerprint: of cursors.
        only: the only partition that is asked; None: all.
        limit: of rows.
    """

    def __init__(
        self,
        routes: StoreRoutes,
        request: Request,
        spec: StoreSpec,
        scan: Scanned,
        options: Options,
        question: str,
        fingerprint: bytes,
        only: int | None,
        limit: int | None,
    ) -> None:
        self._routes = routes
        self._request = request
        self._spec = spec
        self._scan = scan
        self._options = options._replace(timeout_ms=max(options.timeout_ms, PATIENCE_MS))
        self._question = question
        self._fingerprint = fingerprint
        self._only = only
        self._limit = limit
        self._first_options = options

    async def page(self, cursor: Cursor, most: int) -> tuple[bytes, int, Cursor | None]:
        """Some lines from a cursor on, how many, and where it goes on; None: it was all.

        Raises:
            Problem: nobody can tell yet.
        """
        return await self._page(cursor, most, self._first_options)

    async def _page(self, cursor: Cursor, most: int, options: Options) -> tuple[bytes, int, Cursor | None]:
        routes = self._routes
        found: list[tuple[bytes, int, Cursor | None]] = []

        async def here(local: LocalStore) -> Response:
            await routes._fit(local, options)
            question = lambda: self._scan(local, options.committed, cursor.after, most)  # noqa: E731
            page = await routes._answered(local, local.ask(lambda: checked(local, question)), options.timeout_ms)
            lines = b"".join(as_json(row) + b"\n" for row in page.rows)
            following = Cursor(cursor.partition, page.after) if page.after is not None else self._next(cursor)
            found.append((lines, len(page.rows), following))
            return Response()

        request = self._remote(cursor, most)
        answer = await routes._by_owner(request, lambda: cursor.partition, here, options)
        if found:
            return found[0]
        if answer.status_code != 200:
            raise _problem_of(bytes(answer.body), answer.status_code)
        return self._from_remote(bytes(answer.body), cursor)

    def _remote(self, cursor: Cursor, most: int) -> Request:
        """The question for a page, as another instance is asked it."""
        given = dict(self._request.query_params)
        given.update(partition=str(cursor.partition), limit=str(most))
        given["cursor"] = written_cursor(cursor, self._question, self._fingerprint)
        return Request({**self._request.scope, "query_string": urlencode(given).encode()})

    def _from_remote(self, body: bytes, cursor: Cursor) -> tuple[bytes, int, Cursor | None]:
        lines = body.splitlines(keepends=True)
        last = _json(lines.pop()) if lines else {}
        text = last.get("cursor")
        if not isinstance(text, str) and "cursor" not in last:
            raise _problem_of(b"", 503)
        following = self._next(cursor)
        if isinstance(text, str):
            following = read_cursor(text, self._question, self._fingerprint)
        return b"".join(lines), len(lines), following

    def _next(self, cursor: Cursor) -> Cursor | None:
        """The next partition, if there is one to be asked."""
        count = self._routes._instance.count(self._spec.name) or 0
        if self._only is not None or cursor.partition == GLOBAL or cursor.partition + 1 >= count:
            return None
        return Cursor(cursor.partition + 1)

    async def lines(self, cursor: Cursor, page: tuple[bytes, int, Cursor | None]) -> AsyncIterator[bytes]:
        """All lines; the last one has the cursor, or what went wrong and the cursor."""
        left = self._limit
        following: Cursor | None = cursor
        try:
            while True:
                text, count, following = page
                if text:
                    yield text
                if left is not None:
                    left -= count
                if following is None or (left is not None and left <= 0):
                    break
                most = PAGE if left is None else min(left, PAGE)
                page = await self._page(following, most, self._options)
        except Problem as problem:
            yield as_json({"problem": problem.members(), "cursor": self._written(following)}) + b"\n"
        except RetryAfterException as error:
            said = Problem(503, "retry-later", str(error), error.seconds).members()
            yield as_json({"problem": said, "cursor": self._written(following)}) + b"\n"
        else:
            yield as_json({"cursor": self._written(following)}) + b"\n"

    def _written(self, cursor: Cursor | None) -> str | None:
        return None if cursor is None else written_cursor(cursor, self._question, self._fingerprint)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise Problem(404, "unknown-route", f"There is no {scope['path']}. GET /stores shows which stores there are.")


def any_thread(local: LocalStore) -> bool:
    """May single committed rows be read by this thread?"""
    kinds = (local.key_value, local.window, local.session, local.versioned)
    return any(kind is not None and kind.committed.any_thread for kind in kinds)


def _target(request: Request) -> str:
    """Path and query as they were sent."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string", b"")
    return (raw.split(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def _json(text: bytes) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _problem_of(body: bytes, status: int = 503) -> Problem:
    """What another instance has said."""
    found = _json(body)
    kind = str(found.get("type", "")).rpartition(":")[2] or "retry-later"
    more = {name: value for name, value in found.items() if name not in ("type", "title", "status", "detail")}
    detail = str(found.get("detail", "The instance that has it cannot tell yet."))
    return Problem(status, kind, detail, 1.0 if status == 503 else None, **more)


def _whole(text: str | None, what: str) -> int | None:
    if text is None:
        return None
    if not text.isdigit():
        raise IllegalArgumentException(f"Invalid {what} {shown(text)}: give a whole number.")
    return int(text)


def _milliseconds(text: str | None) -> int | None:
    """`500ms`, `2s` or a number of milliseconds."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)(ms|s|)", text)
    if found is None:
        raise IllegalArgumentException(f"Invalid duration {shown(text)}. Give one such as 500ms or 2s.")
    return int(found[1]) * (1_000 if found[2] == "s" else 1)
