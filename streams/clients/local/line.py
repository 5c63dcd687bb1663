"""A connection to the bundled broker that is made again when it is lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from broker_local.client import ConnectionLost, Link, RequestFailed
from broker_local.errorcodes import ErrorCode
from broker_local.requests import Asks, Reply
from streams.clients.local import errors
from streams.errors import BrokerNotFoundException, TimeoutException

R = TypeVar("R")

Dial = Callable[[], Link]
"""Makes a connection, starting the broker where none runs; raises BrokerNotFoundException if that fails."""

CALL_TIMEOUT_MS = 30_000
RETRY_S = 0.05
_PASSING = {ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.REQUEST_TIMED_OUT}


class Line:
    """One connection, or the place for one.

    Args:
        dial: makes a connection.
    """

    def __init__(self, dial: Dial) -> None:
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
        deadline = time.monotonic() + timeout_ms / 1000
        while True:
            left = int((deadline - time.monotonic()) * 1000)
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
                time.sleep(RETRY_S)

    def ask(self, request: Asks[R], where: str = "", timeout_ms: int = CALL_TIMEOUT_MS) -> R:
        """As `call`, but a refusal is raised as the exception that it means."""
        try:
            return self.call(request, timeout_ms)
        except RequestFailed as failed:
            raise errors.of(failed, where) from None

    def fileno(self) -> int:
        """The connection's descriptor, -1 where there is none."""
        return -1 if self._link is None else self._link.fileno()

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
