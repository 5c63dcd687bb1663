"""The one rule for names, and the names of internal topics.

Names of topics, groups, stores, operators and applications pass the same rule at the API, at the wire and at
the disk: 1 to 249 of `A-Z a-z 0-9 . _ -`, neither `.` nor `..`. Texts are those of Kafka's `Topic.validate`
and of Kafka Streams' `Named.validate`.
"""

from __future__ import annotations

import re

from streams.errors import ConfigException, InvalidGroupIdException, InvalidTopicException, TopologyException

MAX_NAME_LENGTH = 249
"""Characters a name may have: a file name of 255 less what a log directory adds to it."""

CHANGELOG_SUFFIX = "-changelog"
REPARTITION_SUFFIX = "-repartition"

_legal = re.compile(r"[a-zA-Z0-9._-]+").fullmatch


def is_legal(name: str) -> bool:
    """Does `name` pass the rule?"""
    return _fault(name) is None


def _fault(name: str) -> str | None:
    if not isinstance(name, str):  # whoever is not type checked may give anything
        return f"{name!r} is {type(name).__name__}, not text"
    if not name:
        return "the empty string is not allowed"
    if name in (".", ".."):
        return f"'{name}' is not allowed"
    if len(name) > MAX_NAME_LENGTH:
        return f"the length of '{name}' is longer than the max allowed length {MAX_NAME_LENGTH}"
    if _legal(name) is None:
        return f"'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    return None


def check_topic(name: str, where: str = "") -> str:
    """Returns `name` if a topic may have it.

    Args:
        where: what was given the name, for the message.
    Raises:
        InvalidTopicException: with the words of Kafka's `Topic.validate`.
    """
    fault = _fault(name)
    if fault is not None:
        raise InvalidTopicException(f"{where and f'{where}: '}Topic name is invalid: {fault}")
    return name


def check_group(name: str) -> str:
    """Returns `name` if a group may have it.

    Raises:
        InvalidGroupIdException: it is not allowed.
    """
    fault = _fault(name)
    if fault is not None:
        raise InvalidGroupIdException(f"Group id is invalid: {fault}")
    return name


def check_application_id(name: str, setting: str = "application.id") -> str:
    """Returns `name` if an application may have it: it becomes a group id, a directory and a prefix of
    topics.

    Args:
        setting: what was given the name, for the message.
    Raises:
        ConfigException: it is not allowed.
    """
    fault = _fault(name)
    if fault is not None:
        raise ConfigException(f"Invalid value {name} for configuration {setting}: {fault}")
    return name


def check_name(name: str) -> str:
    """Returns `name` if an operator or a store may have it.

    Raises:
        TopologyException: with the words of Kafka Streams' `Named.validate`.
    """
    if not name:
        raise TopologyException("Name is illegal, it can't be empty")
    if name in (".", ".."):
        raise TopologyException('Name cannot be "." or ".."')
    if len(name) > MAX_NAME_LENGTH:
        raise TopologyException(
            f"Name is illegal, it can't be longer than {MAX_NAME_LENGTH} characters, name: {name}"
        )
    if _legal(name) is None:
        raise TopologyException(
            f'Name "{name}" is illegal, it contains a character other than '
            "ASCII alphanumerics, '.', '_' and '-'"
        )
    return name


def changelog_topic(prefix: str, store: str) -> str:
    """Name of a store's changelog, `<application.id>-<store>-changelog`.

    Args:
        prefix: the application id, or what overrides it as prefix of internal topics.
    Raises:
        InvalidTopicException: the two together make a name that is too long.
    """
    return check_topic(f"{prefix}-{store}{CHANGELOG_SUFFIX}")


def decorated_topic(prefix: str, topic: str) -> str:
    """Name of an internal topic that already has its suffix, `<application.id>-<topic>`."""
    return check_topic(f"{prefix}-{topic}")


def repartition_topic(prefix: str, name: str) -> str:
    """Name of a repartition topic, `<application.id>-<name>-repartition`."""
    return check_topic(f"{prefix}-{name}{REPARTITION_SUFFIX}")


_foreign_key_topic = re.compile(
    r".+-subscription-(registration|response)-topic"
    r"|.+-KTABLE-FK-JOIN-SUBSCRIPTION-(REGISTRATION|RESPONSE)-\d+-topic"
).fullmatch


def is_internal_topic(prefix: str, topic: str) -> bool:
    """Is `topic` one that the application `prefix` made for itself, so that a reset may delete it?"""
    return topic.startswith(f"{prefix}-") and (
        topic.endswith((CHANGELOG_SUFFIX, REPARTITION_SUFFIX)) or _foreign_key_topic(topic) is not None
    )
