"""Who answers a request for a partition: this instance, or the owner, which is asked once; and when nobody can tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from streams.errors import RetryAfterException
from streams.http.client import HttpClient, Unreachable
from streams.http.problem import Problem
from streams.query.instance import Instance
from streams.query.position import Position, applied
from streams.query.reading import busy, checked
from streams.state.local_store import Answer, LocalStore, Restoring

T = TypeVar("T")

FORWARDED = "streams-forwarded"
"""A request that has this was sent on by another instance: it is not sent on again."""
NOT_HERE = "not-here"
AGAIN_S = 0.01
"""Where nobody can tell yet it is looked again so soon, until the time is over."""


class Options(NamedTuple):
    """How a request wants to be answered."""

    committed: bool
    bound: Position
    max_staleness_ms: int | None
    timeout_ms: int
    forwarded: bool
    key_format: str
    raw: bool


class Answers:
    """See the module. For one event loop.

    Args:
        instance: knows where stores are.
        token: that requests must bring; "": there is none.
    """

    def __init__(self, instance: Instance, token: str) -> None:
        self.instance = instance
        given = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = HttpClient({FORWARDED: "1", **given})

    def now(self) -> float:
        """Ms of a clock that never goes back."""
        return self.instance.world.monotonic_ms()

    async def by_owner(
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
        end = self.now() + options.timeout_ms
        while True:
            late: Problem
            number = partition()
            if number is None:
                late = Problem(503, "not-assigned", f"How many partitions {store} has is not known yet.", 1.0)
            else:
                place = self.instance.place(store, number)
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
                elif options.forwarded or not place.endpoint or place.endpoint == self.instance.endpoint:
                    late = self._not_here(store, number, place.generation, options.forwarded)
                    if options.forwarded:
                        raise late
                else:
                    answer = await self._sent_on(place.endpoint, request, end - self.now())
                    if isinstance(answer, Response):
                        return answer
                    late = answer
            if self.now() >= end:
                raise late
            await asyncio.sleep(AGAIN_S)

    def _not_here(self, store: str, partition: int, generation: int, forwarded: bool) -> Problem:
        why = "and whoever asked took it to be" if forwarded else "and who has it is not known: tasks are on their way"
        said = f"Partition {partition} of {store} is not at {self.instance.endpoint or 'this instance'}, {why}."
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
        return problem_of(body)

    async def fit(self, local: LocalStore, options: Options) -> tuple[Position, int | None]:
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
        staleness = await self.answered(local, local.ask(local.staleness_ms), options.timeout_ms)
        if staleness is None or staleness > options.max_staleness_ms:
            old = "of unknown age" if staleness is None else f"up to {staleness} ms old"
            raise Problem(503, "too-stale", f"{local.name} is {old}, not {options.max_staleness_ms} ms.", 1.0)
        return position, staleness

    async def read(self, local: LocalStore, question: Callable[[], T], options: Options) -> T:
        """By this thread where that is safe, else by the worker."""
        if options.committed and any_thread(local):
            return checked(local, question)
        return await self.answered(local, local.ask(lambda: checked(local, question)), options.timeout_ms)

    async def answered(self, local: LocalStore, answer: Answer[T], timeout_ms: float) -> T:
        """What the worker answers.

        Raises:
            RetryAfterException: it has not in time, or the task has moved.
        """
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


def any_thread(local: LocalStore) -> bool:
    """May single committed rows be read by this thread?"""
    kinds = (local.key_value, local.window, local.session, local.versioned)
    return any(kind is not None and kind.committed.any_thread for kind in kinds)


def _target(request: Request) -> str:
    """Path and query as they were sent."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    query = request.scope.get("query_string", b"")
    return (raw.split(b"?")[0] + (b"?" + query if query else b"")).decode("latin-1")


def members_of(text: bytes) -> dict[str, object]:
    """The members of a JSON object; none where it is no such thing."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def problem_of(body: bytes, status: int = 503) -> Problem:
    """What another instance has said."""
    found = members_of(body)
    kind = str(found.get("type", "")).rpartition(":")[2] or "retry-later"
    more = {name: value for name, value in found.items() if name not in ("type", "title", "status", "detail")}
    detail = str(found.get("detail", "The instance that has it cannot tell yet."))
    return Problem(status, kind, detail, 1.0 if status == 503 else None, **more)
