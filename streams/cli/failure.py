"""How a command ends: exit codes, and errors without tracebacks.

0     stopped, or done
1     the application failed
2     wrong usage
130   interrupted
"""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

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

_ROOT = Path(__file__).resolve().parents[2]
NOT_THE_USERS = (
    *(f"{_ROOT / package}{os.sep}" for package in ("streams", "statestore", "broker_local")),
    sysconfig.get_path("stdlib"),
    "<",
)
"""How the names of files begin whose lines do not help a user: this project's, Python's, and compiled text."""

WRONG_USAGE = (
    ConfigException,
    IllegalArgumentException,
    InvalidGroupIdException,
    InvalidPartitionsException,
    InvalidTopicException,
    NotYetBuiltException,
    TopologyException,
)


Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
"""What `sys.exc_info()` gives."""


class Refused(click.ClickException):
    """A user's error: one message, what to do next in it, no traceback."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        setattr(self, "exit_code", code)  # noqa: B010  (a class variable to click's types)

    def show(self, file: object = None) -> None:
        click.echo(f"streams-app: {self.message}", err=True)


def said(error: BaseException) -> str:
    """An exception and its causes in one paragraph: the kind and the words of each, as far as they say more."""
    lines = [": ".join(filter(None, (type(error).__name__, str(error).strip())))]
    cause = error.__cause__
    while cause is not None:
        if not str(cause) or str(cause) not in lines[-1]:
            lines.append(f"  caused by {type(cause).__name__}: {cause}")
        cause = cause.__cause__
    return "\n".join(lines)


MOST_FRAMES = 20
"""A recursion without end has a thousand."""


def own_frames(error: BaseException) -> list[str]:
    """The user's own lines that led to an exception and its causes, without those of this package or of Python's; of
    many the last."""
    lines: list[str] = []
    at: BaseException | None = error
    while at is not None:
        for frame in traceback.extract_tb(at.__traceback__):
            if not frame.filename.startswith(NOT_THE_USERS):
                lines.append(f"  {frame.filename}:{frame.lineno}  {frame.line}")
        at = at.__cause__
    if len(lines) > MOST_FRAMES:
        lines[:-MOST_FRAMES] = [f"  ({len(lines) - MOST_FRAMES} lines before)"]
    return lines


class Brief(logging.Formatter):
    """Logs an exception by the user's own lines; what it says is told where the command ends. What is neither the
    user's nor Kafka's is a defect of ours, and keeps its traceback."""

    def formatException(self, ei: Raised) -> str:
        error = ei[1]
        lines = [] if error is None else own_frames(error)
        return "\n".join(lines) if lines or isinstance(error, KafkaException) else super().formatException(ei)


@contextmanager
def refusals() -> Iterator[None]:
    """Turns Kafka's exceptions into messages, wrong usage and failures apart."""
    try:
        yield
    except WRONG_USAGE as error:
        raise Refused(said(error), USAGE) from error
    except KafkaException as error:
        raise Refused(said(error), USAGE if isinstance(error.__cause__, WRONG_USAGE) else FAILED) from error
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; nothing is left to say
        sys.exit(STOPPED)
