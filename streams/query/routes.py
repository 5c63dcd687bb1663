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

import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from streams.clients.api import Door, Isolation
from streams.errors import (
    BrokerNotFoundException,
    IllegalArgumentException,
    InvalidStateStoreException,
    RetriableException,
    RetryAfterException,
    UnknownStateStoreException,
)
from streams.http.problem import Problem
from streams.query.answers import ABSENT, FORWARDED, Answers, Options, in_path, is_absent
from streams.query.instance import GLOBAL, Instance
from streams.query.metadata import watched
from streams.query.paged import PAGING, Paged
from streams.query.position import Position, applied
from streams.query.reading import PAGE
from streams.query.scans import Found, check_place, scanned, single
from streams.query.texts import Cursor, key_bytes, position_of, read_cursor, written_position
from streams.query.watch import Gone, Watch, changes, read_positions
from streams.serdes.json import as_json
from streams.state.local_store import LocalStore
from streams.topology.store import StoreSpec
from streams.validation import number_of, shown

log = logging.getLogger("streams.query.routes")

JSON = "application/json"
NDJSON = "application/x-ndjson"
TIMEOUT_MS = 1_000
LONGEST_MS = 60_000


class StoreRoutes:
    """Answers requests for stores: `routes`.

    Args:
        instance: knows where stores are.
        summary: how the application is, for `/state`.
        door: the engine, for watches.
        token: that other instances want; "": there is none.
    """

    def __init__(
        self,
        instance: Instance,
        summary: Callable[[], Mapping[str, object]],
        door: Callable[[], Door],
        token: str = "",
    ) -> None:
        self._instance = instance
        self._door = door
        self._watches: dict[str, Watch] = {}
        self._summary = summary
        self._answers = Answers(instance, token, door)
        self.routes = [
            Route("/stores/{store}/keys/{key:path}", self._key),  # the first that is tried, since most ask it
            Route("/state", self._state),
            Route("/stores", self._stores),
            Route("/stores/{store}", self._store),
            Route("/stores/{store}/range", self._range),
            Route("/stores/{store}/windows/{key:path}", self._of_key),
            Route("/stores/{store}/sessions/{key:path}", self._of_key),
            Route("/stores/{store}/versions/{key:path}", self._versions),
            Route("/stores/{store}/count", self._count),
            Route("/stores/{store}/watch", self._watch),
        ]

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
        key = key_bytes(in_path(request, "key"), serde, options.key_format)

        async def here(local: LocalStore) -> Response:
            position, staleness = await self._answers.fit(local, options)
            found = await self._answers.read(local, lambda: question(local, key, options.committed), options)
            return self._shown(found, position, staleness, options)

        only = self._only(request, spec)

        def where() -> int | None:
            return instance.partition(spec.name, key, serde) if only is None else only

        answer = await self._answers.by_owner(request, where, here, options)
        if not is_absent(answer) or options.forwarded or only is not None or instance.is_placed(spec.name):
            return answer
        asked = where()  # whoever has written the topic may have put the key elsewhere
        if asked is None:
            return answer
        return await self._answers.in_others(request, asked, here, options) or answer

    def _shown(self, found: Found, position: Position, staleness: int | None, options: Options) -> Response:
        headers = {
            "Streams-Position": written_position(position),
            "Streams-Source": f"active; instance={self._instance.endpoint}",
        }
        if staleness is not None:
            headers["Streams-Staleness-Ms"] = str(staleness)
        if found.members is None:
            response = Problem(404, ABSENT, found.absent, position=position.offsets).response()
            response.headers.update(headers)
            return response
        if options.raw:
            return Response(found.raw, headers=headers, media_type="application/octet-stream")
        return Response(as_json({**found.members, "position": position.offsets}), headers=headers, media_type=JSON)

    # many rows

    async def _range(self, request: Request) -> Response:
        return await self._many(request, None)

    async def _of_key(self, request: Request) -> Response:
        return await self._many(request, in_path(request, "key"))

    async def _versions(self, request: Request) -> Response:
        if "as_of" in request.query_params:
            return await self._one(request, single(request.query_params))
        return await self._of_key(request)

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
        only = self._only(request, spec)
        sure = raw is None or only is not None or options.forwarded or instance.is_placed(spec.name)
        if raw is not None and only is None:
            only = self._partition_of(spec, raw)
        if only is not None:
            cursor = Cursor(only)
        if given.get("cursor"):
            cursor = read_cursor(given["cursor"], question, fingerprint)
            self._check_partition(cursor.partition, spec)
            check_place(spec, cursor.after)
        limit = _whole(given.get("limit"), "limit")
        if limit == 0:
            raise IllegalArgumentException("Invalid limit 0: give a whole number from 1 on.")
        most = PAGE if limit is None else min(limit, PAGE)
        pages = Paged(self._answers, request, spec, scan, options, question, fingerprint, only, limit)
        first = await pages.page(cursor, most)
        if not sure and not first[0]:  # whoever has written the topic may have put the key elsewhere
            cursor = Cursor(0)
            pages = Paged(self._answers, request, spec, scan, options, question, fingerprint, None, limit)
            first = await pages.page(cursor, most)
        headers = {"Streams-Order": "partition, then the bytes of keys", "X-Accel-Buffering": "no"}
        return StreamingResponse(pages.lines(cursor, first), headers=headers, media_type=NDJSON)

    def _only(self, request: Request, spec: StoreSpec) -> int | None:
        """The only partition that is asked; None: whichever it may be."""
        only = _whole(request.query_params.get("partition"), "partition")
        if only is not None and self._instance.is_global(spec.name):
            return GLOBAL
        if only is not None:
            self._check_partition(only, spec)
        return only

    def _check_partition(self, number: int, spec: StoreSpec) -> None:
        count, first = self._instance.count(spec.name), GLOBAL if self._instance.is_global(spec.name) else 0
        if number < first or (count is not None and number >= first + count):
            raise IllegalArgumentException(f"{spec.name} has {count} partitions, no {number}.")

    def _partition_of(self, spec: StoreSpec, key: bytes) -> int:
        found = self._instance.partition(spec.name, key, self._instance.serdes(spec)[0])
        if found is None:
            raise Problem(503, "not-assigned", f"How many partitions {spec.name} has is not known yet.", 1.0)
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

    # as it comes

    async def _watch(self, request: Request) -> Response:
        spec = self._spec(request)
        given, instance = request.query_params, self._instance
        serde, values = instance.serdes(spec)
        topic, is_own = watched(instance, spec)
        isolation = Isolation.READ_COMMITTED if is_own else instance.isolation
        if isolation is None:
            raise Problem(503, "not-assigned", "This instance has no worker yet.", 1.0)
        prefix = key_bytes(given["prefix"], serde, given.get("key_format", "text")) if given.get("prefix") else b""
        seen = request.headers.get("last-event-id") or given.get("position")
        since = None if not seen else read_positions(seen)
        watch = self._watches.get(spec.name)
        if watch is None:
            watch = Watch(self._door(), isolation, topic, changes(spec, serde, values))
            self._watches[spec.name] = watch
        events = watch.events(prefix, since)
        try:
            first = await anext(events)
        except Gone as gone:
            raise Problem(410, "gone", str(gone)) from gone

        async def lines() -> AsyncIterator[bytes]:
            try:
                yield first
                async for event in events:
                    yield event
            finally:
                await events.aclose()

        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(lines(), headers=headers, media_type="text/event-stream")

    # what is asked

    def _spec(self, request: Request) -> StoreSpec:
        self._instance.check_running()
        return self._instance.spec(in_path(request, "store"))

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
        if bound.is_empty:
            return
        read, patterns = self._instance.read_by(spec.name)
        for topic in bound.offsets:
            if topic not in read and not any(each.fullmatch(topic) for each in patterns):
                raise Problem(
                    400,
                    "topic-not-read",
                    f"min_position names {topic}, which the sub-topology of {spec.name} does not read. It reads "
                    f"{', '.join([*read, *(each.pattern for each in patterns)])}.",
                )


def explained(error: Exception, instance: Instance) -> Problem:
    """What an exception is to who has asked."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, UnknownStateStoreException):
        return Problem(404, "unknown-store", str(error), stores=sorted(instance.specs))
    if isinstance(error, IllegalArgumentException):
        return Problem(400, "wrong-request", str(error))
    if isinstance(error, RetriableException | BrokerNotFoundException):
        return Problem(503, "engine", f"The engine does not answer as it should: {error}", 1.0)
    if isinstance(error, InvalidStateStoreException):
        return Problem(503, "retry-later", str(error), error.seconds if isinstance(error, RetryAfterException) else 1.0)
    log.error("A query failed.", exc_info=error)
    return Problem(500, "failed", f"{type(error).__name__}: {error}")


def _whole(text: str | None, what: str) -> int | None:
    if text is None:
        return None
    number = number_of(text)
    if number is None:
        raise IllegalArgumentException(f"Invalid {what} {shown(text)}: give a whole number.")
    return number


def _milliseconds(text: str | None) -> int | None:
    """`500ms`, `2s` or a number of milliseconds."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,15})(ms|s|)", text)
    if found is None:
        raise IllegalArgumentException(f"Invalid duration {shown(text)}. Give one such as 500ms or 2s.")
    return int(found[1]) * (1_000 if found[2] == "s" else 1)
