"""What comes of a query: a result for each partition, or why there is none (KIP-796)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from streams.errors import IllegalArgumentException
from streams.query.position import Position

R = TypeVar("R", covariant=True)


class FailureReason(Enum):
    """Why a partition gives no result."""

    UNKNOWN_QUERY_TYPE = "UNKNOWN_QUERY_TYPE"
    """The store does not know such queries."""
    NOT_ACTIVE = "NOT_ACTIVE"
    """Its task does not run (yet)."""
    NOT_UP_TO_BOUND = "NOT_UP_TO_BOUND"
    """It has not come so far."""
    NOT_PRESENT = "NOT_PRESENT"
    """It is not here."""
    DOES_NOT_EXIST = "DOES_NOT_EXIST"
    """There is no such partition. As in Java such a one is told as not present."""
    STORE_EXCEPTION = "STORE_EXCEPTION"
    """It has failed."""


@dataclass(frozen=True, slots=True)
class QueryResult(Generic[R]):
    """The result of one partition (Java's `QueryResult`). `retry_after_s`: when it is worth to ask again, where a
    failure passes by itself."""

    value: R | None = None
    failure_reason: FailureReason | None = None
    failure_message: str = ""
    position: Position = field(default_factory=Position)
    execution_info: tuple[str, ...] = ()
    retry_after_s: float | None = None

    @property
    def is_success(self) -> bool:
        """There is a result; it may be None."""
        return self.failure_reason is None

    @property
    def is_failure(self) -> bool:
        """There is none."""
        return self.failure_reason is not None

    @property
    def result(self) -> R | None:
        """What was asked for.

        Raises:
            IllegalArgumentException: the query failed.
        """
        if self.failure_reason is not None:
            raise IllegalArgumentException(
                f"Cannot get result for failed query. Failure is {self.failure_reason.value}: {self.failure_message}"
            )
        return self.value


@dataclass(frozen=True, slots=True)
class StateQueryResult(Generic[R]):
    """The results of all partitions that were asked, or of a global store (Java's `StateQueryResult`)."""

    partition_results: Mapping[int, QueryResult[R]] = field(default_factory=dict)
    global_result: QueryResult[R] | None = None

    @property
    def only_partition_result(self) -> QueryResult[R] | None:
        """The one that is a success and not None; None: there is none.

        Raises:
            IllegalArgumentException: there are several.
        """
        found = [each for each in self.partition_results.values() if each.is_success and each.value is not None]
        if len(found) > 1:
            raise IllegalArgumentException(
                "The query did not return exactly one partition result: "
                f"{sorted(self.partition_results)} gave one each."
            )
        return found[0] if found else None

    @property
    def position(self) -> Position:
        """What all of them have seen."""
        each: Sequence[QueryResult[R]] = tuple(self.partition_results.values())
        if self.global_result is not None:
            return self.global_result.position
        merged = Position()
        for result in each:
            merged = merged.merge(result.position)
        return merged
