"""The documentation page of all metrics, made from the tables: `python -m streams.metrics.docs_page >
docs/metrics.md`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from streams.metrics.catalogue import CLIENTS, KAFKA, OWN, Family, names

_HEAD = """# Metrics

What an application counts and measures, under the names of Kafka Streams 4.3: the same groups, names and tags.
`KafkaStreams.metrics()` gives all of them, by a `MetricName` of name, group and tags;
`TopologyTestDriver.metrics()` those of its task.

```python
for name, value in app.metrics().items():
    if name.name == "process-rate" and name.group == "stream-thread-metrics":
        print(name.tag_map["thread-id"], value)
```

This page is made from the tables: `python -m streams.metrics.docs_page > docs/metrics.md`.

## Levels

`metrics.recording.level` is `INFO`, `DEBUG` or `TRACE`. What is recorded at a level is so at the later ones. As the
levels below are Kafka's, a metric may be there earlier here: what costs nothing is always recorded, such as totals
without their rates. What a level does not record is not listed (Kafka lists it, without a value).

All is measured per run of a task, per batch or per turn of a worker, and never per record, but for the calls of
stores at `DEBUG`. Averages, maxima and rates look at the last `metrics.num.samples` (2) windows of
`metrics.sample.window.ms` (30 s), as Kafka's do. A maximum without any value is `NaN`; the text for Prometheus
leaves it out.

The metrics of a task end with it. Tags are Kafka's: `thread-id`, `task-id`, `processor-node-id`, `topic`, and of a
store `rocksdb-state-id`, `rocksdb-window-state-id`, `rocksdb-session-state-id`, `in-memory-state-id`,
`in-memory-lru-state-id` or `in-memory-suppression-state-id`. Kafka has a database a store, here a task has one:
RocksDB's figures bear the name of the store where a task has one on disk, and `*` where it has several; they are at
most ten seconds old, and a little more where there are hundreds of databases.

## Prometheus

`KafkaStreams.metrics_text()` is what a scrape gets, in OpenMetrics text. Names and labels are those that the JMX
exporter makes of Kafka's metrics by the rules of the dashboards of
[kineticedge](https://github.com/kineticedge/kafka-streams-dashboards), which show it as it is:

| Kafka's metric | In a scrape |
|---|---|
| `stream-thread-metrics`, `commit-latency-avg` | `kafka_stream_thread_commit_latency_avg{thread_id="…"}` |
| `stream-task-metrics`, `process-total` | `kafka_stream_task_process_total{task_id="0_1",thread_id="…"}` |
| `stream-state-metrics`, `put-rate` | `kafka_stream_state_put_rate{…,store_type="rocksdb-state",state_id="counts"}` |
| `stream-metrics`, `client-state` | `kafka_stream_client_state{client_id="orders-0",application_id="orders"}` |

Where a process has more than 200 databases, RocksDB's figures are sums over the tasks of each worker, without
`task_id`; `metrics()` has them one by one. Labels outlive restarts: without a `client.id` the number of the
instance directory stands where Kafka has a new id at each start. Values that are texts are not scraped, but for
`application-id` and `version`, which are labels.

With `--workers N` one scrape of the supervisor has the series of all workers, each under its own `thread_id`.
`kafka_stream_workers` and `kafka_stream_workers_scraped` say how many there are, and how many of them have answered
within five seconds: where the two differ, the series of one are missing.

## What is your own

A processor has Kafka's `StreamsMetrics` as `context.metrics`:

```python
from streams import Processor, Record
from streams.metrics.names import RecordingLevel


class Priced(Processor):
    def init(self, context):
        self.context = context
        self.lookups = context.metrics.add_rate_total_sensor("price", "cache", "lookup", RecordingLevel.INFO)

    def process(self, record: Record) -> None:
        self.lookups.record()
        self.context.forward(record)
```

`add_rate_total_sensor(scope, entity, operation, level, *tags)` makes `OPERATION-rate` and `OPERATION-total` in the
group `stream-SCOPE-metrics`, `add_latency_rate_total_sensor` also `OPERATION-latency-avg` and `-max` of what is
recorded. `add_sensor(name, level, *parents)` makes an empty one; its `add(metrics.metric_name(name, group, tags=…),
statistic)` takes `Avg()`, `Max()`, `Min()`, `Rate()`, `WindowedSum()`, `WindowedCount()`, `CumulativeSum()`,
`CumulativeCount()` and `Value()` of `streams.metrics.sensor`. `remove_sensor(sensor)` ends it. A call of `record`
takes about half a microsecond.
"""

_OWN = """## What Kafka does not have

*Freshness* is how old the newest input is, at most, that readers of a sink's topic miss: what its task has not
processed, not sent, or, exactly-once, not committed, and the same of the tasks before it in the topology. An
instance knows its own tasks: where a task before is elsewhere, take the highest of all instances.

*Lag in seconds* needs no record to be read: the end of each log is noted once a second, and the lag is since when
it has been beyond the position. Of a backlog that was there before, the time of the next record says more.

*Shares of time*: at each moment a worker does one of five things, so that the five add up to 1.

Rebalances are counted by cause: `started` (this worker asked to join), `topics-changed`, `topic-deleted`,
`tasks-moved` (the second round, in which tasks that were given up get their new owners), `lost` (the group has put
the worker out), `member-joined`, `member-left` (seen by the leader of the group) and `group` (another member, seen
by the others). `KafkaStreams.rebalances()` has the last hundred, with what moved and how long it took.
"""


def page() -> str:
    """The page as Markdown."""
    missing = [(group, name, family.missing) for group, name, family in names(KAFKA) if family.missing]
    whole = len(list(names(KAFKA)))
    return "\n".join(
        (
            _HEAD,
            f"## Kafka Streams' metrics\n\n{whole - len(missing)} of {whole}; what is missing stands at the end.\n",
            *(_section(group, list(families)) for group, families in groupby(KAFKA, lambda each: each.group)),
            "## Clients\n\nA worker's clients are its own, and are measured as one consumer and one producer.\n",
            *(_section(group, list(families)) for group, families in groupby(CLIENTS, lambda each: each.group)),
            _OWN,
            _rows([(f"`{name}`", f"`{group}`", family.text) for group, name, family in names(OWN)],
                  ("Metric", "Group", "What")),
            "## What is missing\n",
            _rows([(f"`{name}`", f"`{group}`", why) for group, name, why in missing], ("Metric", "Group", "Why")),
        )
    )  # fmt: skip


def _section(group: str, families: Sequence[Family]) -> str:
    rows = [
        (", ".join(f"`{name}`" for name in each.names), each.level.name, each.text)
        for each in families
        if not each.missing
    ]
    return f"### `{group}`\n\n{_rows(rows, ('Metrics', 'Level', 'What'))}" if rows else ""


def _rows(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(each.replace('|', '&#124;') for each in line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    print(page(), end="")
