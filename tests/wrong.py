"""Values that are mostly wrong, and what may become of a call that is given one."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streams import Record, Serdes
from streams.errors import KafkaException
from streams.record import TopicPartition

VALUES: tuple[Any, ...] = (
    *(None, "", "a b", "x", "\ud800", b"x", bytearray(b"x"), b"\xff", -1, 0, 1, 1.5, 2**31, 2**63, 10**400, True),
    *(float("nan"), float("inf"), (), [], [None], ["x"], {}, {"a": 1}, {"x": b"y"}, {1}, frozenset(), object(), object),
    *(int, print, lambda: None, lambda a, b, c, d, e, f: None, datetime.now(UTC), datetime.max, timedelta.max),
    *(timedelta(-1), Path("x"), Serdes.string(), Serdes.string, TopicPartition("x", 0), TopicPartition("x", -1)),
    *(Record("k", "v", 0), iter(()), ("x", 0), [("x", b"y")], Exception("x")),
)  # fmt: skip


def is_test(file: str) -> bool:
    """Was it raised where a test calls, and not within what is called?"""
    return file.startswith(str(Path(__file__).parent))


def refusal(call: Callable[..., object], *given: object, **named: object) -> str | None:
    """Why the call was refused, None if it was not.

    It may be refused by an exception of ours, with words, or by Python where the arguments do not fit the signature.
    Whatever comes from further within is a fault, and goes on.
    """
    try:
        call(*given, **named)
    except KafkaException as error:
        assert str(error).strip(), f"{type(error).__name__} says nothing"
        assert error.__cause__ is None or not isinstance(error.__cause__, AttributeError | NameError)
        return f"{type(error).__name__}: {error}"
    except TypeError as error:
        if not is_test(traceback.extract_tb(error.__traceback__)[-1].filename):
            raise
        return f"TypeError: {error}"
    return None


def faults(calls: Iterable[tuple[str, Callable[..., object]]], values: Iterable[Any] = VALUES) -> list[str]:
    """Each call with each value; what ended in anything but an answer or a refusal."""
    found = []
    for name, call in calls:
        for value in values:
            try:
                refusal(call, value)
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                said = f"{name} with {value!r:.60}: {type(error).__name__}: {error!s:.100}"
                found.append(f"{said} ({Path(where.filename).name}:{where.lineno})")
    return found
