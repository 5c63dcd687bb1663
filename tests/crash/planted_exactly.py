"""Bugs to be planted into exactly-once, which a run that checks every record must find."""

from __future__ import annotations

from collections.abc import Callable

from streams.clients.api import Isolation
from streams.runtime.worker.exactly_once import EXACTLY_ONCE


def promoted_early() -> None:
    """Stores take what is not committed yet, and keep it when it is aborted."""
    steps = dict(EXACTLY_ONCE.commit)
    promote = steps.pop("promote")
    EXACTLY_ONCE.commit = (("promote", promote), *steps.items())


def uncommitted_read() -> None:
    """Sources and changelogs are read with what was aborted."""
    EXACTLY_ONCE.isolation = Isolation.READ_UNCOMMITTED


def not_reverted() -> None:
    """An abort leaves the stores as they are."""
    EXACTLY_ONCE.abort = tuple(step for step in EXACTLY_ONCE.abort if step[0] != "revert")


def offsets_left_out() -> None:
    """Positions are not in the transaction, nor anywhere."""
    EXACTLY_ONCE.commit = tuple(step for step in EXACTLY_ONCE.commit if step[0] != "offsets")


PLANTED_EXACTLY: dict[str, Callable[[], None]] = {
    "promoted-early": promoted_early,
    "uncommitted-read": uncommitted_read,
    "not-reverted": not_reverted,
    "offsets-left-out": offsets_left_out,
}
