"""The rule for names of topics and groups; everything from outside passes it before it reaches the disk."""

from __future__ import annotations

import re

LONGEST = 249
"""Kafka's bound (`org.apache.kafka.common.internals.Topic`)."""

_LEGAL = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)


def problem(name: str) -> str | None:
    """What is wrong with a name of a topic or a group, in Kafka's words; None if nothing is.

    Args:
        name: the name.
    Returns:
        The end of a sentence: "the empty string is not allowed".
    """
    if not name:
        return "the empty string is not allowed"
    if name in (".", ".."):
        return "'.' or '..' is not allowed"
    if len(name) > LONGEST:
        return f"the length of '{name}' is longer than the max allowed length {LONGEST}"
    if _LEGAL.fullmatch(name) is None:
        return f"'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    return None
