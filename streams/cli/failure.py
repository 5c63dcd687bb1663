"""How a command ends: exit codes, and errors without tracebacks.

0     stopped, or done
1     the application failed
2     wrong usage
130   interrupted
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from streams.errors import (
    ConfigException,
    IllegalArgumentException,
    InvalidGroupIdException,
    InvalidPartitionsException,
    InvalidTopicException,
    KafkaException,
    NotYetBuiltException,
    TopologyException,
)

STOPPED = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130

WRONG_USAGE = (
    ConfigException,
    IllegalArgumentException,
    InvalidGroupIdException,
    InvalidPartitionsException,
    InvalidTopicException,
    NotYetBuiltException,
    TopologyException,
)


class Refused(click.ClickException):
    """A user's error: one message, what to do next in it, no traceback."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        setattr(self, "exit_code", code)  # noqa: B010  (a class variable to click's types)

    def show(self, file: object = None) -> None:
        click.echo(f"streams-app: {self.message}", err=True)


def said(error: BaseException) -> str:
    """An exception and its causes in one paragraph: the kind and the words of each."""
    lines = [str(error).strip() or type(error).__name__]
    cause = error.__cause__
    while cause is not None:
        lines.append(f"  caused by {type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return "\n".join(lines)


@contextmanager
def refusals() -> Iterator[None]:
    """Turns Kafka's exceptions into messages, wrong usage and failures apart."""
    try:
        yield
    except WRONG_USAGE as error:
        raise Refused(said(error), USAGE) from error
    except KafkaException as error:
        raise Refused(said(error), FAILED) from error
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to say
        sys.exit(STOPPED)
