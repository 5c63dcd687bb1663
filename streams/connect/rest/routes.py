"""The routes: `/connectors…`, `/connector-plugins…`, `/admin/loggers…`, by any worker, which asks the owner, once.

    GET                     /                                           version
    GET POST                /connectors                                 names (?expand=info&expand=status); make one
    GET DELETE              /connectors/{name}
    GET PUT PATCH           /connectors/{name}/config
    GET                     /connectors/{name}/status                   and of its tasks
    POST                    /connectors/{name}/restart                  ?includeTasks=true&onlyFailed=true
    PUT                     /connectors/{name}/pause, /resume, /stop
    GET                     /connectors/{name}/tasks
    GET                     /connectors/{name}/tasks/{n}/status
    POST                    /connectors/{name}/tasks/{n}/restart
    GET                     /connectors/{name}/topics
    PUT                     /connectors/{name}/topics/reset
    GET PATCH DELETE        /connectors/{name}/offsets                  change them where it is stopped
    GET                     /connector-plugins                          ?connectorsOnly=false
    GET                     /connector-plugins/{name}/config
    PUT                     /connector-plugins/{name}/config/validate
    GET                     /admin/loggers
    GET PUT                 /admin/loggers/{name}                       ?scope=cluster
    GET                     /health
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from streams.connect import loggers
from streams.connect.connector_config import BadRequestException
from streams.connect.errors import AlreadyExistsException, ConflictException, NotFoundException
from streams.connect.plugins import ALIASES, connector_called
from streams.connect.rest.bodies import (
    RestException,
    answer,
    body_of,
    flag,
    info_body,
    mapping,
    settings,
    status_body,
    target,
    task_body,
    task_status_body,
    texts,
)
from streams.connect.rest.plugin_bodies import connector_bodies, other_bodies, plugin_keys, validation_body
from streams.connect.worker.config_state import TargetState, TaskId, logger_entry
from streams.connect.worker.connector_offsets import ConnectorOffsets
from streams.connect.worker.herder import Herder
from streams.connect.worker.requests import Requests
from streams.errors import ConfigException, KafkaException, RetriableException
from streams.http.client import HttpClient, Unreachable
from streams.http.problem import Problem

log = logging.getLogger("streams.connect.rest")

FORWARDED = "forward"
WAIT_S = 65.0
Handler = Callable[[Request], Awaitable[Response]]
NOTHING = 204


class ConnectRoutes:
    """Answers requests: `routes`.

    Args:
        herder: keeps what runs here.
        version: what is told of the worker.
        token: that other workers want; "": there is none.
    """

    def __init__(self, herder: Herder, version: str, token: str = "") -> None:
        self._herder = herder
        self._requests = Requests(herder)
        self._offsets = ConnectorOffsets(herder)
        self._version = version
        self._client = HttpClient({"Authorization": f"Bearer {token}"} if token else {})
        one, task = "/connectors/{name}", "/connectors/{name}/tasks/{task}"
        self.routes = [
            _route("GET", "/", self._root),
            _route("GET", "/health", self._health),
            _route("GET", "/connectors", self._connectors),
            _route("POST", "/connectors", self._create),
            _route("GET", one, self._info),
            _route("DELETE", one, self._delete),
            _route("GET", f"{one}/config", self._config),
            _route("PUT", f"{one}/config", self._put),
            _route("PATCH", f"{one}/config", self._patch),
            _route("GET", f"{one}/status", self._status),
            _route("POST", f"{one}/restart", self._restart),
            _route("PUT", f"{one}/pause", self._target(TargetState.PAUSED)),
            _route("PUT", f"{one}/resume", self._target(TargetState.STARTED)),
            _route("PUT", f"{one}/stop", self._target(TargetState.STOPPED)),
            _route("GET", f"{one}/tasks", self._tasks),
            _route("GET", f"{task}/status", self._task_status),
            _route("POST", f"{task}/restart", self._restart_task),
            _route("GET", f"{one}/topics", self._topics),
            _route("PUT", f"{one}/topics/reset", self._reset_topics),
            _route("GET", f"{one}/offsets", self._get_offsets),
            _route("PATCH", f"{one}/offsets", self._alter_offsets),
            _route("DELETE", f"{one}/offsets", self._reset_offsets),
            _route("GET", "/connector-plugins", self._plugins),
            _route("GET", "/connector-plugins/{name}/config", self._plugin),
            _route("PUT", "/connector-plugins/{name}/config/validate", self._validate),
            _route("GET", "/admin/loggers", self._loggers),
            _route("GET", "/admin/loggers/{name}", self._logger),
            _route("PUT", "/admin/loggers/{name}", self._set_logger),
        ]

    async def _root(self, request: Request) -> Response:
        return answer({"version": self._version, "commit": "unknown", "kafka_cluster_id": None})

    async def _health(self, request: Request) -> Response:
        return answer({"status": "healthy", "message": "Worker has completed startup and is ready to handle requests."})

    # Connectors

    async def _connectors(self, request: Request) -> Response:
        requests, names = self._requests, self._requests.names()
        wanted = request.query_params.getlist("expand")
        if not wanted:
            return answer(names)
        found: dict[str, dict[str, object]] = {}
        for name in names:
            try:
                own: dict[str, object] = {}
                if "status" in wanted:
                    own["status"] = status_body(requests.status(name))
                if "info" in wanted:
                    own["info"] = info_body(requests.info(name))
                found[name] = own
            except NotFoundException:
                continue  # it is gone meanwhile, or has not begun
        return answer(found)

    async def _create(self, request: Request) -> Response:
        given = mapping(await body_of(request), "The body")
        unknown = [each for each in given if each not in ("name", "config", "initial_state")]
        if unknown:
            raise BadRequestException(
                f"The body has {', '.join(sorted(unknown))}: name, config and initial_state are known."
            )
        name = str(given.get("name") or "").strip()
        config = self._named(name, settings(given.get("config"), "config"))
        info = await asyncio.to_thread(self._requests.create, name, config, target(given.get("initial_state")))
        return answer(info_body(info), 201, {"Location": f"/connectors/{quote(name, safe='')}"})

    def _named(self, name: str, config: dict[str, str]) -> dict[str, str]:
        """Settings with the connector's name among them."""
        own = config.setdefault("name", name)
        if own != name:
            raise BadRequestException(
                f"Connector name configuration ({own}) doesn't match connector name in the URL ({name})"
            )
        return config

    async def _info(self, request: Request) -> Response:
        return answer(info_body(self._requests.info(_name(request))))

    async def _config(self, request: Request) -> Response:
        return answer(dict(self._requests.info(_name(request)).config))

    async def _put(self, request: Request) -> Response:
        name = _name(request)
        config = self._named(name, settings(await body_of(request), "The body"))
        info, made = await asyncio.to_thread(self._requests.put, name, config)
        headers = {"Location": f"/connectors/{quote(name, safe='')}"} if made else {}
        return answer(info_body(info), 201 if made else 200, headers)

    async def _patch(self, request: Request) -> Response:
        changes = texts(await body_of(request), "The body")
        return answer(info_body(await asyncio.to_thread(self._requests.patch, _name(request), changes)))

    async def _delete(self, request: Request) -> Response:
        await asyncio.to_thread(self._requests.delete, _name(request))
        return Response(status_code=NOTHING)

    async def _status(self, request: Request) -> Response:
        return answer(status_body(self._requests.status(_name(request))))

    def _target(self, wanted: TargetState) -> Handler:
        async def handler(request: Request) -> Response:
            await asyncio.to_thread(self._requests.set_target, _name(request), wanted)
            return Response(status_code=NOTHING if wanted is TargetState.STOPPED else 202)

        return handler

    async def _topics(self, request: Request) -> Response:
        self._check("topic.tracking.enable", "Topic tracking is disabled.")
        name = _name(request)
        return answer({name: {"topics": self._requests.topics(name)}})

    async def _reset_topics(self, request: Request) -> Response:
        self._check("topic.tracking.enable", "Topic tracking is disabled.")
        self._check("topic.tracking.allow.reset", "Topic tracking reset is disabled.")
        self._requests.reset_topics(_name(request))
        return Response(status_code=202)

    def _check(self, name: str, said: str) -> None:
        if not self._herder.config.config.flag(name):
            raise RestException(403, said)

    # Restarts

    async def _restart(self, request: Request) -> Response:
        name, tasks, failed = _name(request), flag(request, "includeTasks"), flag(request, "onlyFailed")
        if tasks or failed:
            return answer(status_body(await asyncio.to_thread(self._requests.restart, name, tasks, failed)), 202)
        forwarded = await self._by_owner(request, name)
        if forwarded is None:
            await asyncio.to_thread(self._requests.restart_here, name)
        return forwarded or Response(status_code=NOTHING)

    async def _restart_task(self, request: Request) -> Response:
        task = _task(request)
        forwarded = await self._by_owner(request, task)
        if forwarded is None:
            await asyncio.to_thread(self._requests.restart_here, task)
        return forwarded or Response(status_code=NOTHING)

    async def _by_owner(self, request: Request, about: str | TaskId) -> Response | None:
        """The answer of the worker that runs it; None: that is this one."""
        owner = self._herder.group.owner(about)
        if not owner:
            return None
        if FORWARDED in request.query_params:
            raise ConflictException(
                "Cannot complete request because of a conflicting operation (e.g. worker rebalance)"
            )
        target = f"{request.url.path}?{FORWARDED}=false"
        try:
            reply = await self._client.ask(request.method, owner, target, {}, b"", WAIT_S)
            body = await reply.body()
            self._client.done(owner, reply)
        except Unreachable as error:
            raise ConflictException(f"The worker that runs it, {owner}, does not answer: {error}") from None
        return Response(body, reply.status, media_type=reply.headers.get("content-type"))

    # Tasks

    async def _tasks(self, request: Request) -> Response:
        found = self._requests.task_configs(_name(request))
        return answer([{"id": task_body(task), "config": dict(config)} for task, config in found.items()])

    async def _task_status(self, request: Request) -> Response:
        task = _task(request)
        return answer(task_status_body(task, self._requests.task_status(task)))

    # Offsets

    async def _get_offsets(self, request: Request) -> Response:
        found = await asyncio.to_thread(self._offsets.read, _name(request))
        return answer({"offsets": [{"partition": dict(part), "offset": dict(place)} for part, place in found]})

    async def _alter_offsets(self, request: Request) -> Response:
        given = await body_of(request)
        return answer({"message": await asyncio.to_thread(self._offsets.alter, _name(request), given)})

    async def _reset_offsets(self, request: Request) -> Response:
        return answer({"message": await asyncio.to_thread(self._offsets.reset, _name(request))})

    # Plugins

    async def _plugins(self, request: Request) -> Response:
        found = connector_bodies(self._version)
        if request.query_params.get("connectorsOnly", "true").lower() == "false":
            found += other_bodies(self._version)
        return answer(found)

    async def _plugin(self, request: Request) -> Response:
        return answer(plugin_keys(_name(request)))

    async def _validate(self, request: Request) -> Response:
        name, config = _name(request), settings(await body_of(request), "The body")
        said = config.get("connector.class")
        if said is not None and not _same(said, name):
            raise BadRequestException(f"Included connector type {said} does not match request type {name}")
        looked = await asyncio.to_thread(self._requests.looked_at, config)
        return answer(validation_body(said or name, looked.validation, looked.hide))

    # Loggers

    async def _loggers(self, request: Request) -> Response:
        return answer(loggers.levels())

    async def _logger(self, request: Request) -> Response:
        name = _name(request)
        found = loggers.level(name)
        if found is None:
            raise NotFoundException(f"Logger {name} not found.")
        return answer(found)

    async def _set_logger(self, request: Request) -> Response:
        name, given = _name(request), mapping(await body_of(request), "The body")
        level = given.get("level")
        if level is None:
            raise BadRequestException("Desired 'level' parameter was not specified in request.")
        if str(level).upper() not in loggers.LEVELS:
            raise NotFoundException(f"invalid log level '{level}'.")
        if request.query_params.get("scope", "worker").lower() == "cluster":
            entry = logger_entry(name, str(level).upper())
            await asyncio.to_thread(self._herder.configs.change, lambda state: [entry])
            self._herder.group.wake()
            return Response(status_code=NOTHING)
        return answer(loggers.set_level(name, str(level)))


def _route(method: str, path: str, handler: Handler) -> Route:
    return Route(path, handler, methods=[method])


def _part(request: Request, name: str) -> str:
    """A part of the path."""
    found: Mapping[str, object] = request.path_params
    return unquote(str(found[name]))


def _name(request: Request) -> str:
    return _part(request, "name")


def _task(request: Request) -> TaskId:
    number = _part(request, "task")
    if not number.isdigit():
        raise RestException(404, "HTTP 404 Not Found")
    return TaskId(_name(request), int(number))


def _same(said: str, name: str) -> bool:
    """Do both name the same connector?"""
    try:
        return connector_called(said) is connector_called(name)
    except LookupError:
        return said in (name, ALIASES.get(name)) or said.endswith((f".{name}", f".{name}Connector"))


STATUS: Mapping[type[Exception], int] = {
    NotFoundException: 404,
    AlreadyExistsException: 409,
    ConflictException: 409,
    BadRequestException: 400,
    ConfigException: 400,
    RetriableException: 503,
}


def explained(error: Exception) -> RestException:
    """What an exception is to who has asked."""
    if isinstance(error, RestException):
        return error
    if isinstance(error, Problem):
        said = {404: "HTTP 404 Not Found", 405: "HTTP 405 Method Not Allowed"}.get(error.status, error.detail)
        return RestException(error.status, said)
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return RestException(status, str(error))
    if not isinstance(error, KafkaException):
        log.error("A request failed.", exc_info=error)
        return RestException(500, f"{type(error).__name__}: the worker's log has more.")
    return RestException(500, str(error))
