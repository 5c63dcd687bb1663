"""The engines that a contract is held against."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from streams.clients.local.door import forget
from tests.contracts.handed_over.doors import Door, DriverDoor, EngineDoor
from tests.engines import local_engine

_numbers = itertools.count()


@pytest.fixture(scope="package")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """The address of the engine of a kind, one for all tests of this folder."""
    with ExitStack() as ending:

        @cache
        def made(kind: str) -> str:
            if kind == "local":
                return ending.enter_context(local_engine(tmp_path_factory.mktemp("engine")))
            name = f"handed-over-{next(_numbers)}"
            ending.callback(forget, name)
            return f"memory://{name}"

        yield made


@pytest.fixture(params=["memory", "local"])
def address(request: pytest.FixtureRequest, engine: Callable[[str], str]) -> str:
    """The address of an engine."""
    return engine(request.param)


@pytest.fixture(params=["driver", "memory", "local"])
def door(request: pytest.FixtureRequest, engine: Callable[[str], str]) -> Iterator[Door]:
    """A way in for records."""
    chosen: Door = DriverDoor() if request.param == "driver" else EngineDoor(engine(request.param))
    with chosen.opened() as opened:
        yield opened
