"""What workers tell each other of how far they are, through the topic `<application.id>-progress` (decision 40).

A record is one worker's word on all of its tasks that are in step with others; its bytes are in
docs/formats/progress.md. A word counts in the generation of the group in which it was said, and only where it was
written after the reader asked for its own place there: words of an earlier run hold nobody. Pure.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.runtime.group.task_plan import WantedTopic
from streams.runtime.tasks.skew import UNHEARD
from streams.topology.node import TaskId

VERSION = 1
SOON_MS = 100
"""A change of less than a quarter of the bound may wait so long."""
AGAIN_MS = 2_000
"""While something is behind, it is said again after so long."""

_head = struct.Struct(">BiI")
_task = struct.Struct(">iiBq")


def progress_topic(prefix: str) -> WantedTopic:
    """The topic, which the leader makes where there are several workers. The last word of each worker is enough, and
    after a day not even that."""
    settings = {"cleanup.policy": "compact,delete", "retention.ms": "86400000", "segment.bytes": "1048576"}
    return WantedTopic(f"{prefix}-progress", "progress", 1, settings)


@dataclass(frozen=True, slots=True)
class Word:
    """What one worker says: for each task its lowest waiting timestamp, or None: it is not behind."""

    generation: int
    times: Mapping[TaskId, int | None]


def write_word(word: Word) -> bytes:
    """The value of a record."""
    rows = [
        _task.pack(*task, 1 if time is None else 0, 0 if time is None else time) for task, time in word.times.items()
    ]
    return _head.pack(VERSION, word.generation, len(rows)) + b"".join(rows)


def read_word(data: bytes | None) -> Word | None:
    """A record's value; None where it is of a later version, or no word at all."""
    if data is None or len(data) < _head.size:
        return None
    head: tuple[int, int, int] = _head.unpack_from(data)
    version, generation, count = head
    if version != VERSION or len(data) != _head.size + count * _task.size:
        return None
    rows: Iterator[tuple[int, int, int, int]] = _task.iter_unpack(data[_head.size :])
    return Word(generation, {TaskId(sub, part): None if ended else time for sub, part, ended, time in rows})


class Heard:
    """The last word of every worker.

    Args:
        own: the key of this worker's own words, which it does not heed.
    """

    def __init__(self, own: bytes) -> None:
        self._own = own
        self._words: dict[bytes, Word] = {}
        self._asked: tuple[int, frozenset[TaskId]] = (-1, frozenset())
        self._found: dict[TaskId, int | None] = {}

    def hear(self, keys: Iterable[bytes | None], values: Iterable[bytes | None]) -> None:
        """Takes in records in the order of the topic."""
        for key, value in zip(keys, values, strict=True):
            word = read_word(value)
            if key is not None and key != self._own and word is not None:
                self._words[key] = word
        self._asked = (-1, frozenset())

    def elsewhere(self, generation: int, tasks: frozenset[TaskId]) -> Mapping[TaskId, int | None]:
        """Where these tasks of other workers stand, by what was said in this generation."""
        if self._asked != (generation, tasks):
            self._found = dict.fromkeys(tasks, UNHEARD)
            for word in self._words.values():
                if word.generation == generation:
                    self._found.update((task, time) for task, time in word.times.items() if task in tasks)
            self._asked = (generation, tasks)
        return self._found


class Speaker:
    """Decides when there is something to say.

    Args:
        step_ms: so much event time is worth a word at once.
    """

    def __init__(self, step_ms: int) -> None:
        self._step_ms = step_ms
        self._said: Word | None = None
        self._said_at = 0.0

    def due(self, word: Word, now: float) -> bool:
        """Is this to be said now? Then it counts as said.

        Args:
            now: a time that never goes back, in ms.
        """
        if not self._due(word, now - self._said_at):
            return False
        self._said, self._said_at = word, now
        return True

    def told(self, task: TaskId) -> bool:
        """Were others last told that this task is behind?"""
        return self._said is not None and self._said.times.get(task) is not None

    def _due(self, word: Word, silent: float) -> bool:
        said = self._said
        if said is None or said.generation != word.generation:
            return True
        if said.times == word.times:
            return silent >= AGAIN_MS and any(time is not None for time in word.times.values())
        if silent >= SOON_MS:
            return True
        return any(
            before is not None and time is not None and abs(time - before) >= self._step_ms
            for task, time in word.times.items()
            for before in (said.times.get(task),)
        )
