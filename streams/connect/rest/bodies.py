"""What answers say, in Kafka Connect's words, and what bodies of requests are taken for."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from streams.config.table import text_of
from streams.connect.connector_config import BadRequestException
from streams.connect.json_value import Json, read
from streams.connect.worker.config_state import TargetState, TaskId
from streams.connect.worker.requests import ConnectorInfo, ConnectorStatus
from streams.connect.worker.statuses import Reported

JSON = "application/json"
LARGEST = 16 * 1024 * 1024
"""A larger body (bytes) is refused."""


class RestException(Exception):
    """Why a request is not answered as it was meant.

    Args:
        status: of HTTP.
        message: for people.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def response(self) -> Response:
        """As an answer."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return answer({"error_code": self.status, "message": self.message}, self.status, headers)


def answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(json.dumps(body, ensure_ascii=False).encode(errors="replace"), status, dict(headers or {}), JSON)


# What is told


def task_body(task: TaskId) -> dict[str, object]:
    """Which task it is."""
    return {"connector": task.connector, "task": task.number}


def info_body(info: ConnectorInfo) -> dict[str, object]:
    """A connector."""
    return {
        "name": info.name,
        "config": dict(info.config),
        "tasks": [task_body(task) for task in info.tasks],
        "type": info.kind,
    }


def status_body(status: ConnectorStatus) -> dict[str, object]:
    """How a connector is."""
    return {
        "name": status.name,
        "connector": reported(status.connector),
        "tasks": [task_status_body(task, said) for task, said in status.tasks.items()],
        "type": status.kind,
    }


def task_status_body(task: TaskId, said: Reported) -> dict[str, object]:
    """How a task is."""
    return {"id": task.number, **reported(said)}


def reported(said: Reported) -> dict[str, object]:
    """A state, and by whom; why it is not another one, and when that changes."""
    found: dict[str, object] = {"state": said.state, "worker_id": said.worker_id}
    if said.trace:
        found["trace"] = said.trace
    if said.next_attempt is not None:
        found |= {"attempts": said.attempts, "next_attempt": said.next_attempt}
    return found


# What is asked


async def body_of(request: Request) -> Json:
    """The JSON of a body; None where there is none.

    Raises:
        RestException: it is no JSON, not said to be JSON, or too large.
    """
    data = b""
    async for piece in request.stream():
        data += piece
        if len(data) > LARGEST:
            raise RestException(413, f"The body is larger than {LARGEST} bytes.")
    if not data:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        raise RestException(415, "HTTP 415 Unsupported Media Type")
    try:
        return read(data)
    except (ValueError, RecursionError) as error:
        raise RestException(400, f"The body is no JSON: {error}") from None


def mapping(found: Json, what: str) -> Mapping[str, Json]:
    """A JSON object.

    Raises:
        BadRequestException: it is none.
    """
    if not isinstance(found, Mapping):
        raise BadRequestException(f"{what} must be a JSON object, such as {{\"tasks.max\": \"1\"}}.")
    return found


def texts(found: Json, what: str) -> dict[str, str | None]:
    """Settings; None is null.

    Raises:
        BadRequestException: it is no object, or a value is a list or an object.
    """
    given = mapping(found, what)
    for name, value in given.items():
        if isinstance(value, Mapping | list):
            raise BadRequestException(f"{what}: the value of {name} must be a text, a number, true, false or null.")
    return {name: None if value is None else text_of(value) for name, value in given.items()}


def settings(found: Json, what: str) -> dict[str, str]:
    """Settings of which none is null.

    Raises:
        BadRequestException: as `texts`, or one is null.
    """
    return {name: "" if value is None else value for name, value in texts(found, what).items()}


def target(found: Json) -> TargetState:
    """What `initial_state` says; a connector runs where it says nothing."""
    if found is None:
        return TargetState.STARTED
    named = {"RUNNING": TargetState.STARTED, "PAUSED": TargetState.PAUSED, "STOPPED": TargetState.STOPPED}
    if str(found).upper() not in named:
        raise BadRequestException(f"initial_state is {found}, and has to be one of {', '.join(named)}.")
    return named[str(found).upper()]


def flag(request: Request, name: str) -> bool:
    """A truth value of the query, as Java reads it: true, in whatever case; all else is false."""
    return request.query_params.get(name, "false").lower() == "true"
