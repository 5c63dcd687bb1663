"""Batches with right sums and anything inside: what is acknowledged, every reader, look-up and compaction can read."""

from __future__ import annotations

import copy
import random
import struct
from zlib import crc32

import msgpack

from broker_local.base.faults import Refusal
from broker_local.base.mem_files import MemFiles
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager, Upkeep
from broker_local.log.segment import Piece
from tests.broker_local.logs import NOW
from tests.crash.found import Found

PLAIN, COMPACTED = "plain", "compacted"
LARGE = 2**62
HEADER = struct.Struct("<BBHqhiIqqqq")
"""What the producer's sum covers of a header."""
ITEMS = [None, b"", b"k", b"v" * 40, "text", 0, -1, 1.5, True, [], {}, [b"x"], {"a": 1}, [["h", b"x"]], [["h", None]]]


class Batches:
    """Appends each to a log and to a compacted one."""

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def make(self, chance: random.Random) -> bytes:
        """A batch whose sums fit: header and payload are right, or nearly."""
        count = chance.choice([0, 1, 1, 2, 3, 7])
        keys = [chance.choice([b"a", b"b", None]) for _ in range(count)]
        values = [chance.choice([b"v", None, b"w" * 30]) for _ in range(count)]
        times = [NOW + chance.choice([0, 1, -5]) for _ in range(count)]
        headers = (
            [[["h", b"x"]] if chance.random() < 0.5 else [] for _ in range(count)] if chance.random() < 0.3 else None
        )
        payload: list[object] = [keys, values, struct.pack(f"<{count}q", *times), headers, None]
        fields = [
            batches.MAGIC,
            0,
            (batches.KEYLESS if None in keys else 0) | (batches.HEADED if headers is not None else 0),
            -1,
            -1,
            -1,
            count,
            max(0, count - 1),
            min(times, default=NOW),
            max(times, default=NOW),
            -1,
        ]
        for _ in range(chance.choice([0, 1, 1, 2])):
            self._spoil(chance, payload, fields)
        packed = bytearray(msgpack.packb(payload))
        if chance.random() < 0.2 and packed:
            packed[chance.randrange(len(packed))] ^= 1 << chance.randrange(8)
        return sealed(fields, bytes(packed))

    def _spoil(self, chance: random.Random, payload: list[object], fields: list[int]) -> None:
        kind, item = chance.randrange(4), an_item(chance)
        if kind == 0 and payload:
            payload[chance.randrange(len(payload))] = item
        elif kind == 1:
            column = payload[chance.randrange(len(payload))] if payload else None
            if isinstance(column, list) and column:
                column[chance.randrange(len(column))] = item
        elif kind == 2:
            at = chance.randrange(1, len(fields))
            widths = [8, 8, 16, 63, 15, 31, 32, 63, 63, 63, 63]
            fields[at] = chance.choice([0, 1, 2, 5, (1 << widths[at]) - 1])
        elif payload:
            payload.pop() if chance.random() < 0.5 else payload.append(item)

    def play(self, data: bytes) -> str:
        """Appends it; if it is taken, reads it in every way there is."""
        files = MemFiles()
        logs = LogManager(files, NOW, upkeep=Upkeep(1, 1))
        logs.create_topic(PLAIN, 1)
        logs.create_topic(
            COMPACTED,
            1,
            {"cleanup.policy": "compact", "segment.bytes": "100", "min.cleanable.dirty.ratio": "0"},
        )
        good = batches.write([b"a"], [b"good"], [NOW], None)
        taken = 0
        for name in (PLAIN, COMPACTED):
            log = logs.partition(name, 0)
            log.append(good, NOW)
            try:
                log.append(data, NOW)
                taken += 1
            except Refusal:
                pass
            except Exception as error:
                raise Found(f"append to {name} ended with {error!r}") from error
            log.append(good, NOW)
        self._read(logs)
        return "refused" if not taken else "taken"

    def _read(self, logs: LogManager) -> None:
        try:
            while not logs.checkpoint():
                pass
            flush = logs.begin_flush()
            assert flush is not None
            flush.run(logs.files)
            logs.end_flush(flush)
            for name in (PLAIN, COMPACTED):
                log = logs.partition(name, 0)
                rows = values_of(log.read(0, 1 << 20).pieces)
                if rows[:1] != [b"good"] or rows[-1:] != [b"good"]:
                    raise Found(f"{name} has {rows}")
                for time in (0, NOW, NOW + 1, LARGE):
                    log.offset_for_time(time)
                log.newest()
            for later in range(1, 6):
                logs.tick(NOW + later * 1_000)
            if values_of(logs.partition(COMPACTED, 0).read(0, 1 << 20).pieces)[-1:] != [b"good"]:
                raise Found("compaction has lost the last record")
            wrong = logs.verify()
            if wrong:
                raise Found(f"acknowledged, and unreadable: {wrong}")
            logs.close()
            LogManager(logs.files.after_kill(), NOW).verify()  # type: ignore[attr-defined]
        except Found:
            raise
        except Exception as error:
            raise Found(f"what was acknowledged cannot be read: {error!r}") from error


def an_item(chance: random.Random) -> object:
    """Something that a column or a batch may not have; now and then very deep, as deep as msgpack writes it."""
    if chance.random() > 0.05:
        return copy.deepcopy(chance.choice(ITEMS))  # what is spoilt next may be this very list
    item: object = None
    for _ in range(chance.choice([10, 500])):
        item = [item]
    return item


def values_of(pieces: list[Piece]) -> list[bytes | None]:
    """All values in pieces of a log."""
    found: list[bytes | None] = []
    for each, _ in pieces:
        data, position = each.read(), 0
        while position < len(data):
            found.extend(batches.read(data, position)[1])
            position += batches.peek(data, position).size
    return found


def sealed(fields: list[int], payload: bytes) -> bytes:
    """The producer's part, with a length and a sum that fit."""
    rest = HEADER.pack(*fields) + payload
    return struct.pack("<II", len(rest) + 4, crc32(rest)) + rest
