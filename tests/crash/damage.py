"""`python -m tests.crash damage`: damages each file of a data directory and of a state directory, one at a time: bits
are flipped in it, it is emptied, cut, lengthened, deleted. Nothing may be served that was not written; an application
heals what its changelogs can heal.

A data directory is right if every record that comes out is the one that was acknowledged at that offset, and every
offset of the group the one that was committed. Fewer come out where the engine says that something is damaged, or
where the end of the newest segment was hit, which is as after a torn write. Anything else is wrong.
A state directory is right if the application runs on and every count is the true one.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from broker_local.base.faults import StorageError
from broker_local.base.mem_files import MemFiles
from broker_local.host import inprocess
from streams import KafkaStreams, Serdes, SessionWindows, StreamsBuilder
from streams.clients import Admin, Consumer, Producer, ProducerRecord, TopicPartition
from streams.errors import KafkaException
from tests.crash.planted_damage import PLANTED
from tests.logs import quiet

TEXT, COUNT = Serdes.string(), Serdes.long()
SMALL = {"segment.bytes": "2000", "index.interval.bytes": "300", "retention.ms": "-1"}
TOPICS = {"plain": SMALL, "keyed": {**SMALL, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0"}}
PARTITIONS = [TopicPartition(topic, 0) for topic in TOPICS]
KEYS = [f"key{number}" for number in range(60)]
PATIENCE_S = 30.0

Served = dict[TopicPartition, dict[int, tuple[object, object]]]


def deeds(data: bytes, flips: int, chance: random.Random) -> Iterator[tuple[str, bytes | None]]:
    """What is done to a file, and what is then in it; None: it is gone."""
    yield "missing", None
    if data:
        yield "empty", b""
        yield "short", data[: len(data) // 2]
    yield "longer", data + bytes(chance.randrange(256) for _ in range(100))
    yield "longer by zeros", data + bytes(4096)
    for _ in range(flips if data else 0):
        at, flipped = chance.randrange(len(data)), bytearray(data)
        flipped[at] ^= 1 << chance.randrange(8)
        yield f"flip at {at} of {len(data)}", bytes(flipped)


# A data directory


@contextmanager
def served_by(files: MemFiles) -> Iterator[str]:
    """The address of an engine on these files."""
    name = f"damage-{id(files)}"
    inprocess._engines[name] = inprocess.Engine(files)
    try:
        yield f"memory://{name}"
    finally:
        inprocess.forget(name)


def written() -> tuple[MemFiles, Served, dict[TopicPartition, int]]:
    """A data directory, what was acknowledged in it, and what was committed."""
    files, truth = MemFiles(), Served()
    with served_by(files) as address:
        with Admin(bootstrap_servers=address) as admin:
            for topic, settings in TOPICS.items():
                admin.create_topic(topic, 1, configs=settings)
        with Producer(bootstrap_servers=address) as producer:
            for number in range(300):
                for partition in PARTITIONS:
                    key, value = b"k%d" % (number % 20), b"value %d" % number
                    sent = producer.send(ProducerRecord(partition.topic, value, key, partition=0)).result()
                    truth.setdefault(partition, {})[sent.offset] = (key, value)
        offsets = {PARTITIONS[0]: 117, PARTITIONS[1]: 45}
        with Consumer(bootstrap_servers=address, group_id="group") as consumer:
            consumer.assign(PARTITIONS)
            consumer.commit_sync(offsets)
    return files, truth, offsets


def looked_at(files: MemFiles, truth: Served, offsets: dict[TopicPartition, int]) -> tuple[str, list[str]]:
    """What an engine on these files does (right, cut at the end, says so), and what it serves that is wrong."""
    wrong: list[str] = []
    verdict = "right"
    try:
        with served_by(files) as address:
            with Admin(bootstrap_servers=address) as admin:
                present = set(admin.list_topics())
            for partition in PARTITIONS:
                if partition.topic not in present:
                    wrong.append(f"{partition} is gone without a word")
                    continue
                with Consumer(bootstrap_servers=address, group_id="group") as consumer:
                    wrong += committed(consumer, partition, offsets)
                try:
                    end = readable(address, partition, truth[partition], wrong)
                    if end < len(truth[partition]):
                        verdict = "cut at the end"
                except KafkaException:
                    verdict = "says so"
    except (StorageError, KafkaException):
        verdict = "says so"
    return verdict, wrong


def committed(consumer: Consumer, partition: TopicPartition, offsets: dict[TopicPartition, int]) -> list[str]:
    found = consumer.committed([partition]).get(partition)
    if found is not None and found.offset != offsets[partition]:
        return [f"the group stands at {found.offset} of {partition}, not at {offsets[partition]}"]
    return []


def readable(address: str, partition: TopicPartition, truth: dict[int, tuple[object, object]], wrong: list[str]) -> int:
    """Reads a partition to its end; gives that. What is not as it was written goes to `wrong`."""
    with Consumer(bootstrap_servers=address) as consumer:
        consumer.assign([partition])
        consumer.seek_to_beginning([partition])
        end, began = consumer.end_offsets([partition])[partition], time.monotonic()
        seen: set[int] = set()
        while consumer.position(partition) < end and time.monotonic() - began < PATIENCE_S:
            for record in consumer.poll(50):
                seen.add(record.offset)
                if truth.get(record.offset) != (record.key, record.value):
                    wrong.append(f"{partition} at {record.offset}: {record.key!r}, {record.value!r} was never written")
        newest = {key: offset for offset, (key, _) in truth.items() if offset < end}
        for offset in newest.values() if partition.topic == "keyed" else range(end):
            if offset not in seen:
                wrong.append(f"{partition} at {offset}: not served, and not a word about it")
                break
        return end


def data_directory(flips: int, chance: random.Random, only: str = "") -> tuple[Counter[str], list[str]]:
    """Damages all files of a data directory; the verdicts, and what was wrong."""
    files, truth, offsets = written()
    tally: Counter[str] = Counter()
    problems: list[str] = []
    for path in (path for path in files.after_kill().paths() if only in path):
        for what, data in deeds(files.after_kill().read(path), flips, chance):
            hurt = files.after_kill()
            put(hurt, path, data)
            verdict, wrong = looked_at(hurt, truth, offsets)
            tally["WRONG" if wrong else verdict] += 1
            problems += [f"{path}, {what}: {each}" for each in wrong]
    return tally, problems


def put(files: MemFiles, path: str, data: bytes | None) -> None:
    if data is None:
        files.remove(path)
        return
    file = files.open(path)
    file.truncate(0)
    file.write([data], 0)


# A state directory


def counts() -> StreamsBuilder:
    """A store that is read by key, one that is scanned, and a global one."""
    builder = StreamsBuilder()
    names = builder.global_table("names", key_serde=TEXT, value_serde=TEXT, store="names")
    lines = builder.stream("in", key_serde=TEXT, value_serde=TEXT).join(names, lambda k, v: k, lambda v, name: v)
    grouped = lines.group_by_key(key_serde=TEXT, value_serde=TEXT)
    grouped.count(store="counts").to_stream().to("out", key_serde=TEXT, value_serde=COUNT)
    sessions = grouped.windowed_by(SessionWindows.of_inactivity_gap_with_no_grace(timedelta(hours=10)))
    counted = sessions.count(store="sessions").to_stream(lambda windowed, _: windowed.key)
    counted.filter(lambda _, count: count is not None).to("sessions-out", key_serde=TEXT, value_serde=COUNT)
    return builder


class Application:
    """Runs again and again over one state directory and one engine, which is not damaged."""

    def __init__(self, root: Path) -> None:
        self.state, self.saved = root / "state", root / "saved"
        self.servers = f"memory://{root.name}"
        self.times = 0
        with Admin(bootstrap_servers=self.servers) as admin:
            for topic in ("names", "in", "out", "sessions-out"):
                admin.create_topic(topic, 1)
        self.send("names")
        for _ in range(3):  # so that there are tables as well as logs
            assert not self.run()
        shutil.copytree(self.state, self.saved)

    def send(self, topic: str) -> None:
        with Producer(bootstrap_servers=self.servers, key_serializer=TEXT, value_serializer=TEXT) as producer:
            for key in KEYS:
                producer.send(ProducerRecord(topic, "x", key))

    def run(self) -> str:
        """Sends each key once more and runs until that is counted; what is wrong, or ""."""
        self.send("in")
        self.times += 1
        settings = {"application.id": "app", "bootstrap.servers": self.servers, "state.dir": str(self.state)}
        app = KafkaStreams(counts(), settings)
        try:
            app.start()
            if not app.wait_until_running(int(PATIENCE_S * 1000)):
                return "it does not run"
            self.wait(app)
        except Exception as error:
            return f"it ends: {type(error).__name__}: {str(error)[:200]}"
        finally:
            app.close(int(PATIENCE_S * 1000))
        if app.failure is not None:
            return f"it ends: {type(app.failure).__name__}: {str(app.failure)[:200]}"
        return ""

    def wait(self, app: KafkaStreams) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while app.failure is None and (found := self.newest()) != self.truth():
            if time.monotonic() > deadline:
                raise AssertionError(f"counts are {Counter(found.values())}, not {self.times}")
            time.sleep(0.02)

    def truth(self) -> dict[tuple[str, object], object]:
        return {(topic, key): self.times for topic in ("out", "sessions-out") for key in KEYS}

    def newest(self) -> dict[tuple[str, object], object]:
        partitions = [TopicPartition(topic, 0) for topic in ("out", "sessions-out")]
        found: dict[tuple[str, object], object] = {}
        with Consumer(bootstrap_servers=self.servers, key_deserializer=TEXT, value_deserializer=COUNT) as consumer:
            consumer.assign(partitions)
            consumer.seek_to_beginning(partitions)
            ends = consumer.end_offsets(partitions)
            while any(consumer.position(each) < ends[each] for each in partitions):
                found.update({(record.topic, record.key): record.value for record in consumer.poll(50)})
        return found

    def hurt(self, file: Path, data: bytes | None) -> str:
        """The saved state with one file damaged: what is wrong in the run on it and in the next, or ""."""
        shutil.rmtree(self.state)
        shutil.copytree(self.saved, self.state)
        if data is None:
            (self.state / file).unlink()
        else:
            (self.state / file).write_bytes(data)
        return self.run() or self.run()


def state_directory(flips: int, chance: random.Random, only: str = "") -> tuple[Counter[str], list[str]]:
    """Damages all files of a state directory; the verdicts, and what was wrong."""
    tally: Counter[str] = Counter()
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="damage-") as made:
        one = Application(Path(made))
        for file in sorted(p.relative_to(one.saved) for p in one.saved.rglob("*") if p.is_file() and only in str(p)):
            for what, data in deeds((one.saved / file).read_bytes(), flips, chance):
                wrong = one.hurt(file, data)
                tally["WRONG" if wrong else "right"] += 1
                problems += [f"{file}, {what}: {wrong}"] if wrong else []
    return tally, problems


Part = Callable[[int, random.Random, str], tuple[Counter[str], list[str]]]
PARTS: dict[str, Part] = {"data": data_directory, "state": state_directory}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash damage", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[[], *PARTS], default=[], help="data, state; both if none is named")
    parser.add_argument("--flips", type=int, default=5, help="bits that are flipped in each file, one at a time")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--only", default="", help="files with this in their path")
    parser.add_argument("--planted", default="", choices=["", *PLANTED], help="a bug that must be found")
    asked = parser.parse_args(arguments)
    print(f"seed {asked.seed}, {asked.flips} flips a file", flush=True)
    found = 0
    with quiet(), PLANTED[asked.planted]():
        for part in asked.part or PARTS:
            tally, problems = PARTS[part](asked.flips, random.Random(asked.seed), asked.only)
            print(f"{part} directory: {tally.total()} damages: {dict(tally)}", flush=True)
            for problem in problems[:40]:
                print(f"WRONG: {problem}")
            found += len(problems)
    return 1 if found else 0
