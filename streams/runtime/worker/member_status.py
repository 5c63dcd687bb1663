"""What a worker tells its group's coordinator with each heartbeat."""

from __future__ import annotations

from collections.abc import Mapping

from streams.clients.status import MemberStatus, write_status
from streams.dropped import Dropped
from streams.runtime.worker.lifecycle import WorkerState
from streams.troubles import Troubles


def status_of(
    state: WorkerState, dropped: Dropped, restores: Mapping[str, tuple[int, int]], troubles: Troubles
) -> bytes:
    """The bytes of a worker's status (`clients.status`). Any thread may ask.

    Args:
        restores: stores that are being restored: records done and to be done.
    """
    done, total = (sum(row[at] for row in restores.values()) for at in (0, 1))
    return write_status(MemberStatus(dropped.id, state.value, dropped.by_cause(), done, total, troubles.text))
