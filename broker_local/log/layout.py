"""What lies in a partition's directory, and what the state says of it.

    topics/<topic id>/<partition>/
        state                              atomic file: the segments that count, log start, epochs, compaction
        00000000000000000000.log .index    segments and their indexes
        00000000000000004711.producers     atomic file: what was known of producers and their transactions when the
                                           log ended at 4711

A segment counts if the state lists it; a file that is not listed is left over from a step that was cut
short. Without a state there is at most one segment, at offset 0: most partitions never need more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from broker_local.base import atomic_file
from broker_local.base.faults import Corruption
from broker_local.base.files import Files
from broker_local.log.segment import Name, Segment

KIND = b"BLPS"
VERSION = 1
SNAPSHOT_KIND = b"BLPR"
SNAPSHOT_VERSION = 2


@dataclass(frozen=True, slots=True)
class State:
    """What a partition keeps beside its segments.

    Args:
        segments: names in the order of their offsets.
        lengths: bytes of the closed ones, which are all but the last; nothing where an earlier engine wrote the state.
        start: the log start offset that was asked for; the log may start later.
        cuts: (epoch, offset): the epoch began there, all of earlier epochs behind it was cut off.
        clean_end: offset up to which compaction has been.
        gone: offset below which tombstones were removed.
        passes: compaction passes so far.
        horizon: time (ms) of the earliest pass that saw a tombstone which is still there, -1 if there is none.
    """

    segments: tuple[Name, ...] = ()
    lengths: Mapping[Name, int] = field(default_factory=dict)
    start: int = 0
    cuts: tuple[tuple[int, int], ...] = ()
    clean_end: int = 0
    gone: int = 0
    passes: int = 0
    horizon: int = -1

    def with_segments(self, segments: Sequence[Segment]) -> State:
        """The same with other segments, of which all but the last are closed."""
        lengths = {segment.name: segment.size for segment in segments[:-1]}
        return replace(self, segments=tuple(segment.name for segment in segments), lengths=lengths)


def directory(topic_id: str, partition: int) -> str:
    """A partition's directory."""
    return f"topics/{topic_id}/{partition}"


def write_state(files: Files, where: str, state: State) -> None:
    """Puts a partition's state in the place of the old one.

    Raises:
        OSError: the old one still stands.
    """
    atomic_file.write(
        files,
        f"{where}/state",
        KIND,
        VERSION,
        {
            "segments": [[name.base, name.generation] for name in state.segments],
            "lengths": list(state.lengths.values()),
            "start": state.start,
            "cuts": [list(cut) for cut in state.cuts],
            "clean_end": state.clean_end,
            "gone": state.gone,
            "passes": state.passes,
            "horizon": state.horizon,
        },
    )


def read_state(files: Files, where: str) -> State | None:
    """Reads a partition's state; None if it has none.

    Raises:
        Corruption: it is there and cannot be believed.
    """
    path = f"{where}/state"
    content = atomic_file.read(files, path, KIND, VERSION)
    if content is None:
        return None
    try:
        segments, cuts = content["segments"], content["cuts"]
        start, clean_end, gone, passes, horizon = (
            content[name] for name in ("start", "clean_end", "gone", "passes", "horizon")
        )
        assert isinstance(segments, list) and isinstance(cuts, list)
        assert isinstance(start, int) and isinstance(clean_end, int) and isinstance(horizon, int)
        assert isinstance(gone, int) and isinstance(passes, int)
        names = tuple(Name(base, generation) for base, generation in segments)
        lengths = content.get("lengths", [])
        assert isinstance(lengths, list) and all(isinstance(length, int) for length in lengths)
        assert all(before.base < after.base for before, after in pairwise(names)), "segments out of order"
        return State(
            names,
            dict(zip(names[:-1], lengths, strict=True)) if lengths else {},
            start,
            tuple((epoch, offset) for epoch, offset in cuts),
            clean_end,
            gone,
            passes,
            horizon,
        )
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise Corruption(path, 14, f"the content is no state of a partition: {error!r}") from error


def snapshots(names: list[str]) -> list[int]:
    """Offsets of the snapshots of producers among the names in a directory, newest first."""
    ending = ".producers"
    return sorted(
        (int(name.removesuffix(ending)) for name in names if name.endswith(ending) and name[: -len(ending)].isdigit()),
        reverse=True,
    )


def snapshot_path(where: str, offset: int) -> str:
    """Path of a snapshot of producers."""
    return f"{where}/{offset:020d}.producers"
