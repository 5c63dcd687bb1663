"""A small client for other instances of the application: keep-alive, streams, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from streams.http.address import parsed

LARGEST_HEAD = 64 * 1024
KEPT = 32
"""Connections kept open to one instance."""


class Unreachable(Exception):
    """The other instance does not answer."""


@dataclass(slots=True)
class Reply:
    """The head of an answer, and what follows."""

    status: int
    headers: dict[str, str]
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)
    over: bool = False
    """The body was read to its end."""

    async def body(self) -> bytes:
        """All of it."""
        return b"".join([piece async for piece in self.pieces()])

    async def pieces(self) -> AsyncIterator[bytes]:
        """It, as it comes.

        Raises:
            Unreachable: it breaks off.
        """
        try:
            if self.headers.get("transfer-encoding", "").lower() == "chunked":
                while True:
                    size = int((await self.reader.readline()).split(b";")[0], 16)
                    piece = await self.reader.readexactly(size)
                    await self.reader.readexactly(2)
                    if not size:
                        break
                    yield piece
            else:
                left = int(self.headers.get("content-length", "0"))
                while left:
                    piece = await self.reader.read(min(left, 64 * 1024))
                    if not piece:
                        raise Unreachable("The answer broke off.")
                    left -= len(piece)
                    yield piece
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise Unreachable(f"The answer broke off: {error}") from error
        self.over = True


class HttpClient:
    """Asks other instances. For one event loop.

    Args:
        headers: that each request has.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._idle: dict[str, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}

    async def get(self, endpoint: str, target: str, headers: Mapping[str, str], timeout_s: float) -> Reply:
        """As `ask`, with GET."""
        return await self.ask("GET", endpoint, target, headers, b"", timeout_s)

    async def ask(
        self, method: str, endpoint: str, target: str, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Reply:
        """The head of the answer; `done` gives its connection back.

        Args:
            method: such as GET.
            endpoint: host:port.
            target: path and query, escaped.
            headers: of this request.
            body: of it; b"": none.
            timeout_s: until the head is there.
        Raises:
            Unreachable: it has not come.
        """
        own = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if body or method != "GET":
            own += f"Content-Length: {len(body)}\r\n"
        head = f"{method} {target} HTTP/1.1\r\nHost: {endpoint}\r\n{self._headers}{own}\r\n"
        text = head.encode() + body
        try:
            async with asyncio.timeout(timeout_s):
                while kept := self._idle.get(endpoint):
                    reader, writer = kept.pop()
                    if reader.at_eof() or writer.is_closing():
                        writer.close()
                        continue
                    with suppress(OSError, asyncio.IncompleteReadError):  # closed by the other side meanwhile
                        return await self._sent(reader, writer, text)
                host, port = parsed(endpoint)
                reader, writer = await asyncio.open_connection(host, port, limit=LARGEST_HEAD)
                return await self._sent(reader, writer, text)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise Unreachable(f"{endpoint} does not answer: {error or type(error).__name__}") from error

    async def _sent(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: bytes) -> Reply:
        try:
            writer.write(text)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(head[0].split(" ", 2)[1])
        except BaseException:
            writer.close()
            raise
        pairs = (line.split(":", 1) for line in head[1:] if ":" in line)
        return Reply(status, {name.strip().lower(): value.strip() for name, value in pairs}, reader, writer)

    def done(self, endpoint: str, reply: Reply) -> None:
        """The answer is not needed any more; its connection is kept where it was read to its end."""
        idle = self._idle.setdefault(endpoint, [])
        if reply.over and len(idle) < KEPT and reply.headers.get("connection", "").lower() != "close":
            idle.append((reply.reader, reply.writer))
        else:
            reply.writer.close()

    def close(self) -> None:
        """Closes what is kept."""
        for kept in self._idle.values():
            for _, writer in kept:
                writer.close()
        self._idle.clear()
