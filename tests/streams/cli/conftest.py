"""The command in this process, over an engine in memory."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from streams.cli.main import arguments_of, cli
from streams.clients.local.door import forget

Command = Callable[..., Result]
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """The command sets handlers; after a test they are as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def command() -> Iterator[Command]:
    """`command("topics", "list", input=…)`: runs `streams-app` with an engine of the test's own."""
    name = f"cli-{next(_numbers)}"

    def run(*arguments: str, input: str | bytes | None = None, engine: str = f"memory://{name}") -> Result:
        environment = {"STREAMS_APP_BOOTSTRAP_SERVERS": engine}
        return CliRunner().invoke(cli, arguments_of(arguments), input=input, env=environment, prog_name="streams-app")

    yield run
    forget(name)
