"""What the rows of a diff mean for who runs the application, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from streams.topology.tools.diff import Change, Diff, Fate, unnamed

_HOW_TO_NAME = {
    "suppress_buffer": 'Suppressed.…with_name("NAME")',
    "outer_join": 'StreamJoined.as_("NAME")',
    "window": 'StreamJoined.as_("NAME") for a join, Materialized.as_("NAME") for an aggregate',
    "repartition": 'Grouped.as_("NAME") before an aggregate, StreamJoined.as_("NAME") for a join',
}
_MATERIALIZED = 'Materialized.as_("NAME")'


def consequences(diff: Diff) -> tuple[str, ...]:
    """One sentence or a few for each row that needs some; the gravest first."""
    old_id, new_id = diff.application_ids
    if old_id != new_id:
        return (
            f"application.id changes from {old_id} to {new_id}: the new one is another application. It finds no state, "
            "no internal topics and no offsets, and starts where auto.offset.reset says. What the old one has stays "
            "behind until it is deleted.",
        )
    found = [*_stores(diff), *_topics(diff), *_offsets(diff), *_subs(diff)]
    if not found and not diff.harms():
        return ("Everything that is there is found again.",)
    return tuple(found)


def _of(rows: tuple[Change, ...], *fates: Fate) -> Iterator[Change]:
    return (row for row in rows if row.fate in fates)


def _stores(diff: Diff) -> Iterator[str]:
    for row in _of(diff.stores, Fate.MISTAKEN):
        yield (
            f"Store {row.new} {row.note}: the name was generated and means another operator now. Wrong results come "
            f"silently, unless the old state and changelog are deleted first. Name the store: {_how(row)}."
        )
    for row in _of(diff.stores, Fate.RENAMED):
        yield f"State of {row.old} is lost under the new name {row.new}: it starts empty." + _advice(row)
    for row in _of(diff.stores, Fate.CHANGED):
        yield f"Store {row.old} keeps its name, but {row.note}."
    for row in _of(diff.stores, Fate.ORPHANED):
        yield f"Store {row.old} is used no more. Its state and its changelog stay behind until they are deleted."
    for row in _of(diff.stores, Fate.KEPT):
        if row.note:
            yield f"Store {row.old} is kept: {row.note}."


def _advice(row: Change) -> str:
    if not unnamed(row):
        return f" Keep the name {row.old} to keep the state."
    return (
        f" Name the store, so that later changes leave it alone: {_how(row)}. To keep today's state, let that name be "
        f'the old one: Materialized.as_("{row.old}").'
        if row.kind not in _HOW_TO_NAME
        else f" Name the operator, so that later changes leave it alone: {_how(row)}."
    )


def _how(row: Change) -> str:
    return _HOW_TO_NAME.get(row.kind, _MATERIALIZED)


def _topics(diff: Diff) -> Iterator[str]:
    for row in _of(diff.topics, Fate.MISTAKEN):
        if row.kind == "repartition":
            yield f"Repartition topic {row.new} {row.note}: records of another operator are read. Name it: {_how(row)}."
    for row in _of(diff.topics, Fate.RENAMED):
        if row.kind == "repartition":
            yield (
                f"Records in {row.old} that are not processed yet are never read: the topic is called {row.new} now. "
                "Let the old version finish what is there before it stops."
                + (f" Name it: {_how(row)}." if unnamed(row) else "")
            )
    for row in _of(diff.topics, Fate.CHANGED):
        yield (
            f"Topic {row.old} is there and does not fit ({row.note}): the start is refused until it is deleted or the "
            "script asks for what is there."
        )
    for row in _of(diff.topics, Fate.KEPT):
        if row.note:
            yield f"Topic {row.old} keeps the settings it was made with ({row.note}): change them by hand."
    gone = [str(row.old) for row in _of(diff.topics, Fate.ORPHANED, Fate.RENAMED)]
    if gone:
        yield f"These topics stay behind, and can be deleted when nobody goes back: {', '.join(gone)}."


def _offsets(diff: Diff) -> Iterator[str]:
    for row in _of(diff.offsets, Fate.ORPHANED):
        if row.kind != "repartition":
            yield (
                f"{row.old} is read no more. Its committed offsets stay until the group's retention ends: who reads it "
                "again before that goes on there."
            )
    for row in _of(diff.offsets, Fate.NEW):
        if row.kind != "repartition":
            yield f"{row.new} is newly read, from where auto.offset.reset says."


def _subs(diff: Diff) -> Iterator[str]:
    shifted = [f"{row.old} → {row.new}" for row in _of(diff.subtopologies, Fate.RENAMED)]
    if shifted:
        yield (
            f"Sub-topologies get other numbers ({', '.join(shifted)}), and with them their tasks and task directories: "
            "state on disk is not found, and restored from the changelogs. Offsets are not touched."
        )
        for row in _of(diff.subtopologies, Fate.RENAMED):
            if "not logged" in row.note:
                yield f"State without a changelog is lost with the old task directories: {row.note.split(': ', 1)[1]}."
    if shifted or any(row.note for row in _of(diff.subtopologies, Fate.KEPT)):
        yield (
            "Old and new instances may run side by side, but no task of a differing sub-topology moves between them: "
            "stop the last old instance soon."
        )
