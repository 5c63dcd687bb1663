"""The metrics as OpenMetrics text, for Prometheus: what `GET /metrics` answers.

Names and labels are those that the JMX exporter makes of Kafka Streams' metrics by the rules of the well-known
dashboards (kineticedge/kafka-streams-dashboards): `kafka_stream_thread_commit_latency_avg{thread_id="…"}`, and of
stores `kafka_stream_state_put_rate{…,store_type="rocksdb",state_id="counts"}`.

By hand, since a scrape of 1,000 tasks has some 40,000 lines in less than 50 ms: `prometheus_client` makes objects of
each (250 ms). Here a line is a text that is made once, and a value. Its parser reads it in the tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from sys import intern

from streams.metrics.catalogue import DESCRIPTIONS, FIGURES
from streams.metrics.names import STORE_GROUP, Metric, MetricName
from streams.metrics.registry import Metrics

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_TEXTS = {"application-id": "kafka_stream_application", "version": "kafka_stream_version"}
"""Metrics whose values are texts become labels of these; others that are texts are shown by `metrics()` alone."""
_FALLING = ("restore-remaining-records-total", "cache-size-bytes-total")
"""Kafka calls these totals, and they fall."""
_WHERE_THERE_ARE_ANY = "dropped-records-by-cause-total"
_LABELS = {"process-id"}
"""Tags that are no labels: each start would make new series."""

MANY = 200
"""Where a process has RocksDB's figures of more databases than this, they are summed up over the tasks of each worker,
and have no `task_id`: they are two thirds of all lines."""

Renamed = Callable[[str], str]


def openmetrics(metrics: Metrics, renamed: Renamed = str) -> str:
    """All metrics that have a value.

    Args:
        metrics: the registry.
        renamed: gives for a tag's value what the label has, such as a name that outlives a restart.
    """
    metrics.refresh()
    out: list[str] = []  # pieces, so that nothing long is copied twice
    for (group, name), members in metrics.families():
        head, add, all_of_them = len(out), out.append, name != _WHERE_THERE_ARE_ANY
        if name in FIGURES and len(members) > MANY:
            out += _summed(members, renamed)
            members_of_it: Sequence[Metric] = ()
        else:
            members_of_it = members
        for metric in members_of_it:
            line = metric.line
            if line is None:
                line = metric.line = _begin(metric.name, renamed)
            value = metric.read()
            if type(value) is int:
                if value or all_of_them:
                    add(line)
                    add(str(value))
            elif type(value) is float:
                if value - value == 0:  # neither NaN nor infinite
                    add(line)
                    add(f"{value:.9g}" if value < 1e9 else repr(value))
            elif name in _TEXTS:
                label = f'{name.replace("-", "_")}="{_escaped(str(value))}"'
                add(f"{line[:-2]}{',' if line[-3] != '{' else ''}{label}}} 1")
        if len(out) > head:
            family = _family(group, name)
            text = members[0].description or DESCRIPTIONS.get((group, name), "")
            out.insert(head, f"\n# TYPE {family} {_type(name)}\n# HELP {family} {_escaped(text)}")
    out.append("\n# EOF\n")
    return "".join(out).removeprefix("\n")


def _summed(members: Sequence[Metric], renamed: Renamed) -> list[str]:
    """The sums of a metric over the tasks of each worker."""
    sums: defaultdict[str, int] = defaultdict(int)
    for metric in members:
        line = metric.line_of_all
        if line is None:
            tags = tuple(tag for tag in metric.name.tags if tag[0] != "task-id")
            line = metric.line_of_all = intern(_begin(metric.name._replace(tags=tags), renamed))
        value = metric.read()
        if type(value) is int:
            sums[line] += value
    return [piece for line, value in sums.items() for piece in (line, str(value))]


def _family(group: str, name: str) -> str:
    if name in _TEXTS:
        return _TEXTS[name]
    whole = _sample(group, name)
    return whole.removesuffix("_total") if _type(name) == "counter" else whole


def _type(name: str) -> str:
    return "counter" if name.endswith("-total") and name not in _FALLING else "gauge"


def _sample(group: str, name: str) -> str:
    return _word(f"kafka_{group.removesuffix('-metrics')}_{name}")


def _word(text: str) -> str:
    """Only what a name may have."""
    return "".join(each if each.isascii() and (each.isalnum() or each == "_") else "_" for each in text)


def _begin(name: MetricName, renamed: Renamed) -> str:
    """A line up to its value, with the end of the one before."""
    labels: dict[str, str] = {}
    for tag, value in name.tags:
        if name.group == STORE_GROUP and tag.endswith("-state-id"):
            labels["store_type"], labels["state_id"] = tag.removesuffix("-id"), value
        elif tag not in _LABELS:
            labels[_word(tag)] = renamed(value)
    text = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"\n{_TEXTS.get(name.name) or _sample(name.group, name.name)}{{{text}}} "


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def merged(texts: Sequence[str], processes: int) -> str:
    """The texts of several processes as one: each family once, its lines together; and how many have said something.

    Args:
        processes: how many there are.
    """
    families: dict[str, tuple[list[str], list[str]]] = {}
    for text in texts:
        name = ""
        for line in text.splitlines():
            if line.startswith("# EOF"):
                break
            if line.startswith("# "):
                name = line.split(" ", 3)[2]
                heads, _ = families.setdefault(name, ([], []))
                if line not in heads and len(heads) < 2:
                    heads.append(line)
            elif line:
                families.setdefault(name, ([], []))[1].append(line)
    for name, text, value in (
        ("kafka_stream_workers", "worker processes of this instance", processes),
        ("kafka_stream_workers_scraped", "those of them that have answered this scrape", len(texts)),
    ):
        families[name] = [f"# TYPE {name} gauge", f"# HELP {name} {text}"], [f"{name} {value}"]
    lines = [line for heads, rows in families.values() for line in (*heads, *rows)]
    return "\n".join((*lines, "# EOF\n"))


def stable(names: Mapping[str, str]) -> Renamed:
    """Gives for names that each start makes anew those that stay; `names`: how the one and the other begin."""

    def renamed(value: str) -> str:
        for fresh, lasting in names.items():
            if value.startswith(fresh):
                return lasting + value[len(fresh) :]
        return value

    return renamed


