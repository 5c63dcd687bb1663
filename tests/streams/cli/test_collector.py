"""The collector of a running application looks less often, once what is there is out of its sight."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
from streams.cli.collector import YOUNG, relax
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
