"""Files of a data directory, flipped, cut, lengthened, exchanged, gone: found out or harmless, never served."""

from __future__ import annotations

import random

import msgpack

from broker_local.base.faults import StorageError
from broker_local.base.mem_files import MemFiles
from broker_local.log import format as batches
from broker_local.log.log_manager import LogManager
from tests.broker_local.logs import NOW
from tests.crash.found import Found
from tests.crash.fuzz_batches import values_of

TOPICS = {
    "one": {},
    "many": {"segment.bytes": "300"},
    "compacted": {"cleanup.policy": "compact", "segment.bytes": "300"},
}
DEEDS = ("flip", "zero", "cut", "longer", "other", "gone", "random")


class Damages:
    """One directory, damaged in each play anew."""

    def __enter__(self) -> Damages:
        ids = iter(range(1, 100))
        self._files = MemFiles()
        logs = LogManager(self._files, NOW, new_id=lambda: f"{next(ids):032x}")
        for name, config in TOPICS.items():
            logs.create_topic(name, 2, config)
        for number in range(12):
            for name in TOPICS:
                values = [b"%s-%d" % (name.encode(), number), b"x" * 40]
                keys = [b"%d" % number, b"k"]
                sequence = 2 * (number // 2)
                data = batches.write(keys, values, [NOW] * 2, None, producer_id=7, epoch=0, sequence=sequence)
                logs.partition(name, number % 2).append(data, NOW)
        logs.close()
        self._paths = sorted(path for path in self._files.paths() if self._files.size(path) >= 0)
        self._wanted = {(name, part): rows(logs, name, part) for name in TOPICS for part in range(2)}
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def make(self, chance: random.Random) -> bytes:
        """Which file, what is done to it, and the numbers for that."""
        path = chance.choice(self._paths)
        size = self._files.size(path)
        deed = chance.choice(DEEDS)
        content: list[object] = [path, deed, chance.randrange(size + 1), chance.randrange(1, 64), chance.randbytes(8)]
        return msgpack.packb(content)

    def play(self, data: bytes) -> str:
        """Damages the directory, opens it, and reads all that is there."""
        path, deed, position, length, noise = msgpack.unpackb(data)
        files = self._files.after_kill()
        if files.size(path) < 0:
            return "no such file"
        self._damage(files, path, deed, position, length, noise)
        try:
            logs = LogManager(files, NOW)
            for (name, part), wanted in self._wanted.items():
                found = rows(logs, name, part)
                if found != wanted:
                    raise Found(f"{deed} of {path} at {position}: {name}-{part} is served with {found}, not {wanted}")
        except (StorageError, batches.BadBatch):
            return "found out"
        except Found:
            raise
        except Exception as error:
            raise Found(f"{deed} of {path} at {position}: {error!r}") from error
        return "harmless"

    def _damage(self, files: MemFiles, path: str, deed: str, position: int, length: int, noise: bytes) -> None:
        whole = files.read(path)
        if deed == "gone":
            files.remove(path)
            return
        changed = {
            "flip": whole[:position] + bytes(each ^ 1 << length % 8 for each in whole[position : position + 1]),
            "zero": whole[:position] + bytes(len(whole[position : position + length])),
            "cut": whole[:position],
            "longer": whole + noise * (length // 8 + 1),
            "other": self._files.read(self._another(path, position + length)),
            "random": whole[:position] + noise[: len(whole[position : position + 8])],
        }[deed]
        if deed in ("flip", "zero", "random"):
            changed += whole[len(changed) :]
        file = files.open(path)
        file.truncate(0)
        file.write([changed], 0)

    def _another(self, path: str, number: int) -> str:
        """A file to be put in the place of this one: none that says the same, as a segment that begins with the same
        offset does. Nothing in a batch tells of which log it is (docs/guarantees.md)."""
        name = path.rpartition("/")[2]
        others = [each for each in self._paths if each.rpartition("/")[2] != name]
        return others[number % len(others)]


def rows(logs: LogManager, name: str, part: int) -> list[bytes | None]:
    """All values of a partition."""
    log = logs.partition(name, part)
    found: list[bytes | None] = []
    offset = log.log_start
    while offset < log.end:
        pieces, offset = log.read(offset, 200)
        found += values_of(pieces)
    return found
