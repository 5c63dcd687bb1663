"""The bug that these tests are for: with nobody in step each of them fails."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.runtime.worker import loop
from tests.catch_up import test_live, test_topologies, test_windows
from tests.catch_up.driving import DAY, HOUR, address

__all__ = ["address"]

CHECKS: list[Callable[[str], None]] = [
    test_live.test_no_two_records_are_taken_further_apart_than_the_bound,
    lambda address: test_topologies.test_two_streams_with_new_keys_meet_all_their_partners(address, DAY),
    lambda address: test_topologies.test_two_streams_with_new_keys_meet_all_their_partners(address, HOUR),
    test_topologies.test_a_source_and_a_stream_with_a_new_key_meet_all_their_partners,
    lambda address: test_topologies.test_a_rare_side_of_a_join_does_not_stop_the_other(address, 0),
    lambda address: test_topologies.test_windows_of_windows_behind_two_repartitions(address, 100),
    test_topologies.test_sessions,
    test_topologies.test_final_results_of_windows,
    test_topologies.test_a_topic_that_the_application_writes_and_reads_by_name,
    test_topologies.test_two_topics_of_unlike_ages_merged_into_one,
    test_topologies.test_a_record_of_2099_waits_for_those_before_it_and_takes_nothing_with_it,
    lambda address: test_windows.test_every_window_has_all_its_records(address, DAY, 1),
    lambda address: test_windows.test_every_window_has_all_its_records(address, HOUR, 2),
    test_windows.test_empty_partitions_hold_nobody,
    test_windows.test_one_hot_partition_is_waited_for_by_all_others,
    test_windows.test_gaps_longer_than_the_bound_hold_nobody,
    test_windows.test_partitions_that_begin_at_different_times_are_taken_one_after_the_other,
]


@pytest.mark.parametrize("check", CHECKS, ids=[str(number) for number in range(len(CHECKS))])
def test_out_of_step_it_fails(check: Callable[[str], None], address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "bounds_of", lambda *_: ())
    with pytest.raises(AssertionError):
        check(address)
