"""What a worker of an application tells of itself with every heartbeat: at most 1 kB, which the broker keeps and does
not read (docs/formats/group-members.md).

    {"version": 1, "process": "5e0c…", "state": "RUNNING", "dropped": {"late": 12}, "restore": [1000, 5000],
     "refusal": "…"}
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

VERSION = 1
LONGEST = 1024
"""Bytes of a status."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """How a worker is.

    Args:
        process: whose counts these are: all workers of one `KafkaStreams` tell the same.
        state: Java's state of a stream thread, such as `RUNNING`.
        dropped: records that were dropped since it started, by cause.
        restored: records that have been read into stores that are being restored.
        to_restore: records that there are to be read; 0: nothing is being restored.
        refusal: what keeps it from its work, and what to do; "": nothing.
    """

    process: str = ""
    state: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)
    restored: int = 0
    to_restore: int = 0
    refusal: str = ""


def write_status(status: MemberStatus) -> bytes:
    """The bytes, at most `LONGEST`: a refusal that is too long is cut, then the causes of drops."""
    fields: dict[str, object] = {
        "version": VERSION,
        "process": status.process[:64],
        "state": status.state[:64],
        "dropped": dict(status.dropped),
        "restore": [status.restored, status.to_restore],
        "refusal": status.refusal,
    }
    data = _bytes(fields)
    refusal = status.refusal
    while len(data) > LONGEST and refusal:
        refusal = refusal[: max(0, len(refusal) - (len(data) - LONGEST) // 4 - 2)]
        fields["refusal"] = refusal + "…" if refusal else ""
        data = _bytes(fields)
    if len(data) > LONGEST:
        fields["dropped"] = {"all": sum(status.dropped.values())}
        data = _bytes(fields)
    return data


def _bytes(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def read_status(data: bytes) -> MemberStatus | None:
    """What a member tells; None where it tells nothing that could be understood. Fields of later versions are passed
    over."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    dropped, restore = found.get("dropped"), found.get("restore")
    counts = {str(cause): _count(n) for cause, n in dropped.items()} if isinstance(dropped, dict) else {}
    done, total = restore if isinstance(restore, list) and len(restore) == 2 else (0, 0)
    return MemberStatus(
        str(found.get("process", "")),
        str(found.get("state", "")),
        counts,
        _count(done),
        _count(total),
        str(found.get("refusal", "")),
    )


def _count(given: object) -> int:
    return given if isinstance(given, int) else 0


def dropped_of(statuses: Iterable[MemberStatus]) -> dict[str, int]:
    """By cause what all processes together have dropped; one that is told of several times counts once."""
    highest: dict[tuple[str, str], int] = {}
    for status in statuses:
        for cause, count in status.dropped.items():
            key = (status.process, cause)
            highest[key] = max(count, highest.get(key, 0))
    found: dict[str, int] = {}
    for (_, cause), count in highest.items():
        found[cause] = found.get(cause, 0) + count
    return found
