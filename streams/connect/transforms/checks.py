"""Checks of settings that several transforms and predicates have."""

from __future__ import annotations

from streams.config.table import invalid
from streams.connect.java_regex import compile_pattern
from streams.errors import ConfigException, IllegalArgumentException


def not_empty_list(name: str, value: object) -> None:
    """A list with entries, none of them empty."""
    entries = value if isinstance(value, list | tuple) else ()
    if not entries:
        raise ConfigException(f"Configuration '{name}' must not be empty. Valid values include: any non-empty value")
    if any(entry == "" for entry in entries):
        raise ConfigException(f"Configuration '{name}' values must not be empty.")


def not_null(name: str, value: object) -> None:
    """Any value but none."""
    if value is None:
        raise invalid(name, value, "entry must be non null")


def regex(name: str, value: object) -> None:
    """A regular expression of Java's."""
    try:
        compile_pattern(str(value))
    except IllegalArgumentException as error:
        raise invalid(name, value, f"Invalid regex: {error}") from None
