"""What a change of a script does to what an application has on disk and in its log.

Everything that outlives a run is found again by its name: stores, changelogs and repartition topics by theirs, task
directories by the number of their sub-topology, offsets by their topic. `diff` says of each name of the old topology
whether the new one still means the same by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from streams.names import CHANGELOG_SUFFIX
from streams.topology.tools.matching import Shapes, is_generated, matched
from streams.topology.tools.outline import NodeOutline, Outline, StoreOutline, SubOutline, TopicOutline


class Fate(Enum):
    """What becomes of a name."""

    KEPT = "kept"
    RENAMED = "renamed"
    """The same thing under another name: what lies under the old one is not found."""
    ORPHANED = "orphaned"
    """Nothing means it any more; it stays behind."""
    NEW = "new"
    CHANGED = "changed"
    """The same name, but what lies under it no longer fits."""
    MISTAKEN = "mistaken"
    """The name means another thing now, which finds what is not its own."""


class Change(NamedTuple):
    """One row: `old` and `new` are names (None where there is none), `note` says what differs."""

    fate: Fate
    old: str | None
    new: str | None
    kind: str = ""
    note: str = ""


class Diff(NamedTuple):
    """All rows, by what they are about."""

    application_ids: tuple[str, str]
    subtopologies: tuple[Change, ...]
    stores: tuple[Change, ...]
    topics: tuple[Change, ...]
    offsets: tuple[Change, ...]

    def harms(self) -> bool:
        """Is anything that is there not found again?"""
        rows = (*self.subtopologies, *self.stores, *self.topics, *self.offsets)
        return any(row.fate not in (Fate.KEPT, Fate.NEW) for row in rows)


def diff(old: Outline, new: Outline) -> Diff:
    """Compares two versions of one application."""
    ids = (old.application_id, new.application_id)
    if ids[0] != ids[1]:
        return Diff(ids, *(_all(side(old), side(new)) for side in (_sub_names, _stores_of, _topics_of, _read)))
    shapes = Shapes(old), Shapes(new)
    olds, news = _stores(old), _stores(new)
    stores = matched(
        {name: shapes[0].store(name, store.kind) for name, store in olds.items()},
        {name: shapes[1].store(name, store.kind) for name, store in news.items()},
    )
    repartitions = matched(
        {name: shapes[0].topic(name) for name in _repartitions(old)},
        {name: shapes[1].topic(name) for name in _repartitions(new)},
    )
    subs = _matched_subs(old, new, {**stores, **repartitions})
    return Diff(
        ids,
        tuple(_sub_changes(old, new, subs)),
        tuple(_store_changes(olds, news, stores)),
        tuple(_topic_changes(old, new, stores, repartitions)),
        tuple(_offset_changes(old, new, repartitions)),
    )


def _all(old: dict[str, str], new: dict[str, str]) -> tuple[Change, ...]:
    """Under another application id nothing is found."""
    gone = [Change(Fate.ORPHANED, name, None, kind) for name, kind in old.items()]
    return (*gone, *(Change(Fate.NEW, None, name, kind) for name, kind in new.items()))


def _sub_names(outline: Outline) -> dict[str, str]:
    return {str(sub.id): _sources(sub) for sub in outline.subtopologies}


def _stores(outline: Outline) -> dict[str, StoreOutline]:
    own = {store.name: store for sub in outline.subtopologies for store in sub.stores}
    return own | {part.store.name: part.store for part in outline.global_stores}


def _stores_of(outline: Outline) -> dict[str, str]:
    return {name: store.kind for name, store in _stores(outline).items()}


def _topics(outline: Outline) -> dict[str, TopicOutline]:
    return {topic.name: topic for sub in outline.subtopologies for topic in sub.topics}


def _topics_of(outline: Outline) -> dict[str, str]:
    return {name: topic.kind for name, topic in _topics(outline).items()}


def _repartitions(outline: Outline) -> dict[str, TopicOutline]:
    return {name: topic for name, topic in _topics(outline).items() if topic.kind == "repartition"}


def _read(outline: Outline) -> dict[str, str]:
    """Topics (and patterns) with committed offsets."""
    internal = outline.internal()
    return {
        topic: "repartition" if topic in internal else "pattern" if node.chosen else "source"
        for sub in outline.subtopologies
        for node in sub.nodes
        if node.kind == "source"
        for topic in ((*node.topics, node.chosen) if node.chosen else node.topics)
    }


def _store_changes(
    olds: dict[str, StoreOutline], news: dict[str, StoreOutline], pairs: dict[str, str]
) -> Iterator[Change]:
    for name, store in olds.items():
        other = pairs.get(name)
        if other is None:
            note = "another store has the name now" if name in news else ""
            yield Change(Fate.ORPHANED, name, None, store.kind, note)
        elif other == name:
            fate, note = _store_note(store, news[name])
            yield Change(fate, name, name, store.kind, note)
        else:
            yield _moved(name, other, store.kind, other in olds)
    for name in [name for name in news if name not in pairs.values()]:
        yield _fresh(name, news[name].kind, name in olds)


def _moved(old: str, new: str, kind: str, taken: bool) -> Change:
    note = f"finds what the former {new} left" if taken else ""
    return Change(Fate.MISTAKEN if taken else Fate.RENAMED, old, new, kind, note)


def _fresh(name: str, kind: str, taken: bool) -> Change:
    note = f"finds what the former {name} left" if taken else ""
    return Change(Fate.MISTAKEN if taken else Fate.NEW, None, name, kind, note)


def _store_note(old: StoreOutline, new: StoreOutline) -> tuple[Fate, str]:
    if old.kind != new.kind:
        words = f"was {old.kind}, becomes {new.kind}, whose keys and values are laid out otherwise: give it a new name"
        return Fate.CHANGED, words
    if old.window_ms != new.window_ms:
        words = f"its windows were {old.window_ms} ms long, and are {new.window_ms} ms: give it a new name"
        return Fate.CHANGED, words
    if old.changelog != new.changelog and new.changelog == new.name + CHANGELOG_SUFFIX:
        return Fate.CHANGED, "its changelog begins empty, and so does its state"
    notes = []
    if old.changelog != new.changelog:
        if new.changelog is None:
            notes.append("logged no more: the state on disk is all there is")
        else:
            notes.append(f"restored from its source topic {new.changelog} from now on")
    if old.persistent != new.persistent:
        notes.append("from now on in memory" if old.persistent else "from now on on disk")
    if old.retention_ms != new.retention_ms:
        notes.append(f"kept for {new.retention_ms} ms instead of {old.retention_ms} ms")
    return Fate.KEPT, "; ".join(notes)


def _topic_changes(
    old: Outline, new: Outline, stores: dict[str, str], repartitions: dict[str, str]
) -> Iterator[Change]:
    olds, news = _topics(old), _topics(new)
    pairs = dict(repartitions)
    old_stores, new_stores = _stores(old), _stores(new)
    for name, other in stores.items():
        log, next_log = old_stores[name].changelog, new_stores[other].changelog
        if log in olds and next_log in news:
            pairs[log] = next_log
    for name, topic in olds.items():
        other_name = pairs.get(name)
        if other_name is None:
            yield Change(
                Fate.ORPHANED, name, None, topic.kind, "another topic has the name now" if name in news else ""
            )
        elif other_name == name:
            yield _same_topic(topic, news[name])
        else:
            yield _moved(name, other_name, topic.kind, other_name in olds)
    for name in [name for name in news if name not in pairs.values()]:
        yield _fresh(name, news[name].kind, name in olds)


def _same_topic(old: TopicOutline, new: TopicOutline) -> Change:
    if old.kind != new.kind:
        return Change(Fate.CHANGED, old.name, new.name, new.kind, f"was a {old.kind}, becomes a {new.kind}")
    if old.partitions != new.partitions:
        counts = [
            str(count) if count is not None else "as many as its sources" for count in (old.partitions, new.partitions)
        ]
        return Change(Fate.CHANGED, old.name, new.name, new.kind, f"partitions: {counts[0]} → {counts[1]}")
    before, after = dict(old.config), dict(new.config)
    differing = [name for name in sorted(before | after) if before.get(name) != after.get(name)]
    notes = [f"{name}: {before.get(name, 'not set')} → {after.get(name, 'not set')}" for name in differing]
    return Change(Fate.KEPT, old.name, new.name, new.kind, "; ".join(notes))


def _offset_changes(old: Outline, new: Outline, repartitions: dict[str, str]) -> Iterator[Change]:
    olds, news = _read(old), _read(new)
    for name, kind in olds.items():
        other = repartitions.get(name) if kind == "repartition" else name if name in news else None
        if other is None:
            yield Change(Fate.ORPHANED, name, None, kind)
        elif other == name:
            yield Change(Fate.KEPT, name, name, kind)
        else:
            yield _moved(name, other, kind, other in olds)
    for name, kind in news.items():
        if name not in olds and name not in repartitions.values():
            yield Change(Fate.NEW, None, name, kind)


def _matched_subs(old: Outline, new: Outline, names: dict[str, str]) -> dict[int, int]:
    """Sub-topologies that do the same work: those that share most of their stores and sources are paired first."""
    scores = []
    for one in old.subtopologies:
        mine = {names.get(name, name) for name in _holds(one)}
        for other in new.subtopologies:
            theirs = _holds(other)
            shared = len(mine & theirs)
            if shared:
                scores.append((-shared / len(mine | theirs), abs(one.id - other.id), one.id, other.id))
    pairs: dict[int, int] = {}
    for _, _, one_id, other_id in sorted(scores):
        if one_id not in pairs and other_id not in pairs.values():
            pairs[one_id] = other_id
    return pairs


def _holds(sub: SubOutline) -> set[str]:
    return {store.name for store in sub.stores} | {topic for node in sub.nodes for topic in _reads(node)}


def _reads(node: NodeOutline) -> tuple[str, ...]:
    if node.kind != "source":
        return ()
    return (*node.topics, *((node.chosen,) if node.chosen else ()))


def _sources(sub: SubOutline) -> str:
    return ", ".join(topic for node in sub.nodes for topic in _reads(node))


def _sub_changes(old: Outline, new: Outline, pairs: dict[int, int]) -> Iterator[Change]:
    news = {sub.id: sub for sub in new.subtopologies}
    for sub in old.subtopologies:
        other = pairs.get(sub.id)
        if other is None:
            yield Change(Fate.ORPHANED, str(sub.id), None, _sources(sub))
        elif other == sub.id:
            note = "" if news[other].fingerprint == sub.fingerprint else "its nodes, topics or stores differ"
            yield Change(Fate.KEPT, str(sub.id), str(other), _sources(news[other]), note)
        else:
            unlogged = [store.name for store in sub.stores if store.changelog is None]
            note = f"tasks {sub.id}_* become {other}_*" + (f"; not logged: {', '.join(unlogged)}" if unlogged else "")
            yield Change(Fate.RENAMED, str(sub.id), str(other), _sources(news[other]), note)
    for id, sub in news.items():
        if id not in pairs.values():
            yield Change(Fate.NEW, None, str(id), _sources(sub))


def unnamed(change: Change) -> bool:
    """Is it a name that would have stayed if the user had given one?"""
    return any(name is not None and is_generated(name) is not None for name in (change.old, change.new))
