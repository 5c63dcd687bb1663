"""What workers tell each other through the group, and how the leader answers (decision 18). Pure.

The group speaks Kafka's classic protocol of type `consumer`, so that Kafka's tools can read it; these bytes are
the user data of Kafka's subscription and assignment. A text is its length (u16, big-endian) and UTF-8; `v` is
Kafka's unsigned varint.

    subscription   u8 version = 2 | 16 bytes uuid of the worker | text directory id | text endpoint
                   | v n, n x (text tag, text value) | v n, n x 8 bytes fingerprint
                   | v n, n x (v sub-topology, v 2 x partition + owned, v changelog position + 1)
    assignment     u8 version = 2 | u8 a second round is due
                   | v n, n x (v sub-topology, v partition) | text refusal, where there is one or endpoints follow
                   | v n, n x (text endpoint | v m, m x (v sub-topology, v partition))   where members have endpoints
                   | v n, n x (v sub-topology, v tasks)

A reader passes over bytes behind these fields, where later versions append theirs.
"""

from __future__ import annotations

import struct
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from streams.clients.assignors import Assignment, Subscription, read_assignment, read_subscription, write_assignment
from streams.errors import SerializationException
from streams.record import TopicPartition
from streams.runtime.group.assign import AssignSettings, MemberInfo, Plan, TaskInfo, assign, hand_out
from streams.serdes.varint import decode_unsigned, encode_unsigned
from streams.topology.node import TaskId

PROTOCOL = "streams-app"
VERSION = 2


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """A worker as it shows itself to the group.

    Args:
        uuid: of its instance directory; Java's process id.
        directory: the id of the disk its state lies on.
        fingerprints: one for each sub-topology it runs.
        owned: the tasks it runs.
        positions: changelog positions of the copies on its disk, its own tasks' among them.
        endpoint: `application.server`, or "".
        tags: client tags.
    """

    uuid: str
    directory: str
    fingerprints: frozenset[bytes]
    owned: frozenset[TaskId] = frozenset()
    positions: Mapping[TaskId, int] = field(default_factory=dict)
    endpoint: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the tasks of a generation can be asked: `application.server` of who has them. A task that moves is nobody's
    until its owner has given it up.

    Args:
        owners: by task the endpoint of its owner, where it has one.
        counts: by sub-topology how many tasks it has.
    """

    owners: Mapping[TaskId, str] = field(default_factory=dict)
    counts: Mapping[int, int] = field(default_factory=dict)


NO_ENDPOINTS = Endpoints()


@dataclass(frozen=True, slots=True)
class TaskAssignment:
    """What the leader gives to one worker. `again`: a second round follows when others have given up theirs;
    `refusal`: why sub-topologies of this worker are run by nobody, or ""; `endpoints`: where to ask whom."""

    tasks: tuple[TaskId, ...]
    again: bool = False
    refusal: str = ""
    endpoints: Endpoints = NO_ENDPOINTS


def endpoints_told(subscriptions: Iterable[bytes]) -> frozenset[str]:
    """Where the members of a group can be asked; who says nothing of the kind is passed over.

    Args:
        subscriptions: Kafka's, of its members.
    """
    found = set()
    for subscription in subscriptions:
        try:
            found.add(read_info(read_subscription(subscription).user_data).endpoint)
        except SerializationException:
            continue
    return frozenset(found - {""})


def write_info(info: WorkerInfo) -> bytes:
    """The user data of a subscription."""
    parts = [bytes([VERSION]), uuid.UUID(info.uuid).bytes, _text(info.directory), _text(info.endpoint)]
    parts.append(encode_unsigned(len(info.tags)))
    parts += [_text(name) + _text(value) for name, value in sorted(info.tags.items())]
    parts.append(encode_unsigned(len(info.fingerprints)))
    parts += sorted(info.fingerprints)
    held = sorted(info.owned | info.positions.keys())
    parts.append(encode_unsigned(len(held)))
    for task in held:
        owned, position = task in info.owned, info.positions.get(task, -1)
        parts += map(encode_unsigned, (task.subtopology, 2 * task.partition + owned, position + 1))
    return b"".join(parts)


def read_info(data: bytes) -> WorkerInfo:
    """Reads the user data of a subscription.

    Raises:
        SerializationException: the bytes are of another program, of a version below 1, or cut short.
    """
    cursor = _Cursor(data)
    cursor.version()
    worker = str(uuid.UUID(bytes=cursor.take(16)))
    directory, endpoint = cursor.text(), cursor.text()
    tags = {cursor.text(): cursor.text() for _ in range(cursor.count(4))}
    fingerprints = frozenset([cursor.take(8) for _ in range(cursor.count(8))])
    owned, positions = set(), {}
    for _ in range(cursor.count(3)):
        subtopology, partition, position = cursor.number(), cursor.number(), cursor.number()
        task = TaskId(subtopology, partition >> 1)
        if partition & 1:
            owned.add(task)
        if position:
            positions[task] = position - 1
    return WorkerInfo(worker, directory, fingerprints, frozenset(owned), positions, endpoint, tags)


def write_task_assignment(given: TaskAssignment, partitions: Mapping[TaskId, Sequence[TopicPartition]]) -> bytes:
    """An assignment: the tasks' partitions, as Kafka's tools read them, and the tasks themselves."""
    numbers = [len(given.tasks), *(number for task in given.tasks for number in task)]
    tail = _text(given.refusal) if given.refusal or given.endpoints.counts else b""
    if given.endpoints.counts:
        tail += _written(given.endpoints)
    user_data = bytes((VERSION, given.again)) + b"".join(map(encode_unsigned, numbers)) + tail
    topics = tuple(partition for task in given.tasks for partition in partitions.get(task, ()))
    return write_assignment(Assignment(topics, user_data))


def read_task_assignment(data: bytes) -> TaskAssignment:
    """Reads an assignment.

    Raises:
        SerializationException: as `read_info`.
    """
    cursor = _Cursor(read_assignment(data).user_data)
    cursor.version()
    again = cursor.take(1) != b"\x00"
    tasks = tuple([TaskId(cursor.number(), cursor.number()) for _ in range(cursor.count(2))])
    refused = "" if cursor.at_end else cursor.text()
    return TaskAssignment(tasks, again, refused, NO_ENDPOINTS if cursor.at_end else _read_endpoints(cursor))


def _written(endpoints: Endpoints) -> bytes:
    hosts: dict[str, list[TaskId]] = {}
    for task, endpoint in sorted(endpoints.owners.items()):
        hosts.setdefault(endpoint, []).append(task)
    parts = [encode_unsigned(len(hosts))]
    for endpoint, tasks in hosts.items():
        numbers = [len(tasks), *(number for task in tasks for number in task)]
        parts += [_text(endpoint), *map(encode_unsigned, numbers)]
    numbers = [len(endpoints.counts), *(number for row in sorted(endpoints.counts.items()) for number in row)]
    return b"".join([*parts, *map(encode_unsigned, numbers)])


def _read_endpoints(cursor: _Cursor) -> Endpoints:
    owners: dict[TaskId, str] = {}
    for _ in range(cursor.count(3)):
        endpoint = cursor.text()
        for _ in range(cursor.count(2)):
            owners[TaskId(cursor.number(), cursor.number())] = endpoint
    counts = {cursor.number(): cursor.number() for _ in range(cursor.count(2))}
    return Endpoints(owners, counts)


@dataclass(frozen=True, slots=True)
class Round:
    """The leader's answer: bytes for each member, the plan they came from, and members nobody could read."""

    assignments: Mapping[str, bytes]
    plan: Plan
    unreadable: Mapping[str, str]


def lead(
    members: Mapping[str, Subscription],
    tasks: Mapping[TaskId, Sequence[TopicPartition]],
    infos: Sequence[TaskInfo],
    ends: Mapping[TaskId, int],
    settings: AssignSettings,
) -> Round:
    """Assigns for all.

    A member whose user data cannot be read (another program in the same group) gets nothing and is named.
    """
    workers: dict[str, WorkerInfo] = {}
    unreadable: dict[str, str] = {}
    for name, subscription in members.items():
        try:
            workers[name] = read_info(subscription.user_data)
        except SerializationException as error:
            unreadable[name] = str(error)
    described = [
        MemberInfo(name, worker.fingerprints, worker.owned, worker.directory, worker.positions)
        for name, worker in workers.items()
    ]
    plan = assign(infos, described, ends, settings)
    given, again = hand_out(plan, {name: worker.owned for name, worker in workers.items()})
    nothing = {name: write_task_assignment(TaskAssignment(()), tasks) for name in unreadable}
    known = frozenset(info.fingerprint for info in infos)
    where = endpoints_of(workers, given, tasks)
    answers = {
        name: write_task_assignment(
            TaskAssignment(ids, again, refusal(workers[name].fingerprints, known), where), tasks
        )
        for name, ids in given.items()
    }
    return Round({**answers, **nothing}, plan, unreadable)


def endpoints_of(
    workers: Mapping[str, WorkerInfo], given: Mapping[str, Sequence[TaskId]], tasks: Iterable[TaskId]
) -> Endpoints:
    """Where each task can be asked; nothing where no member has an endpoint, so that nobody pays for it."""
    if not any(worker.endpoint for worker in workers.values()):
        return NO_ENDPOINTS
    owners = {
        task: workers[name].endpoint for name, ids in given.items() if workers[name].endpoint for task in ids
    }
    return Endpoints(owners, Counter(task.subtopology for task in tasks))


def refusal(own: frozenset[bytes], leader: frozenset[bytes]) -> str:
    """What is said to a worker whose sub-topologies are not all the leader's; "" where they are."""
    strange = len(own - leader)
    if not strange:
        return ""
    return (
        f"{strange} of its {len(own)} sub-topologies are not those of the group's leader: names, topics or stores "
        "differ, and nobody runs them until all instances run the same topology. "
        "An application.id belongs to one topology."
    )


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


class _Cursor:
    """Reads from bytes and never past them."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._data):
            raise SerializationException(
                f"Group data of a worker ends at byte {len(self._data)}, within a field that ends at {end}. "
                "Is another program a member of this group? An application.id belongs to one application."
            )
        found = self._data[self._at : end]
        self._at = end
        return found

    @property
    def at_end(self) -> bool:
        return self._at >= len(self._data)

    def version(self) -> None:
        version = self.take(1)[0]
        if version < VERSION:
            raise SerializationException(f"Group data of a worker has version {version}, not {VERSION} or later.")

    def number(self) -> int:
        number, self._at = decode_unsigned(self._data, self._at)
        return number

    def count(self, size: int) -> int:
        """How many entries of at least `size` bytes follow; checked against what is there before memory is taken."""
        count = self.number()
        if count * size > len(self._data) - self._at:
            raise SerializationException(f"Group data of a worker promises {count} entries, more than its bytes hold.")
        return count

    def text(self) -> str:
        size: int = struct.unpack(">H", self.take(2))[0]
        try:
            return self.take(size).decode()
        except UnicodeDecodeError as error:
            raise SerializationException(f"Group data of a worker holds a text that is no UTF-8: {error}") from error
