"""One segment and its index: every offset is found, and the index is only a shortcut."""

from __future__ import annotations

import pytest

from broker_local.base.faults import Corruption
from broker_local.base.files import Handles
from broker_local.base.mem_files import MemFiles
from broker_local.log import format as batches
from broker_local.log import index as indexes
from broker_local.log.segment import Name, Segment

INTERVAL = 300


def filled(files: MemFiles, sizes: list[int], base: int = 100) -> Segment:
    """A segment with batches of these numbers of records; timestamps are 10 a record, now and then going
    back.
    """
    files.make_directory("d")
    segment = Segment(Handles(files), "d", Name(base), INTERVAL)
    segment.create()
    offset = base
    for number, count in enumerate(sizes):
        first = offset * 10 - (500 if number % 4 == 3 else 0)
        times = [first + 10 * at for at in range(count)]
        written = batches.write([b"k"] * count, [b"v" * number] * count, times, None)
        prefix = batches.seal(written, offset, 0)
        segment.append(prefix, written, batches.peek(prefix + written))
        offset += count
    return segment


def reopened(files: MemFiles) -> Segment:
    segment = Segment(Handles(files), "d", Name(100), INTERVAL)
    segment.find()
    segment.load()
    return segment


SIZES = [1, 3, 2, 7, 1, 1, 30, 2, 1, 5, 4, 9]


def picture(segment: Segment) -> list[object]:
    """All that can be asked of a segment."""
    end = segment.next_offset
    return [
        end,
        segment.size,
        segment.newest,
        segment.oldest,
        [segment.locate(offset) for offset in range(100, end + 2)],
        [next(iter(segment.batches_for_time(time)), None) for time in range(900, end * 10 + 20, 5)],
        [
            (piece.data[1:], piece.next_offset)
            for offset in range(100, end)
            for most in (0, 700)
            for piece in (segment.slice(segment.locate(offset), most, segment.size, end),)
        ],
    ]


def test_every_offset_is_found_in_its_batch() -> None:
    segment = filled(MemFiles(), SIZES)
    starts = {}
    for position, header in segment.walk(100):
        for offset in range(header.base_offset, header.next_offset):
            starts[offset] = position
    assert {offset: segment.locate(offset) for offset in starts} == starts
    assert segment.locate(segment.next_offset) == segment.size


def test_slices_are_whole_batches() -> None:
    segment = filled(MemFiles(), SIZES)
    offsets = {placed.position: placed.header.base_offset for placed in segment.walk(100)}
    ends = {*offsets, segment.size}
    for start in sorted(ends)[:-1]:
        for most in (0, 1, 200, 1000, 10**9):
            piece, next_offset = segment.slice(start, most, segment.size, segment.next_offset)
            assert piece.length and piece.position + piece.length in ends
            assert piece.length <= max(most, min(end for end in ends if end > start) - start)
            assert next_offset == offsets.get(piece.position + piece.length, segment.next_offset)


def test_the_first_batch_that_is_new_enough_is_found() -> None:
    segment = filled(MemFiles(), SIZES)
    headers = [placed.header for placed in segment.walk(100)]
    for time in range(900, segment.next_offset * 10 + 20, 5):
        found = next(iter(segment.batches_for_time(time)), None)
        expected = next((header for header in headers if header.newest >= time), None)
        assert (found.header if found else None) == expected


@pytest.mark.parametrize("closing", [False, True])
def test_a_segment_opened_again_is_the_same(closing: bool) -> None:
    files = MemFiles()
    segment = filled(files, SIZES)
    expected = picture(segment)
    segment.save_index(closing)
    assert picture(reopened(files)) == expected
    files.remove(segment.index_path)
    assert picture(reopened(files)) == expected


def test_an_index_damaged_anywhere_changes_nothing() -> None:
    files = MemFiles()
    segment = filled(files, SIZES)
    expected = picture(segment)
    segment.save_index(closing=True)
    good = files.read(segment.index_path)
    assert len(good) > 140
    for at in range(len(good)):
        files.patch(segment.index_path, at, bytes([good[at] ^ 0x10]))
        assert picture(reopened(files)) == expected
        files.patch(segment.index_path, at, good[at : at + 1])
    for end in range(len(good)):
        files.open(segment.index_path).truncate(end)
        assert picture(reopened(files)) == expected
        files.open(segment.index_path).write([good], 0)


def test_an_index_of_another_log_is_not_believed() -> None:
    files = MemFiles()
    segment = filled(files, SIZES)
    expected = picture(segment)
    other = indexes.Index(100)
    other.add(105, 33, 1000)
    place, data = other.unsaved()
    files.open(segment.index_path, create=True).write([data], place)
    assert picture(reopened(files)) == expected


def test_the_index_is_saved_in_pieces() -> None:
    files = MemFiles()
    segment = filled(files, [1, 1])
    for _ in range(20):
        written = batches.write([b"k"], [b"v" * 99], [1], None)
        prefix = batches.seal(written, segment.next_offset, 0)
        segment.append(prefix, written, batches.peek(prefix + written))
        segment.save_index()
    assert len(indexes.load(files.read(segment.index_path), 100, segment.size)) == len(segment.index)
    assert not segment.save_index()


def test_a_cut_takes_the_index_with_it() -> None:
    files = MemFiles()
    segment = filled(files, SIZES)
    segment.save_index(closing=True)
    starts = [placed.header.base_offset for placed in segment.walk(100)]
    for offset in reversed(starts):
        segment.cut(offset)
        assert segment.next_offset == offset
        assert files.size(segment.path) == segment.size
        assert picture(reopened(files)) == picture(segment)


def test_damage_is_named_and_not_passed() -> None:
    files = MemFiles()
    segment = filled(files, SIZES)
    third = [placed.position for placed in segment.walk(100)][3]
    files.patch(segment.path, third, b"\xff")
    with pytest.raises(Corruption) as caught:
        list(segment.walk(100))
    assert (caught.value.file, caught.value.offset) == (segment.path, third)
    assert f"{segment.path} at byte {third}: damaged: " in str(caught.value)


def test_names_of_files() -> None:
    assert Name(42).stem == "00000000000000000042"
    assert Name(42, 3).stem == "00000000000000000042-3"
