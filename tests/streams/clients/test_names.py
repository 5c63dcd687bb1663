"""The public names of the clients."""

from __future__ import annotations

import subprocess
import sys

import pytest

import streams.clients
import streams.errors


def test_every_public_name_is_there() -> None:
    for name in streams.clients.__all__:
        assert getattr(streams.clients, name).__name__ in (name, "Position")
    assert dir(streams.clients) == streams.clients.__all__


def test_another_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        streams.clients.Nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", ["WakeupException", "TimeoutException", "KafkaException"])
def test_exceptions_are_found_beside_the_clients_that_raise_them(name: str) -> None:
    assert getattr(streams.clients, name) is getattr(streams.errors, name)


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    with pytest.raises(AttributeError, match="Did you mean Producer"):
        streams.clients.Produser  # type: ignore[attr-defined]  # noqa: B018


def test_the_door_alone_imports_no_client() -> None:
    code = "import sys, streams.clients.api; print('streams.clients.consumer' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
