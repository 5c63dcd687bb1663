"""Opening a partition: what of its files is believed, what is cut off, and what stops the engine.

A write that was cut short leaves a beginning of its batch at the end of the last segment. It is cut off.
Everything else that is wrong is damage: a batch that is followed by valid ones, or bytes missing that the
recovery point says are durable. After a power cut the bytes behind that point may be anything, so they are cut
off at the first batch that is not whole (`durable`: all before it is kept), or all of them (`process`: every
log goes back to the common point).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from broker_local.base import atomic_file
from broker_local.base.faults import Corruption
from broker_local.base.files import PASSING, File, Handles
from broker_local.log import format as batches
from broker_local.log import layout
from broker_local.log.format import MAGIC, PREFIX, BadBatch
from broker_local.log.layout import State
from broker_local.log.producers import Producers
from broker_local.log.segment import Name, Segment
from broker_local.log.transactions import Transactions

_LOOK_AHEAD = 1 << 20


class LogCheckpoint(NamedTuple):
    """What the engine knew of a log when it last wrote the recovery point.

    Args:
        end: offset up to which the log was durable.
        epoch: the epoch of the log now, already raised if there was a power cut.
        lost_power: whether the machine was started anew since.
        cut: go back to `end` after a power cut, whatever is there behind it.
        now: the time in ms; producers found in the log count as heard then.
    """

    end: int = 0
    epoch: int = 0
    lost_power: bool = False
    cut: bool = False
    now: int = 0


NOTHING = LogCheckpoint()
"""Of a log that is new."""


class RecoveredLog(NamedTuple):
    """A log that was opened.

    `snapshots` are the offsets of those of its producers and transactions, newest first;
    `replayed` says how many batches no snapshot of producers has, `cut_bytes` how much of a torn tail went.
    `unsaved`: the disk was too full for the state; it is to be written before anything else is, and then these may go.
    """

    state: State
    segments: list[Segment]
    producers: Producers
    transactions: Transactions
    snapshots: list[int]
    replayed: int
    cut_bytes: int
    unsaved: list[Segment] | None


def _listed(handles: Handles, where: str, names: list[str], known: LogCheckpoint) -> State:
    state = layout.read_state(handles.files, where)
    if state is not None:
        return state
    first = Name(0)
    logs = [name for name in names if name.endswith(".log")]
    # The first state is written when a second segment begins; an empty file is one that was not listed any more.
    more = [name for name in logs if name != f"{first.stem}.log" and handles.files.size(f"{where}/{name}")]
    if more or (logs and f"{first.stem}.log" not in logs):
        raise Corruption(f"{where}/state", 0, f"the file is missing, and there are segments: {', '.join(logs)}")
    born = known.epoch - known.lost_power
    return State(segments=(first,) if logs else (), cuts=((born, 0),) if born else ())


def _sweep(handles: Handles, where: str, names: list[str], state: State) -> None:
    """Removes what a step that was cut short has left."""
    stems = {name.stem for name in state.segments}
    for name in names:
        stem, _, ending = name.rpartition(".")
        if ending == "new" or (ending in ("log", "index") and stem not in stems):
            handles.files.remove(f"{where}/{name}")


def _valid_after(file: File, position: int, size: int, offset: int) -> bool:
    """Whether somewhere behind `position` a batch of a later offset begins: then what is wrong there is no tail."""
    mark = bytes((MAGIC, batches.CODEC_NONE))
    at = position + 1
    while at < size:
        chunk = file.pread(_LOOK_AHEAD + batches.HEADER, at)
        found = chunk.find(mark)
        while found >= 0:
            begin = at + found - PREFIX - 8
            found = chunk.find(mark, found + 1)
            if begin <= position:
                continue
            try:
                header = batches.peek(file.pread(batches.HEADER, begin))
            except BadBatch:
                continue
            if header.base_offset >= offset:
                return True
        at += _LOOK_AHEAD
    return False


def _end(handles: Handles, segment: Segment, known: LogCheckpoint, last: bool) -> int:
    """Finds where a segment ends and cuts off a torn tail; how many bytes that were."""
    segment.find()
    size = segment.size
    try:
        segment.load(known.end if known.lost_power else None)
        return 0
    except BadBatch as error:
        position, end, cause = error.position, segment.next_offset, str(error)
    file = handles.get(segment.path)
    damaged = (
        end < known.end
        or (not last and not known.lost_power)
        or (not known.lost_power and _valid_after(file, position, size, end))
    )
    if damaged:
        raise Corruption(segment.path, position, cause)
    segment.trim()
    handles.files.fsync(segment.path)
    return size - position


def _writers(
    handles: Handles, where: str, snapshots: list[int], segments: list[Segment], start: int, now: int
) -> tuple[Producers, Transactions, int]:
    """Producers and transactions as the log's end has them: the newest snapshot that can be read, and what came since.

    Snapshots that are of no use leave the disk and the list.
    """
    end = segments[-1].next_offset if segments else start
    producers, transactions, since = Producers(), Transactions(), 0
    beyond = [offset for offset in snapshots if offset > end]  # of a log that was longer before it was cut
    for offset in beyond:
        handles.files.remove(layout.snapshot_path(where, offset))
        snapshots.remove(offset)
    if beyond:  # else one may be back after the next power cut, when the log is as long again, and another one
        handles.files.fsync(where)
    for offset in list(snapshots):
        path = layout.snapshot_path(where, offset)
        try:
            content = atomic_file.read(handles.files, path, layout.SNAPSHOT_KIND, layout.SNAPSHOT_VERSION) or {}
            found = Producers.load(content.get("producers")), Transactions.load(content)
            (producers, transactions), since = found, offset
            break
        except (Corruption, ValueError):
            handles.files.remove(path)  # an older one and more batches say the same
            snapshots.remove(offset)
    replayed = 0
    for number, segment in enumerate(segments):
        after = segments[number + 1].base if number + 1 < len(segments) else end
        if after > since:
            for _, header in segment.walk(max(since, segment.base)):
                if header.base_offset >= since:
                    producers.stored(header, now)
                    transactions.stored(header)
                    replayed += 1
    return producers, transactions, replayed


def open_log(handles: Handles, where: str, interval: int, known: LogCheckpoint) -> RecoveredLog:
    """Opens a partition's log.

    Args:
        handles: the open files.
        where: the partition's directory; it need not exist.
        interval: bytes of the log between two index entries.
        known: what the recovery point says.
    Raises:
        Corruption: something is wrong that no kill and no power cut can have done.
        OSError: the disk.
    """
    names = handles.files.entries(where)
    listed = _listed(handles, where, names, known)
    segments = [Segment(handles, where, name, interval) for name in listed.segments]
    cut_bytes, doomed = _ends(handles, segments, listed.lengths, known)
    end = segments[-1].next_offset if segments else listed.start
    if end < known.end:
        path, size = (segments[-1].path, segments[-1].size) if segments else (where, 0)
        raise Corruption(path, size, f"the log ends at offset {end}; it was durable up to {known.end}")
    state = listed
    if known.lost_power:
        if known.cut:
            doomed += _behind_point(segments, known.end)
            end = min(end, known.end)
        end = max(end, state.start)
        if not state.cuts or state.cuts[-1][0] < known.epoch:
            state = replace(state, cuts=(*state.cuts, (known.epoch, end)))
        state = replace(state, clean_end=min(state.clean_end, end))
    if segments and segments[-1].next_offset < state.start:
        # What was durable ends before the start that was asked for: the log goes on, empty, at its start.
        doomed += segments
        segments = [Segment(handles, where, Name(state.start, state.passes + 1), interval)]
        segments[0].create()
        state = replace(state, passes=state.passes + 1, clean_end=state.start)
    _sweep(handles, where, names, listed)  # not before all that is listed has been found sound
    state = state.with_segments(segments)
    if state != listed and (segments or "state" in names):
        unsaved = _save(handles, where, state, doomed)
    else:
        unsaved = None
    for segment in doomed if unsaved is None else ():
        segment.remove()
    snapshots = layout.snapshots(names)
    producers, transactions, replayed = _writers(handles, where, snapshots, segments, state.start, known.now)
    transactions.durable(known.end)
    transactions.forget(max(state.start, state.clean_end))
    return RecoveredLog(state, segments, producers, transactions, snapshots, replayed, cut_bytes, unsaved)


def _save(handles: Handles, where: str, state: State, doomed: list[Segment]) -> list[Segment] | None:
    """Writes the state; on a full disk gives back what may not go before it is written.

    Until then the next start finds what this one has found, and does the same.
    """
    try:
        handles.files.make_directory(where)
        layout.write_state(handles.files, where, state)
    except OSError as error:
        if error.errno not in PASSING:
            raise
        return doomed
    return None


def _ends(
    handles: Handles, segments: list[Segment], lengths: Mapping[Name, int], known: LogCheckpoint
) -> tuple[int, list[Segment]]:
    """Finds where the log ends; leaves in `segments` those that count.

    Returns:
        Bytes that were cut off, and the segments that lie behind the cut.
    """
    for number, segment in enumerate(segments):
        after = segments[number + 1].base if number + 1 < len(segments) else None
        if after is not None and (after <= known.end or not known.lost_power):
            segment.find_closed(lengths.get(segment.name), after)
            continue
        cut_bytes = _end(handles, segment, known, after is None)
        segment.check_begin()
        if after is not None and (cut_bytes or segment.next_offset < after):
            doomed = segments[number + 1 :]
            del segments[number + 1 :]
            return cut_bytes, doomed
        if after is None:
            return cut_bytes, []
    return 0, []


def _behind_point(segments: list[Segment], point: int) -> list[Segment]:
    """Cuts a log back to the recovery point; the segments that lie behind it."""
    doomed = []
    while len(segments) > 1 and segments[-1].base > point:
        doomed.append(segments.pop())
    if segments and segments[-1].next_offset > point:
        segments[-1].cut(max(point, segments[-1].base))
    return doomed
