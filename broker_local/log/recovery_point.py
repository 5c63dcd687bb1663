"""The recovery point: how far every log is durable, written at one instant for all of them.

After a start under another boot id the page cache is gone, and what lies behind the recovery point may be there or
not, for each log by itself. Under `process` every log therefore goes back to the recovery point, so that input, output
and offsets agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from broker_local.base import atomic_file
from broker_local.base.faults import Corruption
from broker_local.base.files import Files

PATH = "line"
KIND = b"BLLN"
VERSION = 1

Log = tuple[str, int]
"""Topic id and partition."""


class RecoveryPoint(NamedTuple):
    """The recovery point.

    Args:
        boot: the run of the machine in which it was written.
        epoch: the log epoch.
        clean: the engine was closed; there is nothing behind the recovery point.
        ends: offset up to which each log is durable.
    """

    boot: str
    epoch: int
    clean: bool
    ends: Mapping[Log, int]


def write(files: Files, point: RecoveryPoint) -> None:
    """Puts the recovery point in the place of the old one.

    Raises:
        OSError: the old one still stands.
    """
    rows: dict[str, dict[int, int]] = {}
    for (topic, number), end in point.ends.items():
        if end:
            rows.setdefault(topic, {})[number] = end
    content = {"boot": point.boot, "epoch": point.epoch, "clean": point.clean, "ends": rows}
    atomic_file.write(files, PATH, KIND, VERSION, content)


def read(files: Files) -> RecoveryPoint | None:
    """Reads the recovery point; None if there is none.

    Raises:
        Corruption: it is there and cannot be believed.
    """
    content = atomic_file.read(files, PATH, KIND, VERSION)
    if content is None:
        return None
    try:
        boot, epoch, clean, rows = (content[name] for name in ("boot", "epoch", "clean", "ends"))
        assert isinstance(boot, str) and isinstance(epoch, int) and isinstance(clean, bool)
        assert isinstance(rows, dict)
        ends = {(topic, number): int(end) for topic, row in rows.items() for number, end in row.items()}
    except (KeyError, TypeError, ValueError, AssertionError, AttributeError) as error:
        raise Corruption(PATH, 14, f"the content is no recovery point: {error!r}") from error
    return RecoveryPoint(boot, epoch, clean, ends)
