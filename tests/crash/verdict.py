"""What a word count that was killed again and again must still be right about. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Evidence:
    """What is known when all has come to rest.

    Args:
        acknowledged: lines whose producer was told that they are stored.
        input: lines that are in the input topic.
        counts: the last count of every word in the output topic.
        changelog: the last row of every word in the changelog.
        stored: the rows in the databases.
        updates: all rows of the changelog, those of a word in the order in which they were written.
    """

    acknowledged: list[str] = field(default_factory=list)
    input: list[str] = field(default_factory=list)
    counts: Mapping[str, int] = field(default_factory=dict)
    changelog: Mapping[str, int] = field(default_factory=dict)
    stored: Mapping[str, int] = field(default_factory=dict)
    updates: Sequence[tuple[str, int]] = ()

    @property
    def truth(self) -> Counter[str]:
        """How often each word has come, counted with a dict."""
        return words_of(self.input)


def words_of(lines: Iterable[str]) -> Counter[str]:
    return Counter(word for line in lines for word in line.split())


def wrong(evidence: Evidence, exactly: bool = False) -> list[str]:
    """All that is wrong, in words; nothing where at-least-once was kept.

    Args:
        exactly: nothing was killed, so every count must be the true one.
    """
    found: list[str] = []
    lost = Counter(evidence.acknowledged) - Counter(evidence.input)
    if lost:
        found.append(f"{lost.total()} acknowledged lines are not in the input, as {next(iter(lost))!r}")
    twice = Counter(evidence.input) - Counter(evidence.acknowledged)
    if twice:
        found.append(f"{twice.total()} lines are stored more often than acknowledged, as {next(iter(twice))!r}")
    for word, count in sorted(evidence.truth.items()):
        told = evidence.counts.get(word, 0)
        if told < count or (exactly and told != count):
            found.append(f"{word}: counted {told} times, came {count} times")
        if evidence.changelog.get(word, 0) < count:
            found.append(f"{word}: {evidence.changelog.get(word, 0)} in the changelog, came {count} times")
    found += lost_updates(evidence.updates)
    if evidence.stored != evidence.changelog:
        other = sorted(w for w in {**evidence.stored, **evidence.changelog} if differ(evidence, w))
        found.append(f"the databases are not the fold of the changelog: {len(other)} words differ, as {other[:3]}")
    return found


def lost_updates(updates: Iterable[tuple[str, int]]) -> list[str]:
    """Counts that a later row of the changelog takes back.

    Whoever takes a task over reads its changelog to the end before it counts on, and counts only go up. So each word's
    rows never go down, whoever was killed or frozen between them; where they do, someone wrote who had not read them.
    """
    found: list[str] = []
    highest: dict[str, int] = {}
    for word, count in updates:
        if count < highest.get(word, 0):
            found.append(f"{word}: goes back from {highest[word]} to {count} in the changelog")
        highest[word] = max(count, highest.get(word, 0))
    return found


def differ(evidence: Evidence, word: str) -> bool:
    return evidence.stored.get(word) != evidence.changelog.get(word)
