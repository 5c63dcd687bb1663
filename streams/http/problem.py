"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
import math

from starlette.responses import Response

TYPE = "urn:streams-app:problem:"
MEDIA = "application/problem+json"


class Problem(Exception):
    """What is wrong with a request, or why it cannot be answered now.

    Args:
        status: of HTTP.
        kind: in one word, such as `unknown-store`.
        detail: for people.
        retry_after_s: when it is worth to ask again.
        more: further members.
    """

    def __init__(self, status: int, kind: str, detail: str, retry_after_s: float | None = None, **more: object) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.more = more

    def members(self) -> dict[str, object]:
        """The JSON object."""
        title = self.kind.replace("-", " ")
        return {"type": TYPE + self.kind, "title": title, "status": self.status, "detail": self.detail, **self.more}

    def response(self) -> Response:
        """As an answer."""
        body = json.dumps(self.members(), ensure_ascii=False).encode()
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(max(1, math.ceil(self.retry_after_s)))
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return Response(body, self.status, headers, MEDIA)
