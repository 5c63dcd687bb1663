"""Many rows as NDJSON, page by page, each by who has the partition then; a cursor says where it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from streams.errors import RetryAfterException
from streams.http.problem import Problem
from streams.query.answers import Answers, Options, members_of, problem_of
from streams.query.instance import GLOBAL
from streams.query.reading import PAGE, checked
from streams.query.scans import Scanned
from streams.query.texts import Cursor, read_cursor, written_cursor
from streams.serdes.json import as_json
from streams.state.local_store import LocalStore
from streams.topology.store import StoreSpec

PAGING = ("cursor", "limit", "timeout", "partition")
"""Parameters that are not what is asked for, but how much of it."""
PATIENCE_MS = 10_000
"""How long a page of a long answer may take, over rebalances too."""


class Paged:
    """The pages of a long answer.

    Args:
        answers, request, spec, options: who gives what is asked, and how.
        scan: reads a page of a partition.
        question, fingerprint: of cursors.
        only: the only partition that is asked; None: all.
        limit: of rows.
    """

    def __init__(
        self,
        answers: Answers,
        request: Request,
        spec: StoreSpec,
        scan: Scanned,
        options: Options,
        question: str,
        fingerprint: bytes,
        only: int | None,
        limit: int | None,
    ) -> None:
        self._answers = answers
        self._request = request
        self._spec = spec
        self._scan = scan
        self._options = options._replace(timeout_ms=max(options.timeout_ms, PATIENCE_MS))
        self._question = question
        self._fingerprint = fingerprint
        self._only = only
        self._limit = limit
        self._first_options = options

    async def page(self, cursor: Cursor, most: int) -> tuple[bytes, int, Cursor | None]:
        """Some lines from a cursor on, how many, and where it goes on; None: it was all.

        Raises:
            Problem: nobody can tell yet.
        """
        return await self._page(cursor, most, self._first_options)

    async def _page(self, cursor: Cursor, most: int, options: Options) -> tuple[bytes, int, Cursor | None]:
        answers = self._answers
        found: list[tuple[bytes, int, Cursor | None]] = []

        async def here(local: LocalStore) -> Response:
            await answers.fit(local, options)
            question = lambda: self._scan(local, options.committed, cursor.after, most)  # noqa: E731
            page = await answers.answered(local, local.ask(lambda: checked(local, question)), options.timeout_ms)
            lines = b"".join(as_json(row) + b"\n" for row in page.rows)
            following = Cursor(cursor.partition, page.after) if page.after is not None else self._next(cursor)
            found.append((lines, len(page.rows), following))
            return Response()

        request = self._remote(cursor, most)
        answer = await answers.by_owner(request, lambda: cursor.partition, here, options)
        if found:
            return found[0]
        if answer.status_code != 200:
            raise problem_of(bytes(answer.body), answer.status_code)
        return self._from_remote(bytes(answer.body), cursor)

    def _remote(self, cursor: Cursor, most: int) -> Request:
        """The question for a page, as another instance is asked it."""
        given = dict(self._request.query_params)
        given.update(partition=str(cursor.partition), limit=str(most))
        given["cursor"] = written_cursor(cursor, self._question, self._fingerprint)
        return Request({**self._request.scope, "query_string": urlencode(given).encode()})

    def _from_remote(self, body: bytes, cursor: Cursor) -> tuple[bytes, int, Cursor | None]:
        lines = body.splitlines(keepends=True)
        last = members_of(lines.pop()) if lines else {}
        text = last.get("cursor")
        if not isinstance(text, str) and "cursor" not in last:
            raise problem_of(b"", 503)
        following = self._next(cursor)
        if isinstance(text, str):
            following = read_cursor(text, self._question, self._fingerprint)
        return b"".join(lines), len(lines), following

    def _next(self, cursor: Cursor) -> Cursor | None:
        """The next partition, if there is one to be asked."""
        count = self._answers.instance.count(self._spec.name) or 0
        if self._only is not None or cursor.partition == GLOBAL or cursor.partition + 1 >= count:
            return None
        return Cursor(cursor.partition + 1)

    async def lines(self, cursor: Cursor, page: tuple[bytes, int, Cursor | None]) -> AsyncIterator[bytes]:
        """All lines; the last one has the cursor, or what went wrong and the cursor."""
        left = self._limit
        following: Cursor | None = cursor
        try:
            while True:
                text, count, following = page
                if text:
                    yield text
                if left is not None:
                    left -= count
                if following is None or (left is not None and left <= 0):
                    break
                most = PAGE if left is None else min(left, PAGE)
                page = await self._page(following, most, self._options)
        except Problem as problem:
            yield as_json({"problem": problem.members(), "cursor": self._written(following)}) + b"\n"
        except RetryAfterException as error:
            said = Problem(503, "retry-later", str(error), error.seconds).members()
            yield as_json({"problem": said, "cursor": self._written(following)}) + b"\n"
        else:
            yield as_json({"cursor": self._written(following)}) + b"\n"

    def _written(self, cursor: Cursor | None) -> str | None:
        return None if cursor is None else written_cursor(cursor, self._question, self._fingerprint)
