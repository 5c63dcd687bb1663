"""Messages and questions from other threads to a worker, served between batches. Questions are also answered while it
waits for an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Generic, TypeVar

from streams.errors import StateStoreMigratedException, TimeoutException
from streams.world import SYSTEM, Condition, World

T = TypeVar("T")
Message = Callable[[], None]

SERVE_MS = 20
"""Questions are served for no longer than this at a time; the rest waits for the next."""


class Answer(Generic[T]):
    """What comes of a question. Any thread may wait for it, or leave it: then it is not asked any more."""

    __slots__ = ("_came", "_error", "_found", "_then", "over")

    def __init__(self, came: Condition) -> None:
        self._came = came
        self._found: list[T] = []
        self._error: Exception | None = None
        self._then: list[Callable[[], None]] = []
        self.over = False
        """It has come, or nobody waits for it."""

    def ask(self, question: Callable[[], T]) -> None:
        """Asks, by the thread that knows."""
        if self.over:
            return
        try:
            self._found.append(question())
        except Exception as error:
            self._error = error
        self._end()

    def fail(self, error: Exception) -> None:
        """Nobody will ask any more."""
        if not self.over:
            self._error = error
            self._end()

    def leave(self) -> None:
        """Nobody waits for it any more."""
        with self._came:
            self.over = True

    def _end(self) -> None:
        with self._came:
            self.over = True
            self._came.notify_all()
            told, self._then = self._then, []
        for each in told:
            each()

    def then(self, told: Callable[[], None]) -> None:
        """`told` is called when it has come, by the thread that answers, or now."""
        with self._came:
            if not self.over:
                self._then.append(told)
                return
        told()

    def result(self, timeout_ms: float) -> T:
        """The answer.

        Raises:
            TimeoutException: it has not come in that time, and is left.
            Exception: what the question raised.
        """
        with self._came:
            if not self._came.wait_for(lambda: self.over, timeout_ms / 1000):
                self.over = True
                raise TimeoutException(f"The worker has not answered within {timeout_ms:.0f} ms.")
        if self._error is not None:
            raise self._error
        if not self._found:
            raise TimeoutException("The question was left.")
        return self._found[0]


class Mailbox:
    """Any thread puts, the worker takes.

    Who asks while the worker is away answers by itself, and holds the worker up at its return for no longer than one
    question takes.

    Args:
        wake: called after each `put`, from the putting thread, so that a waiting worker looks.
        world: how answers are waited for.
    """

    __slots__ = ("_away", "_closed", "_messages", "_owner", "_questions", "_visited", "_visitors", "_wake", "_world")

    def __init__(self, wake: Callable[[], None], world: World = SYSTEM) -> None:
        self._messages: deque[Message] = deque()
        self._questions: deque[Callable[[bool], None]] = deque()
        self._wake = wake
        self._world = world
        self._closed = False
        self._owner = 0
        self._away = False
        self._visitors = world.condition()
        self._visited = False

    @property
    def waits(self) -> bool:
        """There is something to be served."""
        return bool(self._messages or self._questions)

    def put(self, message: Message) -> None:
        """`message` is called by the worker's thread."""
        self._messages.append(message)
        self._wake()

    def ask(self, question: Callable[[], T]) -> Answer[T]:
        """`question` is called by the worker's thread, between two batches, or while it is away: what it reads of the
        worker's tasks is of one moment. It must be short, and only read."""
        answer: Answer[T] = Answer(self._world.condition())

        def asked(served: bool) -> None:
            if served:
                answer.ask(question)
            else:
                answer.fail(_ended())

        if self._world.this_thread() == self._owner:  # user code in the worker: nobody else would answer it
            asked(True)
            return answer
        self._questions.append(asked)
        if self._away:
            self._visit()
        if self._closed:
            self._end()
        elif not answer.over:
            self._wake()
        return answer

    def serve(self) -> None:
        """Calls what has been put, oldest first; then answers questions, for no longer than `SERVE_MS`. By the worker's
        thread."""
        if not self._owner:
            self._owner = self._world.this_thread()
        while self._messages:
            self._messages.popleft()()
        if not self._questions:
            return
        end = self._world.monotonic_ms() + SERVE_MS
        while self._questions:
            self._questions.popleft()(True)
            if self._world.monotonic_ms() >= end:
                return

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside, the worker waits for others, and what questions read does not change. By the worker's thread."""
        for _ in range(len(self._questions)):
            self._questions.popleft()(True)
        self._away = True  # who has asked before may not have seen it
        if self._questions:
            self._visit()
        try:
            yield
        finally:
            self._away = False
            if self._visited:
                with self._visitors:  # somebody reads
                    pass

    def _visit(self) -> None:
        """Answers what has been asked, until the worker is back."""
        with self._visitors:
            self._visited = True  # before it is looked again whether the worker is away, which looks for this after it
            try:
                while self._away and self._questions:
                    self._questions.popleft()(True)
            finally:
                self._visited = False

    def close(self) -> None:
        """The worker has ended: nothing is served any more, and who waits is told so."""
        self._closed = True
        self._messages.clear()
        self._end()

    def _end(self) -> None:
        with suppress(IndexError):  # two may be at it
            while True:
                self._questions.popleft()(False)


def _ended() -> StateStoreMigratedException:
    return StateStoreMigratedException("The worker of this task has ended. Another one has the task soon.")
