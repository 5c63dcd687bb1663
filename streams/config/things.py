"""Objects that settings may name: handlers, extractors, serdes, and the user's own by `package.module:Name`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

from streams import processor
from streams.serdes.choose import SERDE_NAMES, named_serde

_BUILT_IN: Mapping[str, Callable[[], object]] = {
    made.__name__: made
    for made in (
        processor.FailOnInvalidTimestamp,
        processor.LogAndSkipOnInvalidTimestamp,
        processor.UsePartitionTimeOnInvalidTimestamp,
        processor.WallclockTimestampExtractor,
        processor.LogAndFailExceptionHandler,
        processor.LogAndContinueExceptionHandler,
        processor.LogAndFailProcessingExceptionHandler,
        processor.LogAndContinueProcessingExceptionHandler,
        processor.DefaultProductionExceptionHandler,
    )
}

_JAVA_PACKAGES = ("org.apache.kafka.streams.errors.", "org.apache.kafka.streams.processor.")


def serde_called(name: str) -> object:
    """The serde of that name.

    Raises:
        LookupError: there is none.
    """
    found = named_serde(name)
    if found is not None:
        return found
    return imported(name, f"Names of serdes: {', '.join(SERDE_NAMES)}.")


def thing_called(name: str) -> object:
    """A handler or extractor, by its Java name with or without its package, or the user's own.

    Raises:
        LookupError: there is none.
    """
    for package in _JAVA_PACKAGES:
        made = _BUILT_IN.get(name.removeprefix(package))
        if made is not None:
            return made()
    return imported(name, "Give an object, or package.module:Name.")


def imported(name: str, hint: str = "") -> object:
    """What `package.module:Name` stands for.

    Raises:
        LookupError: there is no such module or no such name in it.
    """
    module, colon, attribute = name.partition(":")
    if not colon:
        raise LookupError(hint)
    try:
        found: object = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{error}. {hint}".strip()) from None
    return found
