"""What is the same for all tasks of a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from statestore.record_cache import RecordCache
from streams.clients.request_size import LARGEST
from streams.clock import Clock
from streams.config.streams import SETTINGS
from streams.dropped import Dropped
from streams.metrics.names import RecordingLevel
from streams.metrics.registry import Metrics, MetricsScope
from streams.names import decorated_topic
from streams.runtime.state.freshness import Freshness
from streams.runtime.state.memory import Memory
from streams.topology.node import TaskId
from streams.world import SYSTEM, Files


@dataclass(frozen=True, slots=True)
class TaskContext:
    """Settings of a worker's tasks, and what they share.

    Args:
        config: the application's settings, complete.
        metrics: the application's.
        prefix: of internal topics: the application id, or what overrides it.
        internal_topics: names without the prefix (`BuiltTopology.internal_topics`).
        cache_bytes: `statestore.cache.max.bytes`, of all tasks together; 0: no record cache.
        record_cache: the one that all of them share; None: each has its own.
        memory: what all tasks hold.
        log_prefix: begins messages, as in `stream-thread [app-1] task [0_0] `.
        max_request_size: bytes of a request with one record at most.
        dropped: counts what is dropped.
        files: where state lies.
        freshness: of what the application puts out.
        thread: whose tasks they are, as metrics say it; "": they do not.
    """

    config: Mapping[str, object]
    metrics: Metrics
    prefix: str
    internal_topics: frozenset[str] = frozenset()
    cache_bytes: int = 10 * 1024 * 1024
    record_cache: RecordCache | None = None
    memory: Memory = field(default_factory=Memory)
    log_prefix: str = ""
    max_request_size: int = LARGEST
    dropped: Dropped = field(default_factory=Dropped)
    files: Files = SYSTEM.files
    freshness: Freshness = field(default_factory=Freshness)
    thread: str = ""

    def scope(self, task: TaskId) -> MetricsScope:
        """The metrics of a task."""
        return self.metrics.scope(**({"thread_id": self.thread} if self.thread else {}), task_id=str(task))

    def topic_name(self, topic: str) -> str:
        """The real name of a topic of the topology: internal ones are prefixed."""
        return decorated_topic(self.prefix, topic) if topic in self.internal_topics else topic

    def number(self, name: str) -> int:
        """A setting that is an integer; its default where it is not given."""
        found = self.config.get(name, SETTINGS[name].default)
        assert isinstance(found, int)
        return found


def registry_of(config: Mapping[str, object], clock: Clock, process_id: str = "") -> Metrics:
    """An empty registry, as `metrics.recording.level`, `metrics.num.samples` and `metrics.sample.window.ms` say."""
    samples, window_ms = config["metrics.num.samples"], config["metrics.sample.window.ms"]
    assert isinstance(samples, int) and isinstance(window_ms, int)
    return Metrics(RecordingLevel[str(config["metrics.recording.level"])], samples, window_ms, clock, process_id)
