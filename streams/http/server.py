"""A server in a thread of its own, over a socket that listens already."""

from __future__ import annotations

import asyncio
import logging
import socket

import uvicorn
from starlette.types import ASGIApp

from streams.world import SYSTEM, Thread

log = logging.getLogger("streams.http")

END_S = 2.0
"""Requests that are being answered get so long when it ends."""


class HttpServer:
    """Answers requests until it is closed.

    Args:
        app: what answers them.
        listening: the socket, which it closes at its end.
    """

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(END_S),
            timeout_keep_alive=60,
        )
        self._server = uvicorn.Server(config)
        self._listening = listening
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begins to answer."""
        self._thread = SYSTEM.start("streams-http", self._run)

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self._listening]))
        except Exception:
            log.exception("The HTTP server has ended.")

    def close(self) -> None:
        """Answers no more. A second call does nothing."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.ended(END_S + 1)
            self._server.force_exit = True
            self._thread = None
        self._listening.close()
