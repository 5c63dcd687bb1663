"""What is asked of Kafka Connect's REST, in order: the recorder asks Java, the test asks ours.

`{dir}` stands for a directory, `{topic}` for a topic, wherever they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

SOURCE = {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
    "tasks.max": "1",
    "file": "{dir}/in.txt",
    "topic": "{topic}",
}
SINK = {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
    "tasks.max": "1",
    "file": "{dir}/out.txt",
    "topics": "{topic}",
}
FILE_SOURCE, FILE_SINK = SOURCE["connector.class"], SINK["connector.class"]
RUNNING, PAUSED, STOPPED = "RUNNING", "PAUSED", "STOPPED"


class Step(NamedTuple):
    """One request.

    Args:
        method, path: what is asked.
        body: as text; None: none.
        tasks: before the next step the connector of the path has so many tasks, all in `state`.
        state: see there; "": nothing is waited for.
        type: of the body.
        shape: only the status and the form of the body are compared, for the reason.
    """

    method: str
    path: str
    body: str | None = None
    tasks: int = 0
    state: str = ""
    type: str = "application/json"
    shape: str = ""

    @property
    def connector(self) -> str:
        """The connector that the step is about."""
        if self.path == "/connectors" and self.body is not None:
            return str(json.loads(self.body)["name"])
        return self.path.split("?")[0].split("/")[2]


def step(method: str, path: str, body: object = None, tasks: int = 0, state: str = "", shape: str = "") -> Step:
    return Step(method, path, None if body is None else json.dumps(body), tasks, state, shape=shape)


def raw(method: str, path: str, body: str, type: str = "application/json") -> Step:
    return Step(method, path, body, type=type)


def named(name: str, config: Mapping[str, str], **more: object) -> dict[str, object]:
    return {"name": name, "config": dict(config), **more}


def offsets(*pairs: tuple[object, object]) -> dict[str, object]:
    return {"offsets": [{"partition": partition, "offset": offset} for partition, offset in pairs]}


def of_sink(topic: object, partition: object) -> dict[str, object]:
    return {"kafka_topic": topic, "kafka_partition": partition}


OF_FILE = {"filename": "{dir}/in.txt"}
WORDS = "what a setting means is told in our own words, and the settings of our connectors are more"
TRACE = "a trace is that of the language"
OURS = "positions of ours have an inode and a checksum too, and those of a sink are its own"

STEPS: tuple[Step, ...] = (
    step("GET", "/", shape="the version and the cluster's id are its own"),
    step("GET", "/health"),
    step("GET", "/connectors"),
    step("GET", "/nothing"),
    step("GET", "/connectors/none"),
    step("GET", "/connectors/none/config"),
    step("GET", "/connectors/none/status"),
    step("GET", "/connectors/none/tasks"),
    step("GET", "/connectors/none/tasks/0/status"),
    step("GET", "/connectors/none/tasks-config"),
    step("GET", "/connectors/none/topics"),
    step("GET", "/connectors/none/offsets"),
    step("GET", "/connectors/none/nothing"),
    step("PUT", "/connectors/none/pause"),
    step("PUT", "/connectors/none/resume"),
    step("PUT", "/connectors/none/stop"),
    step("PUT", "/connectors/none/topics/reset"),
    step("POST", "/connectors/none/restart"),
    step("POST", "/connectors/none/restart?includeTasks=true&onlyFailed=true"),
    step("POST", "/connectors/none/tasks/0/restart"),
    step("PATCH", "/connectors/none/config", {"tasks.max": "1"}),
    step("PATCH", "/connectors/none/offsets", offsets((OF_FILE, {"position": 0}))),
    step("DELETE", "/connectors/none/offsets"),
    step("DELETE", "/connectors/none"),
    step("PUT", "/connectors"),
    step("DELETE", "/connectors"),
    step("POST", "/connectors/none"),
    step("PUT", "/connectors/none/status"),
    step("GET", "/connectors/none/pause"),
    step("POST", "/"),
    # wrong bodies
    raw("POST", "/connectors", ""),
    raw("POST", "/connectors", "no json"),
    raw("POST", "/connectors", "[]"),
    raw("POST", "/connectors", "null"),
    raw("POST", "/connectors", "{}"),
    raw("POST", "/connectors", '{"name": "lines", "config": []}'),
    raw("POST", "/connectors", '{"name": "lines", "config": null}'),
    raw("POST", "/connectors", '{"name": "lines"}'),
    raw("POST", "/connectors", '{"name": "lines", "config": {"a": {"b": 1}}}'),
    raw("POST", "/connectors", '{"name": "lines", "config": {}, "colour": "red"}'),
    raw("POST", "/connectors", '{"name": "lines", "config": {}, "initial_state": "FLYING"}'),
    raw("POST", "/connectors", json.dumps(named("lines", SOURCE)), "text/plain"),
    raw("POST", "/connectors", json.dumps(named("lines", SOURCE)), ""),
    raw("PUT", "/connectors/lines/config", ""),
    raw("PUT", "/connectors/lines/config", "[1]"),
    raw("PUT", "/connectors/lines/config", "{"),
    step("POST", "/connectors", named("", SOURCE)),
    step("POST", "/connectors", named("lines", {})),
    step("POST", "/connectors", named("lines", {"connector.class": "no.such.Class"}), shape="what there is is listed"),
    step("POST", "/connectors", named("lines", {**SOURCE, "name": "other"})),
    step("POST", "/connectors", named("lines", {**SOURCE, "tasks.max": "0"})),
    step("POST", "/connectors", named("lines", {"connector.class": FILE_SOURCE, "tasks.max": "many"})),
    step("PUT", "/connectors/lines/config", {**SOURCE, "name": "other"}),
    step("PUT", "/connectors/lines/config", {**SOURCE, "transforms": "a"}),
    step("GET", "/connectors"),
    # a source's life
    step("POST", "/connectors", named("lines", SOURCE), 1, RUNNING),
    step("POST", "/connectors", named("lines", SOURCE)),
    step("GET", "/connectors"),
    step("GET", "/connectors/lines"),
    step("GET", "/connectors/lines/config"),
    step("GET", "/connectors/lines/status"),
    step("GET", "/connectors/lines/tasks"),
    step("GET", "/connectors/lines/tasks/0/status"),
    step("GET", "/connectors/lines/tasks/7/status"),
    step("GET", "/connectors/lines/tasks/x/status"),
    step("GET", "/connectors/lines/topics"),
    step("GET", "/connectors?expand=status"),
    step("GET", "/connectors?expand=info"),
    step("GET", "/connectors?expand=info&expand=status"),
    step("GET", "/connectors?expand=nothing"),
    step("PUT", "/connectors/lines/config", {**SOURCE, "batch.size": "17"}, 1, RUNNING),
    step("GET", "/connectors/lines"),
    step("PATCH", "/connectors/lines/config", {"batch.size": "18", "tasks.max": None}, 1, RUNNING),
    step("PATCH", "/connectors/lines/config", {"batch.size": "none"}),
    raw("PATCH", "/connectors/lines/config", "null"),
    step("GET", "/connectors/lines/config"),
    step("PUT", "/connectors/lines/pause", None, 1, PAUSED),
    step("GET", "/connectors/lines/status"),
    step("PUT", "/connectors/lines/pause"),
    step("POST", "/connectors/lines/restart"),
    step("PUT", "/connectors/lines/resume", None, 1, RUNNING),
    step("PUT", "/connectors/lines/resume"),
    step("GET", "/connectors/lines/status"),
    step("POST", "/connectors/lines/restart", None, 1, RUNNING),
    step("POST", "/connectors/lines/restart?includeTasks=true", None, 1, RUNNING),
    step("POST", "/connectors/lines/restart?onlyFailed=true", None, 1, RUNNING),
    step("POST", "/connectors/lines/restart?includeTasks=true&onlyFailed=true", None, 1, RUNNING),
    step("POST", "/connectors/lines/restart?includeTasks=maybe", None, 1, RUNNING),
    step("POST", "/connectors/lines/tasks/0/restart", None, 1, RUNNING),
    step("POST", "/connectors/lines/tasks/x/restart"),
    step("PUT", "/connectors/lines/topics/reset"),
    # offsets of a source
    step("GET", "/connectors/lines/offsets", shape=OURS),
    step("PATCH", "/connectors/lines/offsets", offsets((OF_FILE, {"position": 0}))),
    step("DELETE", "/connectors/lines/offsets"),
    step("PUT", "/connectors/lines/stop", None, 0, STOPPED),
    step("GET", "/connectors/lines"),
    step("GET", "/connectors/lines/status"),
    step("GET", "/connectors/lines/tasks"),
    step("PUT", "/connectors/lines/stop"),
    step("POST", "/connectors/lines/tasks/0/restart"),
    raw("PATCH", "/connectors/lines/offsets", ""),
    raw("PATCH", "/connectors/lines/offsets", "{}"),
    raw("PATCH", "/connectors/lines/offsets", '{"offsets": []}'),
    raw("PATCH", "/connectors/lines/offsets", '{"offsets": [{}]}'),
    raw("PATCH", "/connectors/lines/offsets", '{"offsets": [{"partition": {"a": 1}}]}'),
    raw("PATCH", "/connectors/lines/offsets", '{"offsets": 5}'),
    raw("PATCH", "/connectors/lines/offsets", '{"offsets": [{"partition": 5, "offset": 5}]}'),
    raw("PATCH", "/connectors/lines/offsets", '{"ofsets": []}'),
    step("PATCH", "/connectors/lines/offsets", offsets((OF_FILE, {"position": "seven"}))),
    step("PATCH", "/connectors/lines/offsets", offsets((OF_FILE, {"position": -1}))),
    step("PATCH", "/connectors/lines/offsets", offsets(({"table": "t"}, {"position": 1}))),
    step("PATCH", "/connectors/lines/offsets", offsets((OF_FILE, {"position": 4}))),
    step("GET", "/connectors/lines/offsets"),
    step("PATCH", "/connectors/lines/offsets", offsets((OF_FILE, None))),
    step("GET", "/connectors/lines/offsets"),
    step("DELETE", "/connectors/lines/offsets"),
    step("GET", "/connectors/lines/offsets"),
    step("PUT", "/connectors/lines/resume", None, 1, RUNNING),
    step("GET", "/connectors/lines/status"),
    # a sink's life
    step("POST", "/connectors", named("out", SINK, initial_state="STOPPED"), 0, STOPPED),
    step("GET", "/connectors/out/status"),
    step("GET", "/connectors/out"),
    step("PUT", "/connectors/out/resume", None, 1, RUNNING),
    step("GET", "/connectors/out"),
    step("GET", "/connectors/out/status"),
    step("GET", "/connectors/out/offsets", shape=OURS),
    step("PUT", "/connectors/out/stop", None, 0, STOPPED),
    step("PATCH", "/connectors/out/offsets", offsets((of_sink("{topic}", "x"), {"kafka_offset": 1}))),
    step("PATCH", "/connectors/out/offsets", offsets((of_sink("{topic}", None), {"kafka_offset": 1}))),
    step("PATCH", "/connectors/out/offsets", offsets((of_sink(None, 0), {"kafka_offset": 1}))),
    step("PATCH", "/connectors/out/offsets", offsets(({"kafka_topic": "{topic}"}, {"kafka_offset": 1}))),
    step("PATCH", "/connectors/out/offsets", offsets((None, {"kafka_offset": 1}))),
    step("PATCH", "/connectors/out/offsets", offsets((of_sink("{topic}", 0), {"position": 1}))),
    step("PATCH", "/connectors/out/offsets", offsets((of_sink("{topic}", 0), {"kafka_offset": "x"}))),
    step("DELETE", "/connectors/out"),
    step("GET", "/connectors/out"),
    step("POST", "/connectors", named("calm", SOURCE, initial_state="PAUSED"), 0, PAUSED),
    step("GET", "/connectors/calm/status"),
    step("DELETE", "/connectors/calm"),
    step("POST", "/connectors", named("calm", SOURCE, initial_state="running"), 1, RUNNING),
    step("DELETE", "/connectors/calm"),
    # plugins
    step("GET", "/connector-plugins", shape="our plugins are ours"),
    step("GET", "/connector-plugins?connectorsOnly=false", shape="our plugins are ours"),
    step("GET", "/connector-plugins/FileStreamSource/config", shape=WORDS),
    step("GET", f"/connector-plugins/{FILE_SINK}/config", shape=WORDS),
    step("GET", "/connector-plugins/org.apache.kafka.connect.transforms.HoistField$Value/config", shape=WORDS),
    step("GET", "/connector-plugins/org.apache.kafka.connect.transforms.predicates.TopicNameMatches/config",
         shape=WORDS),
    step("GET", "/connector-plugins/Nothing/config"),
    step("PUT", "/connector-plugins/FileStreamSource/config/validate", SOURCE, shape=WORDS),
    step("PUT", f"/connector-plugins/{FILE_SOURCE}/config/validate", {"connector.class": FILE_SOURCE}, shape=WORDS),
    step("PUT", f"/connector-plugins/{FILE_SINK}/config/validate", SOURCE),
    step("PUT", f"/connector-plugins/{FILE_SINK}/config/validate", {}),
    step("PUT", "/connector-plugins/Nothing/config/validate", {**SOURCE, "connector.class": "Nothing"},
         shape="what there is is listed"),
    raw("PUT", "/connector-plugins/FileStreamSource/config/validate", ""),
    raw("PUT", "/connector-plugins/FileStreamSource/config/validate", "7"),
    step("GET", "/connector-plugins/FileStreamSource"),
    # loggers
    step("GET", "/admin/loggers", shape="our loggers are ours"),
    step("GET", "/admin/loggers/root", shape="when it was changed"),
    step("GET", "/admin/loggers/no.such.logger"),
    step("PUT", "/admin/loggers/rest.one", {"level": "DEBUG"}),
    step("GET", "/admin/loggers/rest.one", shape="when it was changed"),
    step("PUT", "/admin/loggers/rest.one", {"level": "LOUD"}),
    step("PUT", "/admin/loggers/rest.one", {}),
    raw("PUT", "/admin/loggers/rest.one", ""),
    raw("PUT", "/admin/loggers/rest.one", "5"),
    step("PUT", "/admin/loggers/rest.one?scope=cluster", {"level": "INFO"}),
    step("PUT", "/admin/loggers/rest.one?scope=nowhere", {"level": "INFO"}),
    step("POST", "/admin/loggers/rest.one", {"level": "INFO"}),
    # the end
    step("POST", "/connectors/lines/tasks/7/restart"),  # Java's alone tells of such a task from then on
    step("DELETE", "/connectors/lines"),
    step("GET", "/connectors"),
)  # fmt: skip
