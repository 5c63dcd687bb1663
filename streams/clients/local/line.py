"""A connection to the bundled broker that is made again when it is lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from broker_local.client import ConnectionLost, Link, RequestFailed
from broker_local.requests import Asks, ErrorCode, Reply
from streams.clients.local import errors
from streams.errors import BrokerNotFoundException, TimeoutException

R = TypeVar("R")

Dial = Callable[[], Link]
"""Makes a connection, starting the broker where none runs; raises ConnectionError if it is not there (yet)."""

BACKOFF_S = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4)
"""Pauses before the tries to reach a broker again; the last one stands for all that follow."""
PATIENCE_S = 20.0
"""How long a broker is tried before that is an error."""
CALL_TIMEOUT_MS = 30_000
_PASSING = {ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.REQUEST_TIMED_OUT}


class Line:
    """One connection, or the place for one.

    Args:
        dial: makes a connection.
    """

    def __init__(self, dial: Dial) -> None:
        self._dial = dial
        self._link: Link | None = None
        self._woken = False
        self._closed = False
        self.number = 0  # which connection this is, counted from 1

    def link(self) -> Link:
        """The connection; made if there is none.

        Raises:
            BrokerNotFoundException: no broker could be reached or started.
        """
        if self._link is None:
            self._link = self._connect()
        return self._link

    def _connect(self) -> Link:
        started = time.monotonic()
        tries = 0
        while True:
            if self._closed:
                raise BrokerNotFoundException("The connection to the broker was closed by this client.")
            try:
                link = self._dial()
                self.number += 1
                return link
            except ConnectionError as error:
                if time.monotonic() - started > PATIENCE_S:
                    raise BrokerNotFoundException(
                        f"No broker could be reached for {PATIENCE_S:.0f} s: {error}. Its log file in the "
                        "data directory says more; `broker-local check` tells of damage."
                    ) from error
            time.sleep(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
            tries += 1

    def try_link(self) -> Link | None:
        """The connection, or None where one try did not make it."""
        if self._link is None and not self._closed:
            with contextlib.suppress(ConnectionError):
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
                raise TimeoutException(f"{type(request).__name__}: no answer from the broker in {timeout_ms} ms.")
            try:
                return self.link().call(request, left)
            except ConnectionLost:
                self.lost()
            except TimeoutError:
                continue
            except RequestFailed as failed:
                if failed.error not in _PASSING:
                    raise
                time.sleep(BACKOFF_S[2])

    def ask(self, request: Asks[R], where: str = "", timeout_ms: int = CALL_TIMEOUT_MS) -> R:
        """As `call`, but a refusal is raised as the exception that it means."""
        try:
            return self.call(request, timeout_ms)
        except RequestFailed as failed:
            raise errors.of(failed, where) from None

    def fileno(self) -> int:
        """The connection's descriptor, -1 where there is none."""
        return -1 if self._link is None else self._link.fileno()

    def wake(self) -> None:
        """Ends a waiting `receive`, or the next one. From any thread."""
        self._woken = True
        link = self._link
        if link is not None:
            with contextlib.suppress(OSError, ValueError):
                link.wake()

    def close(self) -> None:
        """Closes for good."""
        self._closed = True
        self.lost()
