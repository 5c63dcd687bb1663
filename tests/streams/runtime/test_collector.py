"""The collector of a running application looks less often, once what is there is out of its sight."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
from streams.runtime.worker.collector import YOUNG, relax
class Node: pass
relax()
frozen = gc.get_freeze_count()
relax()
assert gc.isenabled() and gc.get_threshold()[0] == YOUNG
assert gc.get_freeze_count() == frozen > 0
def cycle():
    node = Node()
    node.itself = node
for _ in range(YOUNG * 2):
    cycle()
assert len([each for each in gc.get_objects() if isinstance(each, Node)]) < YOUNG * 2
"""


def test_cycles_are_still_collected() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)


EMBEDDED = """
import gc
from streams import KafkaStreams, Serdes, StreamsBuilder
from streams.clients import Admin
from streams.runtime.worker.collector import YOUNG
engine = {"bootstrap.servers": "memory://collector"}
with Admin(engine) as admin:
    admin.create_topic("in", 1)
builder = StreamsBuilder()
text = Serdes.string()
builder.stream("in", key_serde=text, value_serde=text).to("out")
assert gc.get_threshold()[0] != YOUNG
with KafkaStreams(builder.build(), {**engine, "application.id": "embedded"}) as app:
    assert app.wait_until_running(60_000)
    assert gc.get_threshold()[0] == YOUNG and gc.get_freeze_count()
"""


def test_an_application_in_ones_own_code_has_the_same_collector_as_the_commands() -> None:
    subprocess.run([sys.executable, "-c", EMBEDDED], check=True)
