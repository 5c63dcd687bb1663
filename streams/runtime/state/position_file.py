"""How far a copy of a task is, in a small file beside its database, so that nobody has to open that to know.

    position.json       {"version": 1, "changelogs": {"counts": 1234}}

By store: the offset up to which the database has its changelog. The file is written after the database, so it may be
behind, and after a power cut ahead; it only says which copy to prefer. What a copy is worth its own marks say, once it
is opened.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from streams.world import Files

log = logging.getLogger("streams.runtime.position_file")

VERSION = 1
FILE = "position.json"


def write_positions(files: Files, home: Path, offsets: Mapping[str, int]) -> None:
    """Says how far each store's changelog is in the database. A disk that does not take it is no failure."""
    try:
        files.write(home / FILE, json.dumps({"version": VERSION, "changelogs": dict(offsets)}))
    except OSError as error:
        log.info("%s could not be written: %s", home / FILE, error)


def read_position(files: Files, home: Path, stores: Iterable[str]) -> int:
    """The sum of these stores' offsets, as members tell it to the leader; 0 where the file does not say."""
    try:
        known = json.loads(files.read(home / FILE))
        if known["version"] != VERSION:
            return 0
        offsets = known["changelogs"]
        return sum(int(offsets[store]) for store in stores if store in offsets)
    except OSError:  # there is none, or another worker has taken the copy over meanwhile
        return 0
    except (ValueError, KeyError, TypeError, RecursionError) as damage:
        log.info("%s is damaged (%s); its copy counts for nothing.", home / FILE, damage)
        return 0
