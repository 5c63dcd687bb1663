"""One look a second at all instances, for all who look at the page here; while nobody does, nothing runs.

A new viewer is told the whole document, from then on what has changed: bytes that are made once for all of them. Who is
slow is told the whole anew. All of it lives in the event loop; what waits or counts runs in threads.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import suppress

from streams.clock import Clock
from streams.console.answer import Answer, read_answer
from streams.console.application import Application, Group
from streams.console.document import plain
from streams.console.patch import merge_patch
from streams.console.paths import INSTANCE
from streams.console.process import Process
from streams.errors import KafkaException
from streams.http.client import HttpClient, Unreachable
from streams.serdes.json import as_json

EVERY_S = 1.0
WAIT_S = 0.8
"""An instance that has not answered by then does not answer, for this second."""
KEPT_S = 0.9
"""A look at this process serves for so long."""
MEMBERS_S = 5.0
"""Between two questions to the group which instances there are: those without a task are found by nothing else."""
MOST_WAITING = 5
"""Events that wait for one viewer."""


class OwnLook:
    """This process, looked at once for all who ask within a second. For one event loop."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._known = Answer()
        self._until = 0.0
        self._looking = asyncio.Lock()

    async def shown(self) -> Answer:
        """How it is."""
        async with self._looking:
            now = asyncio.get_running_loop().time()
            if now >= self._until:
                self._known = await asyncio.to_thread(self._process.shown)
                self._until = now + KEPT_S
            return self._known


class _Viewer:
    """One who looks: what waits for it."""

    def __init__(self) -> None:
        self.waiting: deque[bytes] = deque()
        self.come = asyncio.Event()
        self.over = False

    def tell(self, event: bytes) -> None:
        self.waiting.append(event)
        self.come.set()


class Gatherer:
    """See the module. For one event loop.

    Args:
        own: this process.
        endpoint: where it can be asked; "": nowhere.
        application: puts answers together.
        group: what the group has told of its tasks.
        members: where instances can be asked, by what they have told the group; it may wait.
        client: asks them.
        clock: what time it is.
    """

    def __init__(
        self,
        own: OwnLook,
        endpoint: str,
        application: Application,
        group: Callable[[], Group],
        members: Callable[[], Collection[str]],
        client: HttpClient,
        clock: Clock,
    ) -> None:
        self._own = own
        self._endpoint = endpoint
        self._application = application
        self._group = group
        self._find = members
        self._client = client
        self._clock = clock
        self._members: frozenset[str] = frozenset()
        self._viewers: set[_Viewer] = set()
        self._running: asyncio.Task[None] | None = None
        self._document: Mapping[str, object] = {}
        self._whole = b""

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Server-sent events, until nobody takes them: `whole`, then `change` each second."""
        viewer = _Viewer()
        self._viewers.add(viewer)
        if self._running is None:
            self._document = {}
            self._running = asyncio.create_task(self._run())
        elif self._document:
            viewer.tell(self._all())
        try:
            while not viewer.over:
                await viewer.come.wait()
                viewer.come.clear()
                while viewer.waiting:
                    yield viewer.waiting.popleft()
        finally:
            self._viewers.discard(viewer)
            if not self._viewers and self._running is not None:
                self._running.cancel()
                self._running = None

    async def _run(self) -> None:
        """Looks as long as somebody else does."""
        finding: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        find_at = 0.0
        try:
            while True:
                due = loop.time() + EVERY_S
                if loop.time() >= find_at and (finding is None or finding.done()):
                    finding, find_at = asyncio.create_task(self._find_members()), loop.time() + MEMBERS_S
                self._tell(await self._look())
                await asyncio.sleep(max(0.0, due - loop.time()))
        finally:
            if finding is not None:
                finding.cancel()
            if self._running is asyncio.current_task():
                self._running = None
                for viewer in self._viewers:  # it has failed: they come again
                    viewer.over = True
                    viewer.come.set()

    async def _find_members(self) -> None:
        with suppress(KafkaException):  # the engine is away: those that are known are still asked
            self._members = frozenset(await asyncio.to_thread(self._find))

    async def _look(self) -> Mapping[str, object]:
        group = self._group()
        others = sorted((self._members | set(group.owners.values())) - {self._endpoint, ""})
        own, *answers = await asyncio.gather(self._own.shown(), *map(self._ask, others))
        said: dict[str, Answer | None] = {self._endpoint: own, **dict(zip(others, answers, strict=True))}
        return plain(self._application.document(said, group, self._clock.now_ms()))

    async def _ask(self, endpoint: str) -> Answer | None:
        """What an instance says of itself; None: it does not answer."""
        try:
            async with asyncio.timeout(WAIT_S):
                reply = await self._client.get(endpoint, INSTANCE, {}, WAIT_S)
                try:
                    body = await reply.body()
                finally:
                    self._client.done(endpoint, reply)
        except (Unreachable, TimeoutError):
            return None
        return read_answer(body) if reply.status == 200 else None

    def _tell(self, document: Mapping[str, object]) -> None:
        first, change = not self._document, merge_patch(self._document, document)
        self._document, self._whole = document, b""
        event = b"" if first else _event("change", change)
        for viewer in self._viewers:
            if first:
                viewer.tell(self._all())
            elif len(viewer.waiting) >= MOST_WAITING:
                viewer.waiting.clear()
                viewer.tell(self._all())
            else:
                viewer.tell(event)

    def _all(self) -> bytes:
        if not self._whole:
            self._whole = _event("whole", self._document)
        return self._whole


def _event(name: str, data: Mapping[str, object]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + as_json(data) + b"\n\n"
