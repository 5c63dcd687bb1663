"""One run in a process of its own, so that its peak memory and its warm-up are its own.

    python -m benchmarks.child '{"role": "job", ...}'

prints one line of JSON with the samples of the run.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.clocks import Sample, peak_mb, sample
from benchmarks.floors import FLOORS
from benchmarks.jobs import JOBS, Job
from streams import KafkaStreams, StreamsBuilder
from streams.clients.api import Isolation
from streams.clients.connect import connect
from streams.record import RecordBatch, TopicPartition

EVERY_S = 0.02
"""Between two samples of a job."""
LONGEST_S = 30.0
TEN = 10
Samples = list[Sample]

PROCESSED = "process-total", "stream-task-metrics"


def job(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Runs a job from an empty state to the end of its input."""
    return run(JOBS[order["name"]], order)


def run(one: Job, order: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same with a job of one's own."""
    launched = sample(order["broker"], 0)
    app = application(one, order)
    app.pause()
    app.start()
    app.wait_until_running(60_000)
    if order.get("relax"):
        _relax()
    running = time.monotonic() - launched.at
    if order.get("wait"):
        _wait_for_others(app, order["tasks"])
        order = {**order, "total": _own_share(app, order)}
    first = sample(order["broker"], 0)
    app.resume()
    samples = [launched, first, *_sampled(app, one, order)]
    app.close()
    samples.append(sample(order["broker"], samples[-1].done))
    return {"samples": samples, "peak_mb": peak_mb(), "running_s": running}


def _relax() -> None:
    """What `start` does by itself, for a checkout in which it did not yet."""
    try:
        from streams.runtime.worker.collector import relax
    except ImportError:
        relax = importlib.import_module("streams.cli.collector").relax
    relax()


def application(one: Job, order: Mapping[str, Any]) -> KafkaStreams:
    """The application of a job, by what the order says."""
    builder = StreamsBuilder()
    one.build(builder, order["topics"])
    config = {
        "application.id": order["application"],
        "bootstrap.servers": order["address"],
        "auto.offset.reset": "earliest",
        **one.config,
        **order.get("config", {}),
    }
    return KafkaStreams(builder, config)


def _wait_for_others(app: KafkaStreams, tasks: int) -> None:
    """Says that this worker has its share, and waits for the word to go."""
    while len(app.tasks()) != tasks:
        time.sleep(EVERY_S)
    print("ready", flush=True)
    sys.stdin.readline()


def _own_share(app: KafkaStreams, order: Mapping[str, Any]) -> int:
    """The records that this worker's tasks will read of the inputs."""
    door = connect(order["address"], "share")
    inputs = [topic for name, topic in order["topics"].items() if name != "out"]
    places = [TopicPartition(topic, int(task.split("_")[1])) for task in app.tasks() for topic in inputs]
    ends = door.admin().end_offsets(places, Isolation.READ_UNCOMMITTED)
    door.close()
    return sum(ends.values())


def _sampled(app: KafkaStreams, one: Job, order: Mapping[str, Any]) -> Samples:
    broker, total = order["broker"], order["total"]
    counted = _counter(app, one)
    samples = [sample(broker, counted())]
    moved = time.monotonic()
    while samples[-1].done < total:
        time.sleep(EVERY_S)
        samples.append(sample(broker, counted()))
        now = samples[-1].at
        if samples[-1].done != samples[-2].done:
            moved = now
        elif now - moved > LONGEST_S:
            raise RuntimeError(f"{one.name} stands still at {samples[-1].done} of {total} records")
        if app.failure is not None:
            raise app.failure
    return samples


def _counter(app: KafkaStreams, one: Job) -> Callable[[], int]:
    """Reads how many records the tasks that count have processed. Which metrics tell that is looked up where there are
    others than before: the look itself runs beside what is measured."""
    prefix = "" if one.counted is None else f"{one.counted}_"
    known, wanted = -1, list[Any]()

    def counted() -> int:
        nonlocal known, wanted
        metrics = app.metrics()
        if len(metrics) != known:
            known = len(metrics)
            wanted = [
                name
                for name in metrics
                if name[:2] == PROCESSED and name.tag_map.get("task-id", "").startswith(prefix)
            ]
        return sum(int(str(metrics[name])) for name in wanted)

    return counted


def floor(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Runs the loop by hand over the same topics."""
    one = JOBS[order["name"]]
    step = (FLOORS.get(one.name) or FLOORS[one.answer])()
    broker, total = order["broker"], order["total"]
    door = connect(order["address"], "floor")
    reader, writer = door.reader(Isolation.READ_UNCOMMITTED), door.writer()
    out = TopicPartition(order["topics"]["out"], 0)
    samples = [sample(broker, 0)]
    done = 0
    tables = [dataset for dataset in one.inputs if dataset == "customers"]
    for datasets in (tables, [dataset for dataset in one.inputs if dataset not in tables]):
        names = {TopicPartition(order["topics"][dataset], 0): dataset for dataset in datasets}
        reader.seek(dict.fromkeys(names, 0))
        ends = door.admin().end_offsets(list(names), Isolation.READ_UNCOMMITTED)
        left = {place for place in names if ends[place]}
        while left:
            for fetched in reader.poll(100):
                batch = fetched.batch
                if batch is None or not len(batch):
                    continue
                keys, values, times = step(names[fetched.partition], batch)
                if keys:
                    writer.send(out, RecordBatch(keys, values, times, None, range(len(keys)), len(keys)), _sent)
                done += len(batch)
                if batch.next_offset >= ends[fetched.partition]:
                    left.discard(fetched.partition)
            writer.await_acks(0)
            samples.append(sample(broker, done))
        reader.drop(list(names))
    writer.await_acks(60_000)
    if done != total:
        raise RuntimeError(f"the floor of {order['name']} saw {done} of {total} records")
    reader.close()
    writer.close()
    door.close()
    return {"samples": samples, "peak_mb": peak_mb(), "running_s": 0.0}


def restore(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Starts a job that has lost its state, from the first record restored to the last; then it goes on to the end of
    its input."""
    one = JOBS[order["name"]]
    app = application(one, order)
    seen = Restored(order["broker"])
    app.set_global_state_restore_listener(seen)
    app.start()
    app.wait_until_running(600_000)
    _sampled(app, one, order)
    app.close()
    return {"restored": [seen.samples[0], seen.samples[-1]], "peak_mb": peak_mb()}


class Restored:
    """A restore listener that takes samples."""

    def __init__(self, broker: int) -> None:
        self._broker = broker
        self.samples: Samples = []

    def on_restore_start(self, partition: TopicPartition, store: str, start: int, end: int) -> None:
        self.samples.append(sample(self._broker, 0))

    def on_batch_restored(self, partition: TopicPartition, store: str, end: int, count: int) -> None:
        pass

    def on_restore_end(self, partition: TopicPartition, store: str, total: int) -> None:
        self.samples.append(sample(self._broker, total))


def read_back(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """The floor of a restore: a changelog into a dict."""
    door = connect(order["address"], "floor")
    reader = door.reader(Isolation.READ_UNCOMMITTED)
    place = TopicPartition(order["topic"], 0)
    (end,) = door.admin().end_offsets([place], Isolation.READ_UNCOMMITTED).values()
    reader.seek({place: 0})
    rows: dict[bytes | None, bytes | None] = {}
    first, position, count = sample(order["broker"], 0), 0, 0
    while position < end:
        for fetched in reader.poll(100):
            if fetched.batch is not None:
                rows.update(zip(fetched.batch.keys, fetched.batch.values, strict=True))
                count += len(fetched.batch)
                position = fetched.batch.next_offset
    last = sample(order["broker"], count)
    reader.close()
    door.close()
    return {"restored": [first, last], "peak_mb": peak_mb()}


def generate(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Sends records at a fixed rate, ten at a time, and never waits; when each was sent."""
    door = connect(order["address"], "generator")
    writer = door.writer()
    partition = TopicPartition(order["topic"], 0)
    times: list[float] = []
    begun = time.monotonic()
    while len(times) < order["total"]:
        due = begun + len(times) / order["rate"]
        ahead = due - time.monotonic()
        if ahead > 0:
            writer.await_acks(0)
            time.sleep(ahead)
        count = min(TEN, order["total"] - len(times))
        now = int(time.time() * 1000)
        keys = [b"c%05d" % (at % order["keys"]) for at in range(len(times), len(times) + count)]
        times += [time.monotonic()] * count
        batch = RecordBatch(keys, [b"{}"] * count, [now] * count, None, range(count), count)
        writer.send(partition, batch, _sent)
    writer.await_acks(60_000)
    writer.close()
    door.close()
    return {"times": times}


def consume(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Polls a topic; when each record came."""
    door = connect(order["address"], "consumer")
    reader = door.reader(Isolation.READ_COMMITTED if order["committed"] else Isolation.READ_UNCOMMITTED)
    reader.seek({TopicPartition(order["topic"], 0): 0})
    reader.poll(0)
    print("ready", flush=True)
    times: list[float] = []
    heard = time.monotonic()
    while len(times) < order["total"]:
        for fetched in reader.poll(100):
            heard = time.monotonic()
            times += [heard] * (0 if fetched.batch is None else len(fetched.batch))
        if time.monotonic() - heard > LONGEST_S:
            raise RuntimeError(f"only {len(times)} of {order['total']} records came")
    reader.close()
    door.close()
    return {"times": times}


def connector(order: Mapping[str, Any]) -> Mapping[str, Any]:
    """Runs a connector, or the loop by hand; imported here, as it would be in the memory of all other runs."""
    runs: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]]
    runs = importlib.import_module("benchmarks.connector_runs").RUNS
    return runs[order["side"]](order)


def _sent(sent: object) -> None:
    pass


ROLES: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "job": job,
    "floor": floor,
    "restore": restore,
    "read_back": read_back,
    "generate": generate,
    "consume": consume,
    "connector": connector,
}


def main() -> int:
    """Does what the order in the first argument says."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    order = json.loads(sys.argv[1])
    print(json.dumps(ROLES[order["role"]](order)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
