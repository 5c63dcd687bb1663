"""Telling systemd how a service is: `READY=1`, `WATCHDOG=1`, `STATUS=…`, `STOPPING=1` (`sd_notify(3)`).

A datagram to the socket that `NOTIFY_SOCKET` names; without one nothing is told. By hand: it is one call of `sendto`.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from math import inf

WORKER = "X_PID"
"""Whose message it is, for a supervisor; systemd passes over names of others."""
LARGEST = 4_096


class Notifier:
    """Tells systemd, or whoever has started this process in its place.

    Args:
        address: of the socket, as in `NOTIFY_SOCKET`; `@` begins an abstract one. "": nobody wants to know.
        watchdog_ms: how often it is to be told that all is well at least, 0: not at all.
    """

    def __init__(self, address: str, watchdog_ms: float = 0) -> None:
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_ms = watchdog_ms
        self._told = ""
        self._fed_at = -inf
        self._ready = False

    @property
    def wanted(self) -> bool:
        """Does anybody want to know?"""
        return bool(self._address)

    def tell(self, text: str) -> None:
        """Lines of `NAME=value`. What does not arrive is not told again: systemd notices by itself."""
        if self._address:
            with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.sendto(f"{text}\n{WORKER}={os.getpid()}".encode(), self._address)

    def look(self, now_ms: float, ready: bool, live: bool, status: str) -> None:
        """Tells what is new: that it is ready, once; how it is; and, while it lives, that the watchdog may rest.

        Args:
            now_ms: monotonic clock.
            status: one line.
        """
        if not self._address:
            return
        lines = []
        if ready and not self._ready:
            self._ready = True
            lines.append("READY=1")
        if status != self._told:
            self._told = status
            lines.append(f"STATUS={status}")
        if live and self.watchdog_ms and now_ms - self._fed_at >= self.watchdog_ms / 2:
            self._fed_at = now_ms
            lines.append("WATCHDOG=1")
        if lines:
            self.tell("\n".join(lines))


def notifier() -> Notifier:
    """That of this process, by `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`."""
    mine = os.environ.get("WATCHDOG_PID") in (None, "", str(os.getpid()))
    micros = os.environ.get("WATCHDOG_USEC", "") if mine else ""
    return Notifier(os.environ.get("NOTIFY_SOCKET", ""), int(micros) / 1_000 if micros.isdigit() else 0)


class Notifications:
    """What the workers of a supervisor tell it in the place of systemd, which is told what all of them are.

    Args:
        out: of the supervisor.
    """

    def __init__(self, out: Notifier) -> None:
        self._out = out
        self._ready: set[int] = set()
        self._fed: dict[int, float] = {}
        self._in: socket.socket | None = None
        self.environment: Mapping[str, str] = {}
        """Of the workers: where they tell it."""
        if out.wanted:
            self._directory = tempfile.TemporaryDirectory(prefix="streams-notify-")
            path = f"{self._directory.name}/socket"
            self._in = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._in.bind(path)
            self._in.setblocking(False)
            watchdog = {"WATCHDOG_USEC": str(int(out.watchdog_ms * 1_000)), "WATCHDOG_PID": ""}
            self.environment = {"NOTIFY_SOCKET": path, **(watchdog if out.watchdog_ms else {})}

    def look(self, now_ms: float, workers: Collection[int]) -> None:
        """Takes what has been told, and tells what all are.

        Args:
            now_ms: monotonic clock.
            workers: the process ids of those there are.
        """
        if self._in is None:
            return
        with suppress(BlockingIOError):
            while True:
                self._take(self._in.recv(LARGEST).decode(errors="replace"), now_ms)
        for gone in self._fed.keys() - set(workers):
            del self._fed[gone]
        late = self._out.watchdog_ms
        live = all(now_ms - self._fed.setdefault(pid, now_ms) < late for pid in workers)
        ready = len(self._ready.intersection(workers))
        self._out.look(now_ms, 0 < len(workers) == ready, live, f"{ready} of {len(workers)} workers are ready")

    def _take(self, text: str, now_ms: float) -> None:
        lines = dict(line.partition("=")[::2] for line in text.splitlines())
        pid = lines.get(WORKER, "")
        if pid.isdigit():
            if "READY" in lines:
                self._ready.add(int(pid))
            if "WATCHDOG" in lines or int(pid) not in self._fed:
                self._fed[int(pid)] = now_ms

    def stopping(self) -> None:
        """All are asked to end."""
        self._out.tell("STOPPING=1")
