"""What a run is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Options(NamedTuple):
    """How a benchmark is run.

    Args:
        records: input records of a run; None: what each says itself.
        repeat: runs of each.
        floors: the loop by hand runs in turn with the job.
        config: further settings of the application.
        relax: the collector is relaxed by hand, for a checkout in which only the command does it.
    """

    records: int | None = None
    repeat: int = 3
    floors: bool = True
    config: Mapping[str, object] = {}
    relax: bool = False
