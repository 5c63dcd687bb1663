"""Python's cyclic garbage collector in a process that runs an application.

Records and rows of stores are many, live long or die at once, and form no cycles: looking through them every 700
allocations cost a count job a fifth of its time. The collector is never switched off, since users' code may make
cycles.
"""

from __future__ import annotations

import gc

YOUNG = 25_000
"""Containers made, less those freed, before the youngest are looked through: about 1 ms of work."""
MIDDLE, OLD = 20, 50


def relax() -> None:
    """What is there stays out of sight of the collector, which comes by less often; a second call does nothing."""
    if gc.get_threshold() != (YOUNG, MIDDLE, OLD) and not gc.get_freeze_count():  # counting takes 10 ms
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG, MIDDLE, OLD)
