"""What a worker tells of itself: at most 1 kB, and whatever comes back is understood or passed over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.clients.status import LONGEST, MemberStatus, dropped_of, read_status, write_status

COUNTS = st.dictionaries(st.text(max_size=30), st.integers(0, 2**62), max_size=60)


@given(st.text(max_size=60), st.text(max_size=60), st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2**40)))
def test_a_small_status_comes_back_as_it_was(process: str, state: str, dropped: dict[str, int]) -> None:
    status = MemberStatus(process, state, dropped, 3, 7, "the disk is full")
    assert len(write_status(status)) > LONGEST or read_status(write_status(status)) == status


@given(st.text(max_size=300), st.text(max_size=300), COUNTS, st.text(max_size=5_000))
def test_a_status_never_has_more_than_its_bytes(process: str, state: str, dropped: dict[str, int], why: str) -> None:
    data = write_status(MemberStatus(process, state, dropped, 0, 0, why))
    assert len(data) <= LONGEST
    found = read_status(data)
    assert found is not None and sum(found.dropped.values()) == sum(dropped.values())


def test_a_long_refusal_is_cut_and_keeps_its_beginning() -> None:
    found = read_status(write_status(MemberStatus("p", "RUNNING", {"late": 4}, 0, 0, "no space on the disk. " * 200)))
    assert found is not None and found.dropped == {"late": 4}
    assert found.refusal.startswith("no space on the disk. no space") and found.refusal.endswith("…")
    assert len(found.refusal) > 500


@given(st.binary(max_size=200))
def test_other_bytes_are_nothing_told(data: bytes) -> None:
    found = read_status(data)
    assert found is None or isinstance(found, MemberStatus)


def test_fields_of_later_versions_are_passed_over() -> None:
    found = read_status(b'{"version":9,"state":"RUNNING","new":[1],"restore":"soon","dropped":null}')
    assert found == MemberStatus(state="RUNNING")
    assert read_status(b"[1]") is None and read_status(b"") is None


def test_a_process_that_is_told_of_twice_counts_once() -> None:
    told = [
        MemberStatus("p", dropped={"late": 3}),
        MemberStatus("p", dropped={"late": 5, "null-key": 1}),
        MemberStatus("q", dropped={"late": 7}),
    ]
    assert dropped_of(told) == {"late": 12, "null-key": 1}
