"""Random topologies: the same case in Java and here, and what is left of a difference when it has been reduced."""

from __future__ import annotations

import gzip
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.conformance.drive import Differs, differences
from tests.conformance.excused import excuse
from tests.conformance.generate.case import random_case
from tests.conformance.generate.coverage import Coverage
from tests.conformance.java import Recorder
from tests.conformance.on_runtime import Way, left_out, run_on_runtime
from tests.conformance.reduce import reduced
from tests.logs import quiet

Case = dict[str, Any]
Compare = Callable[[Mapping[str, Any]], list[Differs]]
TIMEOUT_S = 30


@dataclass
class Findings:
    """What a run found."""

    cases: int = 0
    errors: int = 0
    """Cases that Java refuses or that end in an error there."""
    unanswered: list[str] = field(default_factory=list)
    """Cases for which Java did not end in time."""
    excused: Counter[str] = field(default_factory=Counter)
    """Cases that differ only as the page says, by the row; one that two rows are about counts for both."""
    named: int = 0
    """Cases that differ only as the page says."""
    differing: dict[str, str] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def same(self) -> int:
        return self.cases - self.named - len(self.differing) - len(self.unanswered)

    def take(self, case: Mapping[str, Any], found: list[Differs]) -> Differs | None:
        """Counts a case; gives the first difference that no rule excuses."""
        names = [excuse(case, difference) for difference in found]
        left = [difference for difference, words in zip(found, names, strict=True) if words is None]
        if left:
            self.differing[case["name"]] = str(left[0])
            return left[0]
        self.named += bool(found)
        self.excused.update({words for words in names if words is not None})
        return None


class Hangs(Exception):
    """A case took longer than any should."""


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def on_driver(case: Mapping[str, Any]) -> list[Differs]:
    """All differences; an exception that is no answer of the product counts as one."""
    found: list[Differs] = []
    try:
        with deadline(TIMEOUT_S):
            found.extend(differences(case))
    except Exception as error:
        found.append(Differs(f"{type(error).__name__}", str(error)))
    return found


def on_runtime(case: Mapping[str, Any]) -> list[Differs]:
    if left_out(case, Way()):
        return []
    try:
        with deadline(TIMEOUT_S):
            run_on_runtime(case)
    except Differs as difference:
        return [difference]
    except Exception as error:
        return [Differs(f"{type(error).__name__}", str(error))]
    return []


def not_meant(case: Mapping[str, Any], found: list[Differs]) -> list[Differs]:
    """The differences that no rule excuses."""
    return [difference for difference in found if excuse(case, difference) is None]


def kind(case: Mapping[str, Any], difference: Differs) -> tuple[str, ...]:
    """Two differences of one kind may have one cause: the part, and for an error what was raised there."""
    chain = case["expect"].get("error", {}).get("chain", ())
    java = tuple(link["class"] for link in chain)
    if not difference.part.startswith("error"):
        return (difference.part, *java)
    ours = "got null" if "got null" in str(difference) else "got"
    return (difference.part, ours, *java)


def out_of_words(case: Mapping[str, Any]) -> bool:
    """Did the recorder itself refuse the case: is it no case of SPEC.md?"""
    chain = case["expect"].get("error", {}).get("chain", [{}])
    message = str(chain[0].get("message"))
    words = ("no step ", "unknown ", "nothing from ", "output topic not declared")
    return message.startswith(words) or chain[0].get("class") in ("NullPointerException", "ClassCastException")


def smallest(case: Case, difference: Differs, recorder: Recorder, compare: Compare) -> Case:
    """The reduced case with Java's answers."""
    wanted = kind(case, difference)

    def same_kind(candidate: Case) -> bool:
        answered = recorder.answer(candidate)
        if not answered["expect"] or out_of_words(answered):
            return False
        return any(kind(answered, one) == wanted for one in not_meant(answered, compare(answered)))

    return recorder.answer(reduced(case, same_kind))


def write(case: Case, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{case['name']}.json.gz"
    path.write_bytes(gzip.compress(json.dumps(case, ensure_ascii=False).encode(), mtime=0))
    return path


def run_random(
    numbers: range, seed: int, directory: Path | None, compare: Compare, say: Callable[[str], None]
) -> Findings:
    """Runs the cases of these numbers; with a `directory`, reduces what differs and writes it there."""
    findings = Findings()
    with quiet(), Recorder() as recorder:
        differing: list[tuple[Case, Differs]] = []
        for case in recorder.answers(random_case(seed, number) for number in numbers):
            findings.cases += 1
            if not case["expect"]:
                findings.unanswered.append(case["name"])
                continue
            findings.errors += case["kind"] == "error"
            findings.coverage.count(case)
            difference = findings.take(case, compare(case))
            if difference is not None:
                say(f"DIFFERS {case['name']}: {difference}")
                differing.append((case, difference))
        for case, difference in differing if directory is not None else ():
            small = smallest(case, difference, recorder, compare)
            assert directory is not None
            steps, events = len(small["spec"]["steps"]), len(small["events"])
            path = write(small, directory)
            say(f"reduced to {steps} steps, {events} events: {path}")
    return findings
