"""The size that Kafka's producer expects of a record."""

from __future__ import annotations

import pytest

from streams.clients.request_size import check_request_size, request_size


def test_the_recorded_size() -> None:
    """As Java said it of a key of one byte and a value of a thousand."""
    assert request_size(b"k", b"v" * 1000, ()) == 1087


@pytest.mark.parametrize(
    ("key", "value", "headers", "size"),
    [
        (None, None, (), 85),
        (b"", b"", (), 85),
        (b"k" * 63, b"v" * 64, (), 82 + 1 + 63 + 2 + 64 + 1),
        (None, b"v", (("name", b"abc"), ("none", None)), 82 + 1 + 2 + 1 + 5 + 4 + 5 + 1),
    ],
)
def test_lengths_are_counted_too(
    key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...], size: int
) -> None:
    assert request_size(key, value, headers) == size
    assert check_request_size(key, value, headers, size) is None
    assert f"The message is {size} bytes" in str(check_request_size(key, value, headers, size - 1))
