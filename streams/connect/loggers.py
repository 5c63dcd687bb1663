"""Loggers and their levels, by the names that log4j has for them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from streams.world import SYSTEM, lock

LEVELS: Mapping[str, int] = {
    "OFF": logging.CRITICAL + 10,
    "FATAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARN": logging.WARNING,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
    "TRACE": logging.DEBUG - 5,
}
ROOT = "root"
_lock = lock()
_changed_at: dict[str, int] = {}


def level_name(number: int) -> str:
    """The name of a level, or of the next one above it."""
    return next((name for name, level in sorted(LEVELS.items(), key=lambda each: each[1]) if level >= number), "OFF")


def _logger(name: str) -> logging.Logger:
    return logging.getLogger() if name == ROOT else logging.getLogger(name)


def _shown(logger: logging.Logger, name: str) -> dict[str, object]:
    return {"level": level_name(logger.getEffectiveLevel()), "last_modified": _changed_at.get(name)}


def levels() -> dict[str, dict[str, object]]:
    """The loggers whose level was set, by name, and when that was (wall clock, ms; None: not since the start)."""
    known = logging.Logger.manager.loggerDict
    found = {name: each for name, each in sorted(known.items()) if isinstance(each, logging.Logger) and each.level}
    return {ROOT: _shown(logging.getLogger(), ROOT), **{name: _shown(each, name) for name, each in found.items()}}


def level(name: str) -> dict[str, object] | None:
    """A logger's level; None: there is no such logger."""
    if name != ROOT and name not in logging.Logger.manager.loggerDict:
        return None
    return _shown(_logger(name), name)


def set_level(name: str, level: str) -> list[str]:
    """Sets the level of a logger and of those below it that have one of their own; the names of those that had another.

    Args:
        name: `root`, or such as `streams.connect`.
        level: of `LEVELS`; another one changes nothing.
    """
    number = LEVELS.get(level.upper())
    if number is None:
        return []
    with _lock:
        known = logging.Logger.manager.loggerDict
        own = [name] if _logger(name).level != number else []
        below = [each for each in known if name == ROOT or each.startswith(f"{name}.")]
        unlike = [each for each in below if logging.getLogger(each).level not in (logging.NOTSET, number)]
        changed = sorted(own + unlike)
        for each in changed:
            _logger(each).setLevel(number)
        _changed_at.update(dict.fromkeys(changed, SYSTEM.now_ms()))
    return changed
