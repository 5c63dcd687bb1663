"""A connection to the bundled broker that is made again when it is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TypeVar

from broker_local.base.error_codes import ErrorCode
from broker_local.host.client import ConnectionLost, Link, RequestFailed
from broker_local.protocol.requests.request import Asks, Reply
from streams.clients.errors_by_number import exception
from streams.errors import BrokerNotFoundException, TimeoutException
from streams.world import SYSTEM, World

R = TypeVar("R", bound=Reply)

Dial = Callable[[], Link]
"""Makes a connection, starting the broker where none runs; raises BrokerNotFoundException if that fails."""

CALL_TIMEOUT_MS = 30_000
RETRY_MS = 50
_PASSING = {ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.REQUEST_TIMED_OUT}


class Connection:
    """One connection, or the place for one.

    Args:
        dial: makes a connection.
        world: time and waiting, for whoever uses it, too.
    """

    def __init__(self, dial: Dial, world: World = SYSTEM) -> None:
        self.world = world
        self.number = 0  # which connection this is, counted from 1
        self._dial = dial
        self._link: Link | None = None
        self._woken = False
        self._closed = False

    def link(self) -> Link:
        """The connection; made if there is none.

        Raises:
            BrokerNotFoundException: no broker could be reached or started.
        """
        if self._link is None:
            if self._closed:
                raise BrokerNotFoundException("The connection to the broker was closed by this client.")
            self._link = self._dial()
            self.number += 1
        return self._link

    def lost(self) -> None:
        """Gives a broken connection up; the next use makes another."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def receive(self, timeout_ms: int) -> list[tuple[int, Reply]]:
        """As `Link.receive`; raises ConnectionLost where there is no connection."""
        if self._link is None:
            raise ConnectionLost("there is no connection")
        if self._woken:
            self._woken = False
            timeout_ms = 0
        return self._link.receive(timeout_ms)

    def call(self, request: Asks[R], timeout_ms: int = CALL_TIMEOUT_MS) -> R:
        """Asks and waits; asks again over a new connection if it is lost, so the request must bear that.

        Raises:
            RequestFailed: the broker refuses.
            TimeoutException: no answer in time.
            BrokerNotFoundException: no broker could be reached or started.
        """
        deadline = self.world.monotonic_ms() + timeout_ms
        while True:
            left = int(deadline - self.world.monotonic_ms())
            if left <= 0:
                raise TimeoutException(
                    f"{type(request).__name__}: no answer from the broker in {timeout_ms} ms."
                )
            try:
                return self.link().call(request, left)
            except ConnectionLost:
                self.lost()
            except TimeoutError:
                continue
            except RequestFailed as failed:
                if failed.error not in _PASSING:
                    raise
                self.world.sleep(RETRY_MS)

    def ask(self, request: Asks[R], where: str = "", timeout_ms: int = CALL_TIMEOUT_MS) -> R:
        """As `call`, but a refusal is raised as the exception that it means."""
        try:
            return self.call(request, timeout_ms)
        except RequestFailed as failed:
            raise exception(failed.error, failed.failure.message, where) from None

    def fileno(self) -> int:
        """The connection's descriptor, -1 where there is none."""
        return -1 if self._link is None else self._link.fileno()

    @property
    def closed(self) -> bool:
        """Was it closed for good?"""
        return self._closed

    @property
    def holds(self) -> bool:
        """Is there an answer that `fileno` does not tell of? It came while another one was waited for."""
        return self._link is not None and self._link.holds

    def wake(self) -> None:
        """Ends a waiting `receive`, or the next one. From any thread."""
        link = self._link
        if link is None:
            self._woken = True
            return
        with contextlib.suppress(OSError, ValueError):  # it is being closed
            link.wake()

    def close(self) -> None:
        """Closes for good."""
        self._closed = True
        self.lost()
