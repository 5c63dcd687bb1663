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
        outputs: all counts in the output topic, those of a word in the order in which they were written.
        hidden: committed records of the output that a reader of uncommitted ones does not see.
        aborted: records of the output that only a reader of uncommitted ones sees.
        hanging: topics in which a transaction is still open.
        positions: of each partition of the input, how far it is committed, and its end.
    """

    acknowledged: list[str] = field(default_factory=list)
    input: list[str] = field(default_factory=list)
    counts: Mapping[str, int] = field(default_factory=dict)
    changelog: Mapping[str, int] = field(default_factory=dict)
    stored: Mapping[str, int] = field(default_factory=dict)
    updates: Sequence[tuple[str, int]] = ()
    outputs: Sequence[tuple[str, int]] = ()
    hidden: int = 0
    aborted: int = 0
    hanging: Sequence[str] = ()
    positions: Mapping[str, tuple[int, int]] = field(default_factory=dict)

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


def not_exactly_once(evidence: Evidence) -> list[str]:
    """All that is wrong under exactly-once, in words: nothing may be missing, come twice, or be seen early.

    Each update of a count is a record of its own (nothing is cached), so what a reader of committed records sees of a
    word is 1, 2, 3 and so on to the number of times that it came; and so is what the changelog says of it.
    """
    found = wrong(evidence, exactly=True)
    found += not_counted_up("the output", evidence.outputs, evidence.truth)
    found += not_counted_up("the changelog", evidence.updates, evidence.truth)
    if evidence.stored != evidence.truth:
        other = sorted(
            w for w in {**evidence.stored, **evidence.truth} if evidence.stored.get(w) != evidence.truth.get(w)
        )
        found.append(f"{len(other)} words stand otherwise in the databases than they came, as {other[:3]}")
    if evidence.hidden:
        found.append(f"{evidence.hidden} committed records are not seen by a reader of uncommitted ones")
    found += [f"{topic} ends in an open transaction" for topic in evidence.hanging]
    found += [
        f"{where} is committed up to {at}, and ends at {end}"
        for where, (at, end) in evidence.positions.items()
        if at != end
    ]
    return found


def not_counted_up(where: str, rows: Iterable[tuple[str, int]], truth: Mapping[str, int]) -> list[str]:
    """Words that are not counted 1, 2, 3 and so on to what they should be."""
    found: list[str] = []
    last: dict[str, int] = {}
    for word, count in rows:
        if count != last.get(word, 0) + 1:
            found.append(f"{word}: {count} comes after {last.get(word, 0)} in {where}")
        last[word] = count
    for word in sorted({*last, *truth}):
        if last.get(word, 0) != truth.get(word, 0):
            found.append(f"{word}: {where} ends at {last.get(word, 0)}, came {truth.get(word, 0)} times")
    return found


def not_copied(source: Mapping[int, Sequence[str]], copy: Mapping[int, Sequence[str]]) -> list[str]:
    """What is wrong with a copy of a topic, partition by partition: it has to be the same, in the same order."""
    found: list[str] = []
    for partition, rows in source.items():
        copied = copy.get(partition, ())
        if list(copied) == list(rows):
            continue
        missing, more = Counter(rows) - Counter(copied), Counter(copied) - Counter(rows)
        first = next(
            (at for at, (a, b) in enumerate(zip(rows, copied, strict=False)) if a != b), min(len(rows), len(copied))
        )
        found.append(
            f"partition {partition}: {missing.total()} of {len(rows)} lines are missing and {more.total()} too many; "
            f"the first difference is at {first}"
        )
    return found
