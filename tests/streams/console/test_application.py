"""All instances as one document: rates from totals, owners when two claim a task, who does not answer, rebalances."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from streams.console.answer import Answer, NodeAnswer, RebalanceAnswer, TaskAnswer, read_answer
from streams.console.application import Application, Group, rounded
from streams.console.document import Document, NodeShown, RebalanceShown, TaskShown, TopicShown, plain
from streams.topology.node import TaskId

ONE, TWO = "127.0.0.1:8081", "127.0.0.1:8082"
GROUP = Group({TaskId(0, 0): ONE, TaskId(0, 1): TWO}, {0: 3})


def answer(process: str, looked_ms: float, tasks: dict[str, TaskAnswer] | None = None, **more: Any) -> Answer:
    counts = [sum(task.read.values()) for task in (tasks or {}).values()]
    told: dict[str, Any] = {"state": "RUNNING", "generation": 1, "processed": sum(counts), **more}
    return Answer(process=process, looked_ms=looked_ms, tasks=tasks or {}, **told)


def task(read: int, running: bool = True, **more: Any) -> TaskAnswer:
    told: dict[str, Any] = {"read": {"clicks": read}, "lag": {"clicks": 7}, "lag_s": {"clicks": 1.25}, **more}
    return TaskAnswer(running=running, **told)


def test_totals_of_two_looks_become_rates() -> None:
    app = Application("orders", ONE)
    first = app.document({ONE: answer("p", 1_000, {"0_0": task(100)}), TWO: None}, GROUP, 1)
    assert first.tasks["0_0"].rate is UNSET and first.totals.rate is UNSET  # one look tells none
    app.document({ONE: answer("p", 2_000, {"0_0": task(300)}), TWO: answer("q", 50, {"0_1": task(0)})}, GROUP, 2)
    said: dict[str, Answer | None] = {
        ONE: answer("p", 3_000, {"0_0": task(500)}),
        TWO: answer("q", 1_050, {"0_1": task(50)}),
    }
    found = app.document(said, GROUP, 3)
    assert (found.tasks["0_0"].rate, found.tasks["0_1"].rate, found.totals.rate) == (200, 50, 250)
    assert found.topics == {"clicks": TopicShown(read=250, lag=14, lag_s=1.2)}
    assert (found.totals.processed, found.totals.lag, found.totals.lag_s) == (550, 14, 1.2)
    assert found.tasks["0_2"] == TaskShown("", "NOBODY")


def test_a_rate_is_of_the_last_seconds() -> None:
    app = Application("orders", ONE)
    for second, read in enumerate((0, 9_000, 9_010, 9_020, 9_030, 9_040, 9_050, 9_060)):
        found = app.document({ONE: answer("p", second * 1_000, {"0_0": task(read)})}, GROUP, second)
    assert found.tasks["0_0"].rate == 10
    later = answer("p", 3_600_000, {"0_0": task(900_000)})  # nobody has looked for an hour
    again = app.document({ONE: later}, GROUP, 9)
    assert again.tasks["0_0"].rate is UNSET


@pytest.mark.parametrize("process", ["another", "p"])
def test_who_counts_from_nought_again_has_no_rate_below_it(process: str) -> None:
    app = Application("orders", ONE)
    app.document({ONE: answer("p", 1_000, {"0_0": task(5_000)})}, GROUP, 1)
    app.document({ONE: answer(process, 2_000, {"0_0": task(10)})}, GROUP, 2)
    found = app.document({ONE: answer(process, 3_000, {"0_0": task(110)})}, GROUP, 3)
    assert found.tasks["0_0"].rate == 100


def test_who_does_not_answer_is_shown_with_what_was_known() -> None:
    app = Application("orders", ONE)
    here, there = answer("p", 0, {"0_0": task(1)}), answer("q", 0, {"0_1": task(9)})
    app.document({ONE: here, TWO: there}, GROUP, 1_000)
    late = app.document({ONE: here, TWO: None}, GROUP, 2_000)
    assert late.instances[TWO].answers and late.tasks["0_1"].state == "RUNNING"  # it may be busy
    found = app.document({ONE: here, TWO: None}, GROUP, 3_000)
    gone = found.instances[TWO]
    assert (gone.answers, gone.seen_ms, gone.processed) == (False, 1_000, 9)
    assert gone.reasons == ["It does not answer."]
    assert found.tasks["0_1"] == TaskShown(TWO, "UNKNOWN")
    left = app.document({ONE: here}, Group({TaskId(0, 0): ONE}, {0: 3}), 4_000)
    assert left.instances[TWO].reasons == ["It has left its group."] and left.tasks["0_1"].state == "NOBODY"
    after = app.document({ONE: here}, Group({TaskId(0, 0): ONE}, {0: 3}), 12_000)
    assert list(after.instances) == [ONE]


def test_of_two_who_claim_a_task_the_later_generation_is_believed() -> None:
    app = Application("orders", ONE)
    old, new = answer("p", 0, {"0_0": task(1)}, generation=4), answer("q", 0, {"0_0": task(1)}, generation=3)
    assert app.document({ONE: old, TWO: new}, GROUP, 1).tasks["0_0"].at == ONE


def test_a_restore_has_a_time_left() -> None:
    app = Application("orders", ONE)
    for looked_ms, done in ((0, 0), (1_000, 200)):
        restoring = task(0, running=False, restores={"counts": (done, 1_000)})
        found = app.document({ONE: answer("p", looked_ms, {"0_0": restoring})}, GROUP, 1)
    shown = found.tasks["0_0"]
    assert (shown.state, shown.restored, shown.to_restore, shown.left_s) == ("RESTORING", 200, 1_000, 4.0)
    assert (found.totals.restored, found.totals.to_restore, found.totals.left_s) == (200, 1_000, 4.0)


def test_drops_of_a_node_are_added_up_by_cause() -> None:
    app = Application("orders", ONE)
    said: dict[str, Answer | None] = {
        ONE: answer("p", 0, nodes={"map": NodeAnswer({"late": 2, "null-key": 1}, 0.5)}),
        TWO: answer("q", 0, nodes={"map": NodeAnswer({"late": 3}), "sink": NodeAnswer({}, 0.25)}),
    }
    found = app.document(said, GROUP, 1)
    assert found.nodes == {"map": NodeShown({"late": 5, "null-key": 1}, 0.5), "sink": NodeShown(fresh_s=0.2)}


def rebalance(cause: str, **more: Any) -> RebalanceAnswer:
    told: dict[str, Any] = {"at_ms": 5, "worker": "w", "generation": 7, "new": 1, "took_ms": 10.0, **more}
    return RebalanceAnswer(cause=cause, **told)


def test_a_rebalance_is_one_row_with_the_cause_of_who_knows_it() -> None:
    app = Application("orders", ONE)
    leader = rebalance("member-left", detail="worker-3", new=2, took_ms=30.5, at_ms=9)
    said: dict[str, Answer | None] = {
        ONE: answer("p", 0, rebalances=[rebalance("group")]),
        TWO: answer("q", 0, rebalances=[leader]),
    }
    found, again = app.document(said, GROUP, 1), app.document(said, GROUP, 2)
    row = RebalanceShown(at_ms=9, cause="member-left", detail="worker-3", moved=3, took_ms=30.5, workers=2)
    assert found.rebalances == again.rebalances == {"7": row}


def test_an_answer_says_what_it_says_through_json() -> None:
    said = answer("p", 5, {"0_0": task(3, restores={"counts": (1, 2)})}, nodes={"map": NodeAnswer({"late": 1}, 0.5)})
    assert read_answer(msgspec.json.encode(said)) == said


@pytest.mark.parametrize("body", [b"", b"[]", b'{"tasks": [1]}', b'{"processed": "x"}', b"\xff", b'{"a":' * 100_000])
def test_what_is_no_answer_is_none(body: bytes) -> None:
    assert read_answer(body) is None


def test_an_older_and_a_newer_version_can_be_read() -> None:
    assert read_answer(b"{}") == Answer()
    assert read_answer(b'{"tasks": {"0_0": {"running": true, "mood": "good"}}, "mood": {}}') == Answer(
        tasks={"0_0": TaskAnswer(running=True)}
    )


def empty(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def test_no_document_says_null_or_a_figure_that_is_none() -> None:
    def leaves(value: Any) -> list[Any]:
        return [leaf for each in value.values() for leaf in leaves(each)] if isinstance(value, dict) else [value]

    app = Application("orders", ONE)
    states: list[dict[str, Answer | None]] = [
        {},
        {ONE: None},
        {ONE: Answer(), TWO: None},
        {ONE: answer("p", 0, {"0_0": TaskAnswer()}), TWO: answer("q", 0, {"0_1": task(0, restores={"s": (0, 0)})})},
        {ONE: answer("p", 0, {"0_0": task(0, running=False, restores={"s": (0, 0)})})},
    ]
    for now, said in enumerate(states * 2):
        found: Document = app.document(said, GROUP, now)
        assert not [leaf for leaf in leaves(plain(found)) if empty(leaf) or leaf in (-1, float("inf"))]


def test_three_figures_are_kept() -> None:
    assert [rounded(each) for each in (0, 0.012345, 1.2345, 123.45, 123_456)] == [0, 0.0123, 1.23, 123, 123_000]
