"""Random histories of two transactional producers over a broker that is killed, loses power, or loses its producers:
what readers and groups see is what an obviously right model says. Any step may be cut short at any call to the disk,
and so may the start after that; its producer then asks again, as its client does."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker_local.base.mem_files import Killed, MemFiles, Plan
from broker_local.protocol.requests.topics import NewTopic, TopicCreate
from tests.broker_local.broker.test_transactions import Writer, committed, offsets_of, settings_of, settle
from tests.broker_local.engines import Desk

NAMES = ("a", "b")


@dataclass
class Model:
    """What was written, in order; of which transaction; how those ended; and what the group would stand at."""

    written: dict[int, list[tuple[bytes, tuple[int, int]]]] = field(default_factory=lambda: {0: [], 1: []})
    pending: dict[tuple[int, int], dict[tuple[str, int], int]] = field(default_factory=dict)
    ended: dict[tuple[int, int], bool] = field(default_factory=dict)
    positions: dict[tuple[str, int], int] = field(default_factory=dict)

    def end(self, transaction: tuple[int, int], commit: bool) -> None:
        if transaction not in self.ended:
            self.ended[transaction] = commit
            if commit:
                self.positions.update(self.pending.get(transaction, {}))

    def committed(self, number: int) -> list[bytes]:
        found = []
        for value, transaction in self.written[number]:
            if transaction not in self.ended:
                break
            if self.ended[transaction]:
                found.append(value)
        return found


class Death(NamedTuple):
    """The broker dies at a call to its disk (below 1: it does not), and again at one of the start after that; under
    `durable` the power goes, and `kept` of what was not synced is there all the same."""

    call: int
    next_call: int
    kept: float


class History:
    """A broker, two producers, and the model beside them."""

    def __init__(self, durability: str) -> None:
        self.durability = durability
        self.desk = Desk(MemFiles(power=True), settings_of(durability))
        self.desk.send(TopicCreate((NewTopic("out", 2, {}),)))
        settle(self.desk)
        self.model = Model()
        self.peers = 0
        self.unheard: set[str] = set()  # since the broker has started; their transactions end at `patience`
        self.patience = 0
        self.writers = {name: self.started(name) for name in NAMES}
        self.safe = Model()
        self.sync()

    def started(self, name: str) -> Writer:
        self.peers += 1
        return Writer(self.desk, name=name, peer=self.peers, timeout=900_000).init()

    def sync(self) -> None:
        """From here on a power cut finds this; `durable` is so after every answer."""
        if self.durability == "process":
            self.desk.time(1_000)
            self.desk.sync()
        self.safe = deepcopy(self.model)

    def step(self, number: int, what: str, name: str, partition: int, death: Death) -> None:
        """A step, and what comes after its `death`, if there is one."""
        self.desk.files.plan = Plan(death.call, "kill") if death.call > 0 else None
        try:
            self._step(number, what, name, partition)
        except Killed:
            files = self.desk.files
            left = files.after_kill() if self.durability == "process" else files.after_power_cut(death.kept)
            left.plan = Plan(death.next_call, "kill") if death.next_call > 0 else None
            try:
                self.restart(left)
            except Killed:
                self.restart(left.after_kill())
            self.desk.files.plan = None
            self._step(number, what, name, partition)
        self.desk.files.plan = None

    def _step(self, number: int, what: str, name: str, partition: int) -> None:
        writer, model = self.writers[name], self.model
        if what in ("write", "offsets", "commit", "abort", "new", "gone"):
            self.unheard.discard(name)
        match what:
            case "write":
                value = b"%d" % number
                assert writer.write("out", partition, value).error == 0
                model.written[partition].append((value, writer.identity))
            case "offsets":
                assert writer.offsets("g", (name, partition, number)) == [0]
                model.pending.setdefault(writer.identity, {})[name, partition] = number
            case "commit" | "abort":
                ended = writer.identity
                writer.end(what == "commit")
                model.end(ended, what == "commit")
            case "new":
                model.end(writer.identity, False)
                self.writers[name] = self.started(name)
            case "gone":
                self.desk.gone(writer.peer)
                self.desk.time(200)
                settle(self.desk)
                model.end(writer.identity, False)
                self.writers[name] = self.started(name)
            case "kill":
                self.restart(self.desk.files.after_kill())
            case "power":
                if self.durability == "process":
                    self.model = deepcopy(self.safe)
                self.restart(self.desk.files.after_power_cut(0.5))
                for each in NAMES:  # whoever was on this machine is gone as well
                    self.writers[each] = self.started(each)
                for places in self.model.written.values():
                    for _, transaction in places:
                        self.model.end(transaction, False)
                self.sync()
            case _:
                self.sync()
        if self.desk.at.now >= self.patience:
            for each in self.unheard:
                self.model.end(self.writers[each].identity, False)
                self.writers[each] = self.started(each)
            self.unheard = set()

    def restart(self, files: MemFiles) -> None:
        self.desk = Desk(files, self.desk.settings, self.desk.clock)
        settle(self.desk)
        for writer in self.writers.values():
            writer.desk = self.desk
        self.unheard, self.patience = set(NAMES), self.desk.at.now + 10_000

    def check(self) -> None:
        for number in (0, 1):
            assert committed(self.desk, "out", number) == self.model.committed(number)
        assert offsets_of(self.desk, "g") == self.model.positions


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("write", "write", "write", "offsets", "commit", "commit", "abort", "new", "gone", "kill", "power", "sync")
        ),
        st.sampled_from(NAMES),
        st.integers(0, 1),
        st.builds(Death, st.integers(-14, 14), st.integers(-8, 8), st.sampled_from((0.0, 0.5, 1.0))),
    ),
    max_size=25,
)


@pytest.mark.parametrize("durability", ["process", "durable"])
@given(STEPS)
@settings(max_examples=40, deadline=None)
def test_any_history_is_as_the_model_says(durability: str, steps: list[tuple[str, str, int, Death]]) -> None:
    history = History(durability)
    for number, (what, name, partition, death) in enumerate(steps):
        history.step(number, what, name, partition, death)
        history.check()
