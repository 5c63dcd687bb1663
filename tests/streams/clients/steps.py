"""What the tests of the clients do again and again."""

from __future__ import annotations

from streams.clients import Consumer, ConsumerRecord
from streams.clients.member import MemberSettings
from streams.config.clients import CONSUMER, ClientConfig
from tests.engines import until


def member_settings(*protocols: str, **given: object) -> MemberSettings:
    """A member of group `g`, by the settings of its consumer with underscores."""
    config = ClientConfig(CONSUMER, {name.replace("_", "."): value for name, value in given.items()})
    return MemberSettings.of("g", protocols or ("range",), config)


def read(consumer: Consumer, topic: str, count: int) -> list[ConsumerRecord]:
    """Subscribes and polls until so many records have come."""
    consumer.subscribe([topic])
    return take(consumer, count)


def take(consumer: Consumer, count: int) -> list[ConsumerRecord]:
    """Polls until so many records have come."""
    found: list[ConsumerRecord] = []

    def enough() -> bool:
        found.extend(consumer.poll(100))
        return len(found) >= count

    until(enough)
    assert len(found) == count
    return found


def settle(*consumers: Consumer) -> None:
    """Polls all of them until each has an assignment that the others agree with."""
    def agreed() -> bool:
        for each in consumers:
            each.poll(0)
        generations = {each.group_metadata().generation_id for each in consumers}
        return len(generations) == 1 and -1 not in generations and all(each.assignment() for each in consumers)

    until(agreed)
