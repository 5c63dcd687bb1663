"""The checker of histories knows each anomaly by its name, and finds nothing where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.record import TopicPartition
from tests.simulation.history import ASKED, COMMITTED, OPEN, Committed, End, History, Shown, Transaction, check, copied
from tests.simulation.logs import Record

ONE, TWO = TopicPartition("t", 0), TopicPartition("t", 1)
GROUP = "readers"


def _world() -> tuple[History, End]:
    """Two committed transactions over both partitions, one aborted, all read and copied."""
    history = History()
    for state in (COMMITTED, COMMITTED, OPEN):
        one = Transaction(state, ended_ms=100.0)
        for partition in (ONE, TWO):
            history.send(one, "w", partition)
    values = [send.value for send in history.sends]
    committed = {ONE: _log(values[0], values[2]), TWO: _log(values[1], values[3])}
    copies = {TopicPartition("copy", each.partition): records for each, records in committed.items()}
    everything = {ONE: _log(values[0], values[2], values[4]), TWO: _log(values[1], values[3], values[5])}
    for partition, records in committed.items():
        for record in records:
            history.shown.append(_shown(partition, record.offset, record.value or b""))
    history.commits.append(Committed(GROUP, ONE, 2, 100.0))
    return history, End({**committed, **copies}, everything, {GROUP: {ONE: 2, TWO: 2}}, ())


def _log(*values: bytes) -> list[Record]:
    return [Record(offset, None, value, 0) for offset, value in enumerate(values)]


def _shown(partition: TopicPartition, offset: int, value: bytes, reader: str = "reader-0", only: bool = True) -> Shown:
    return Shown(reader, 1, only, partition, offset, value, 100.0)


def _problems(history: History, end: End) -> list[str]:
    return [*check(history, end, "reader"), *copied(end, "t", "copy")]


def _with(end: End, partition: TopicPartition, *values: bytes) -> End:
    """Another content of one partition, for readers of committed records."""
    return replace(end, committed={**end.committed, partition: _log(*values)})


def test_what_fits_together_is_right() -> None:
    assert _problems(*_world()) == []


def test_what_nobody_was_told_may_be_either_way() -> None:
    history, end = _world()
    unknown = Transaction(ASKED)
    history.send(unknown, "w", ONE)
    assert _problems(history, end) == []


@pytest.mark.parametrize(
    ("name", "partition", "values"),
    [
        ("lost", ONE, (b"w:0",)),
        ("torn", ONE, (b"w:0",)),
        ("doubled", ONE, (b"w:0", b"w:2", b"w:2")),
        ("out of order", ONE, (b"w:2", b"w:0")),
        ("aborted read", ONE, (b"w:0", b"w:2", b"w:4")),
        ("elsewhere", ONE, (b"w:0", b"w:2", b"w:3")),
        ("dirty read", ONE, (b"w:0",)),
        ("other value", ONE, (b"w:2", b"w:0")),
        ("not delivered", ONE, (b"w:0", b"w:2", b"w:9")),
        ("not copied", TopicPartition("copy", 0), (b"w:0", b"w:2", b"w:2")),
        ("not copied", TopicPartition("copy", 0), (b"w:0",)),
    ],
)
def test_what_a_log_has_that_it_should_not(name: str, partition: TopicPartition, values: tuple[bytes, ...]) -> None:
    history, end = _world()
    assert any(each.startswith(name) for each in _problems(history, _with(end, partition, *values)))


@pytest.mark.parametrize(
    ("name", "offsets"), [("again", (0, 1, 0)), ("again", (0, 1, 1)), ("skipped", (0, 2)), ("skipped", (-1, 1))]
)
def test_how_a_reader_may_not_go(name: str, offsets: tuple[int, ...]) -> None:
    history, end = _world()
    end = _with(end, ONE, b"w:0", b"w:2", b"x")
    for offset in offsets:
        value = (b"w:0", b"w:2", b"x")[offset] if offset >= 0 else b""
        history.shown.append(_shown(ONE, offset, value, reader="watcher"))
    assert any(each.startswith(name) for each in _problems(history, end))


def test_a_position_that_went_back_is_stale() -> None:
    history, end = _world()
    back = replace(end, positions={GROUP: {ONE: 1, TWO: 2}})
    assert any(each.startswith("stale offset") for each in _problems(history, back))


def test_who_begins_before_a_position_that_was_acknowledged_has_a_stale_one() -> None:
    history, end = _world()
    late = replace(_shown(ONE, 0, b"w:0", reader="reader-1"), at_ms=200.0)
    history.shown.append(late)
    assert any("begins at 0" in each for each in _problems(history, end))


def test_a_power_cut_may_take_what_was_acknowledged_just_before_it_and_never_half() -> None:
    history, end = _world()
    forgiven = replace(end, may_be_lost=((50.0, 150.0),))
    both = _with(_with(forgiven, ONE, b"w:0"), TWO, b"w:1")
    assert not any(each.startswith(("lost", "torn", "dirty")) for each in _problems(history, both))
    assert any(each.startswith("torn") for each in _problems(history, _with(forgiven, ONE, b"w:0")))
