"""What a request is: a frozen record that names its reply, and registers itself under its number.

Every request names its reply as the parameter of `Asks`, so that a client that sends one knows what it gets.
A request that fails as a whole is answered with a `Failure`; where single topics or partitions can fail,
their rows carry an `error` and a `message` of their own. The numbers of errors are in `error_codes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Generic, NamedTuple, TypeVar

from broker_local.protocol.codec import MaxLength, Range


class Reply:
    """What a request is answered with."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Failure(Reply):
    """The request failed as a whole."""

    error: int
    message: str


R_co = TypeVar("R_co", bound=Reply, covariant=True)


class Asks(Generic[R_co]):
    """A request that is answered with an `R_co`. Carries nothing; it tells the type checker."""

    __slots__ = ()


class Api(NamedTuple):
    """A request as the wire knows it: its number, its name, its records."""

    number: int
    name: str
    request: type[Asks[Reply]]
    reply: type[Reply]


APIS: dict[int, Api] = {}
"""All requests, by their numbers."""
API_OF: dict[type[Asks[Reply]], Api] = {}
Q = TypeVar("Q", bound=Asks[Reply])


def request(number: int, reply: type[Reply]) -> Callable[[type[Q]], type[Q]]:
    """Registers a request under its number, which it keeps for ever."""

    def register(kind: type[Q]) -> type[Q]:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()
        APIS[number] = API_OF[kind] = Api(number, name, kind, reply)
        return kind

    return register


# What fields may hold ----------------------------------------------------------------------------

Name = Annotated[str, MaxLength(1000)]
Text = Annotated[str, MaxLength(32_767)]
Small = Annotated[int, Range(0, 2**31 - 1)]
SmallOrNone = Annotated[int, Range(-1, 2**31 - 1)]
NO_OFFSET = -1
