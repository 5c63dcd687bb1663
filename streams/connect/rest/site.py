"""Paths as they were sent: the name of a connector may have a slash in it, written `%2F`."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send


class Encoded:
    """Hands requests on with their paths as they were sent; whoever takes a name from one decodes it.

    Args:
        app: what answers them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        raw: bytes = scope.get("raw_path") or b""
        path = raw.partition(b"?")[0].decode("latin-1")
        trimmed = path.rstrip("/") or "/"
        await self._app({**scope, "path": trimmed} if raw else scope, receive, send)
