"""Clients that write to the topic a store reads, and ask any instance for what they wrote: each answer must be theirs,
or nobody may answer yet."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from streams import Serdes
from streams.clients import Producer, ProducerRecord
from streams.errors import KafkaException

KEYS = 5
"""Of each client."""
ASK_MS = 2_000
SOCKET_S = 15.0


@dataclass
class Told:
    """What came of all questions.

    Args:
        answers: by status, or by what went wrong with the connection.
        violations: answers that must not be.
        waits_ms: of answers that were given.
    """

    answers: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)
    written: int = 0
    silent_ms: float = 0.0
    """The longest time that a client has waited for an answer about one write."""


class Asker:
    """One client. It writes numbers to its keys, each higher than the one before, and asks for each until it is told,
    by anybody, with the position that it wrote at. In between it asks for what another client has written, by that
    one's position.

    Args:
        number: its own.
        topic: that the store reads.
        servers: the engine.
        endpoints: the instances, some of which may not answer.
        written: of each key the last number, and where it was written; of all clients.
        done: ends it.
    """

    def __init__(
        self,
        number: int,
        topic: str,
        servers: str,
        endpoints: Sequence[str],
        written: dict[str, tuple[int, str]],
        done: threading.Event,
    ) -> None:
        self.told = Told()
        self._number = number
        self._topic = topic
        self._servers = servers
        self._endpoints = endpoints
        self._done = done
        self._random = random.Random(number)
        self._open: dict[str, http.client.HTTPConnection] = {}
        self._written = written
        self.failure: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name=f"asker-{number}")

    def _run(self) -> None:
        try:
            self._live()
        except BaseException as error:
            self.failure = error
        finally:
            for each in self._open.values():
                each.close()

    def _live(self) -> None:
        config = {
            "bootstrap.servers": self._servers,
            "key.serializer": Serdes.string(),
            "value.serializer": Serdes.long(),
            "linger.ms": 0,
        }
        with Producer(config) as producer:
            value = 0
            while not self._done.is_set():
                value += 1
                key = f"client-{self._number}-{value % KEYS}"
                try:
                    sent = producer.send(ProducerRecord(self._topic, value, key)).result(SOCKET_S)
                except (KafkaException, TimeoutError):
                    self.told.answers["not written"] += 1  # it may be there all the same: the next one is higher
                    continue
                self.told.written += 1
                position = f"{self._topic}:{sent.partition}:{sent.offset}"
                self._written[key] = value, position
                self._until(key, position, lambda found: found == value)  # noqa: B023
                other = self._random.choice([*self._written])
                theirs, position = self._written[other]
                self._until(other, position, lambda found: found >= theirs)  # noqa: B023

    def _until(self, key: str, position: str, is_right: Callable[[int], bool]) -> None:
        """Asks until there is an answer."""
        began = time.monotonic()
        while not self._done.is_set() and not self._ask(key, position, is_right):
            pass
        self.told.silent_ms = max(self.told.silent_ms, (time.monotonic() - began) * 1000)

    def _ask(self, key: str, position: str, is_right: Callable[[int], bool]) -> bool:
        """Asks one instance, once; has it answered?"""
        endpoint = self._random.choice(self._endpoints)
        given = {"timeout": ASK_MS, "min_position": position}
        began = time.monotonic()
        try:
            status, headers, body = self._get(endpoint, f"/stores/latest/keys/{quote(key)}?{urlencode(given)}")
        except (OSError, http.client.HTTPException) as error:
            self._open.pop(endpoint).close()
            self.told.answers[type(error).__name__] += 1
            self._done.wait(0.02)
            return False
        took_ms = (time.monotonic() - began) * 1000
        self.told.answers[str(status)] += 1
        if status == 503:
            if "retry-after" not in headers:
                self.told.violations.append(f"503 without Retry-After: {body!r}")
            return False
        self.told.waits_ms.append(took_ms)
        where = f"{endpoint} about {key} from {position}"
        if status != 200:
            self.told.violations.append(f"{status} of {where}: {body!r}")
            return True
        found = json.loads(body)
        if not is_right(found["value"]):
            self.told.violations.append(f"{found} of {where}")
        return True

    def _get(self, endpoint: str, target: str) -> tuple[int, dict[str, str], bytes]:
        connection = self._open.get(endpoint)
        if connection is None:
            host, _, port = endpoint.rpartition(":")
            connection = self._open[endpoint] = http.client.HTTPConnection(host, int(port), timeout=SOCKET_S)
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


class Askers:
    """Several clients at once, until `stop`."""

    def __init__(self, clients: int, topic: str, servers: str, endpoints: Sequence[str]) -> None:
        self._done = threading.Event()
        written: dict[str, tuple[int, str]] = {}
        self._each = [Asker(number, topic, servers, endpoints, written, self._done) for number in range(clients)]

    def start(self) -> None:
        for each in self._each:
            each.thread.start()

    @property
    def answered(self) -> int:
        """Answers so far."""
        return sum(each.told.answers["200"] for each in self._each)

    @property
    def violations(self) -> list[str]:
        """Those so far."""
        return [violation for each in self._each for violation in list(each.told.violations)]

    def stop(self) -> Told:
        """Ends them; what came of all."""
        self._done.set()
        for each in self._each:
            each.thread.join()
        for each in self._each:
            if each.failure is not None:
                raise each.failure
        told = [each.told for each in self._each]
        return Told(
            sum((each.answers for each in told), Counter()),
            [violation for each in told for violation in each.violations],
            sorted(wait for each in told for wait in each.waits_ms),
            sum(each.written for each in told),
            max(each.silent_ms for each in told),
        )
