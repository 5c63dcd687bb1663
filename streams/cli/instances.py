"""The running instances of an application, found by its group, and asked over HTTP."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlencode

from streams.cli.failure import Refused
from streams.clients.connect import connect
from streams.config import StreamsConfig
from streams.errors import GroupIdNotFoundException, KafkaException, SerializationException
from streams.http.token import TOKEN, http_token
from streams.runtime.group.membership import endpoints_told
from streams.serdes import Serdes

WAIT_S = 15.0


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes

    @property
    def detail(self) -> str:
        """What a problem says."""
        try:
            return Serdes.json(Problem).decode(self.body).detail
        except SerializationException:
            return f"HTTP status {self.status}"


@dataclass(frozen=True, slots=True)
class Problem:
    """What an instance says where it has no answer."""

    detail: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A partition of a store at an instance."""

    state: str
    restored: int = 0
    to_restore: int = 0


@dataclass(frozen=True, slots=True)
class Store:
    """A store as an instance describes it; that of a global one has the partition `GLOBAL`."""

    name: str
    kind: str
    here: Mapping[int, Part]


def endpoints(application_id: str, servers: Mapping[str, object]) -> list[str]:
    """Where the instances of an application can be asked, by what they have told their group.

    Raises:
        KafkaException: no instance runs, or none of them has HTTP.
    """
    config = StreamsConfig({"application.id": application_id, **servers})
    door = connect(",".join(map(str, config.get_list("bootstrap.servers"))), "streams-app")
    try:
        admin = door.admin()
        try:
            members = admin.describe_group(application_id).members
        except GroupIdNotFoundException:
            members = ()
        finally:
            admin.close()
    finally:
        door.close()
    if not members:
        raise KafkaException(f"No instance of {application_id} runs. `streams-app groups list` shows who does.")
    found = endpoints_told(member.metadata for member in members)
    if not found:
        raise KafkaException(
            f"No instance of {application_id} can be asked: start them with --http 127.0.0.1:8080, or another port."
        )
    return sorted(found)


def get(endpoint: str, path: str, query: Mapping[str, object] | None = None, wait_s: float = WAIT_S) -> Reply:
    """Asks one instance.

    Raises:
        OSError: it does not answer.
    """
    host, _, port = endpoint.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=wait_s)
    token = http_token()
    try:
        target = path + ("?" + urlencode(query) if query else "")
        connection.request("GET", target, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return Reply(answer.status, answer.read())
    except http.client.HTTPException as error:
        raise ConnectionError(f"{endpoint} gives no proper answer: {error}") from error
    finally:
        connection.close()


def ask(found: list[str], path: str, query: Mapping[str, object]) -> Reply:
    """Asks any instance: the first that answers.

    Raises:
        KafkaException: none does, or none can tell now.
        Refused: the question is wrong.
    """
    said = ""
    for endpoint in found:
        try:
            reply = get(endpoint, path, query)
        except (TimeoutError, OSError) as error:
            said = f"{endpoint} does not answer: {error}"
            continue
        if reply.status == 401:
            raise Refused(f"{endpoint} asks for a token: set {TOKEN}{' to the right one' * (TOKEN in os.environ)}.")
        if reply.status == 503:
            said = reply.detail
            continue
        if reply.status == 400 or (reply.status == 404 and b"problem:absent" not in reply.body):
            raise Refused(reply.detail)
        if reply.status not in (200, 404):
            raise KafkaException(f"{endpoint} failed: {reply.detail}")
        return reply
    raise KafkaException(f"Nobody can tell now: {said}")


def store_path(store: str, *parts: str | None) -> str:
    """The path of a question to a store; None is left out."""
    return "/".join(["/stores", *(quote(each, safe="") for each in (store, *parts) if each is not None)])
