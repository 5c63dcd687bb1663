"""A group log that is damaged, or of a newer broker, stops the start and is named."""

from __future__ import annotations

import msgpack
import pytest

from broker_local.base.faults import Corruption, Refusal
from broker_local.log import format as batches
from broker_local.log.topics import GROUP_TOPIC
from broker_local.protocol.requests.groups import Commit, CommitPart
from tests.broker_local.engines import WALL, Desk

COMMIT = Commit("g", -1, "", None, (CommitPart("t", 0, 1, "a note to be found"),))


def test_damage_is_named_by_file_and_byte() -> None:
    desk = Desk()
    for _ in range(2):
        desk.ask(COMMIT)
    (path,) = [path for path in desk.files.paths() if path.endswith(".log")]
    position = desk.files.read(path).index(b"a note")
    desk.files.patch(path, position, b"A")
    with pytest.raises(Corruption, match=r"00000000000000000000\.log at byte 0"):
        desk.restarted()


def test_a_record_of_a_newer_version_is_refused() -> None:
    desk = Desk()
    desk.ask(COMMIT)
    key, value = msgpack.packb([1, "g"]), msgpack.packb([7])
    desk.broker.logs.partition(GROUP_TOPIC, 0).append(batches.write([key], [value], [WALL], None), WALL)
    with pytest.raises(Refusal, match="has version 7; this broker knows 2"):
        desk.restarted()
