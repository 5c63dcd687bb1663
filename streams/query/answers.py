"""Who answers a request for a partition: this instance, or the owner, which is asked once; and when nobody can tell."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from streams.clients.api import Door, Isolation
from streams.errors import KafkaException, RetryAfterException, SerializationException
from streams.http.client import HttpClient, Unreachable
from streams.http.problem import Problem
from streams.http.site import target_of
from streams.query.freshness import Freshness, Sample
from streams.query.instance import GLOBAL, Instance
from streams.query.position import Position, applied
from streams.query.reading import busy, checked
from streams.serdes import Serdes
from streams.state.local_store import Answer, LocalStore, Restoring

T = TypeVar("T")

FORWARDED = "streams-forwarded"
"""A request that has this was sent on by another instance: it is not sent on again."""
NOT_HERE = "not-here"
ABSENT = "absent"
AT_ONCE = 16
"""So many partitions are asked at once for a key that may be in any."""
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
        door: the engine.
    """

    def __init__(self, instance: Instance, token: str, door: Callable[[], Door]) -> None:
        self.instance = instance
        self._door = door
        self._freshness: Freshness | None = None
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
        store = in_path(request, "store")
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

    async def in_others(
        self, request: Request, than: int, here: Callable[[LocalStore], Awaitable[Response]], options: Options
    ) -> Response | None:
        """What another partition has of a key that one has not; None: none of them has anything.

        Args:
            than: the partition that was asked.
        Raises:
            Problem: nobody can tell yet.
        """
        store = in_path(request, "store")
        count = self.instance.count(store) or 0
        few = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> Response:
            async with few:
                return await self.by_owner(of_partition(request, number), lambda: number, here, options)

        others = [asyncio.create_task(one(number)) for number in range(count) if number != than]
        try:
            late: Exception | None = None
            for each in asyncio.as_completed(others):
                try:
                    answer = await each
                except Exception as error:
                    late = error
                    continue
                if not is_absent(answer):
                    return answer
            if late is not None:
                raise late
            return None
        finally:
            for task in others:
                task.cancel()

    def _not_here(self, store: str, partition: int, generation: int, forwarded: bool) -> Problem:
        why = "and whoever asked took it to be" if forwarded else "and who has it is not known: tasks are on their way"
        said = f"Partition {partition} of {store} is not at {self.instance.endpoint or 'this instance'}, {why}."
        return Problem(503, NOT_HERE, said, 1.0, epoch=generation)

    async def _sent_on(self, endpoint: str, request: Request, left_ms: float) -> Response | Problem:
        """The owner's answer, or why there is none yet."""
        wait_s = max(left_ms, AGAIN_S * 1000) / 1000
        try:
            reply = await self._client.get(endpoint, target_of(request.scope), {}, wait_s)
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
        lacks = position.lacks(options.bound, None if local.partition == GLOBAL else local.partition)
        if lacks is not None:
            far = "nothing" if lacks.seen is None else f"offset {lacks.seen}"
            said = f"{local.name} has seen {far} of {lacks.topic}-{lacks.partition}, and not {lacks.wanted} yet."
            raise Problem(503, "not-up-to-bound", said, 1.0, position=position.offsets)
        if options.max_staleness_ms is None:
            return position, None
        return position, await self._age(local, options.max_staleness_ms, options.timeout_ms)

    async def _age(self, local: LocalStore, most_ms: int, timeout_ms: int) -> int:
        """How old a store is at most, if that is no more than it may be.

        Raises:
            Problem: it is older, or nobody knows.
        """
        if self._freshness is None:
            isolation = self.instance.isolation or Isolation.READ_UNCOMMITTED
            self._freshness = Freshness(self._door, isolation, self.now)
        began = self.now()
        try:
            samples = await self._freshness.since(local.reads(), began - most_ms, timeout_ms)
        except KafkaException as error:
            raise Problem(503, "too-stale", f"How old {local.name} is cannot be told: {error}", 1.0) from error

        def newest() -> Sample | None:
            return next((each for each in samples if local.reached(each.ends)), None)

        found = await self.answered(local, local.ask(newest), timeout_ms)
        if found is None:
            lacks = f"{local.name} does not have yet all that was in its topics {most_ms} ms ago."
            raise Problem(503, "too-stale", lacks, 1.0)
        return max(0, math.ceil(began - found.at_ms))

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


def of_partition(request: Request, number: int) -> Request:
    """The same question to one partition."""
    given = {**request.query_params, "partition": str(number)}
    return Request({**request.scope, "query_string": urlencode(given).encode()})


def is_absent(answer: Response) -> bool:
    """Does it say that a key is known to be absent?"""
    return answer.status_code == 404 and problem_of(bytes(answer.body), 404).kind == ABSENT


def any_thread(local: LocalStore) -> bool:
    """May single committed rows be read by this thread?"""
    kinds = (local.key_value, local.window, local.session, local.versioned)
    return any(kind is not None and kind.committed.any_thread for kind in kinds)


def in_path(request: Request, name: str) -> str:
    """A part of the path."""
    found: str = request.path_params[name]
    return found


def members_of(text: bytes) -> dict[str, object]:
    """The members of a JSON object; none where it is no such thing."""
    try:
        return Serdes.json(dict[str, object]).decode(text)
    except SerializationException:
        return {}


def problem_of(body: bytes, status: int = 503) -> Problem:
    """What another instance has said."""
    found = members_of(body)
    kind = str(found.get("type", "")).rpartition(":")[2] or "retry-later"
    more = {name: value for name, value in found.items() if name not in ("type", "title", "status", "detail")}
    detail = str(found.get("detail", "The instance that has it cannot tell yet."))
    return Problem(status, kind, detail, 1.0 if status == 503 else None, **more)
