"""Settings of the type `CLASS`: from a name to the handler, extractor, serde or object of the user; their checks."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping

from streams import arguments, exception_handlers, processor
from streams.config.table import invalid
from streams.errors import ConfigException
from streams.serdes.base import Serde
from streams.serdes.choose import SERDE_NAMES, default_serde, named_serde

_BUILT_IN: Mapping[str, Callable[[], object]] = {
    made.__name__: made
    for made in (
        processor.FailOnInvalidTimestamp,
        processor.LogAndSkipOnInvalidTimestamp,
        processor.UsePartitionTimeOnInvalidTimestamp,
        processor.WallclockTimestampExtractor,
        exception_handlers.LogAndFailExceptionHandler,
        exception_handlers.LogAndContinueExceptionHandler,
        exception_handlers.LogAndFailProcessingExceptionHandler,
        exception_handlers.LogAndContinueProcessingExceptionHandler,
        exception_handlers.DefaultProductionExceptionHandler,
    )
}

HANDLER = "context, record, error"
EXTRACTOR = "record, partition_time"

_JAVA_SERDES = "org.apache.kafka.common.serialization."
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


def object_called(name: str) -> object:
    """A handler or extractor, by its Java name with or without its package, or the user's own.

    Raises:
        LookupError: there is none.
    """
    for package in _JAVA_PACKAGES:
        made = _BUILT_IN.get(name.removeprefix(package))
        if made is not None:
            return made()
    return imported(name, "Give an object, or package.module:Name.")


def check_serde(name: str, value: object) -> None:
    """A serde, the name of one, or none; what is wrong is said as Java does, when the settings are read."""
    default_serde({name: value}, "key" if name == "default.key.serde" else "value")


def client_serde_called(name: str) -> object:
    """The serde of a client by its name, or by that of Kafka's `org.apache.kafka…StringSerializer`.

    Raises:
        LookupError: there is none.
    """
    short = name.removeprefix(_JAVA_SERDES)
    for ending in ("Serializer", "Deserializer"):
        if short != name and short.endswith(ending):
            return serde_called(short.removesuffix(ending).lower())
    return serde_called(name)


def check_client_serde(name: str, value: object) -> None:
    """A serde, or none."""
    if value is not None and not isinstance(value, Serde):
        raise invalid(name, value, "Expected a serde, e.g. Serdes.string(), or the name of one, e.g. string")


def partitioner_called(name: str) -> object:
    """The user's partitioner.

    Raises:
        LookupError: there is none.
    """
    return imported(name, "Give a callable, or package.module:name.")


def check_partitioner(name: str, value: object) -> None:
    """A function `(topic, key, value, partitions)`, or none."""
    if value is not None:
        _check_call(name, value, "topic, key, value, partitions")


def check_handler(name: str, value: object) -> None:
    """A function `(context, record, error)`, or an object or class with Java's method of that form."""
    methods = ("handle_error", "handle", "handle_serialization_error")
    found = next((method for method in methods if hasattr(value, method)), None)
    if found is None:
        _check_call(name, value, HANDLER)
    elif isinstance(value, type):
        _check_made(name, value)
        function = inspect.getattr_static(value, found)
        if inspect.isfunction(function):
            _check_call(name, function, f"self, {HANDLER}")
    else:
        _check_call(name, getattr(value, found), HANDLER)


def check_extractor(name: str, value: object) -> None:
    """A function `(record, partition_time)`, or a class whose objects are such."""
    if not isinstance(value, type):
        _check_call(name, value, EXTRACTOR)
        return
    _check_made(name, value)
    if not any("__call__" in vars(base) for base in value.__mro__):
        raise invalid(name, value, f"Its objects cannot be called as ({EXTRACTOR})")
    _check_call(name, value.__call__, f"self, {EXTRACTOR}")


def _check_made(name: str, value: type) -> None:
    if not arguments.accepts(value)(0):
        raise invalid(name, value, "The class is called without arguments, and does not allow it. Give an object of it")


def _check_call(name: str, value: object, form: str) -> None:
    def error(message: str) -> ConfigException:
        return invalid(name, value, message)

    arguments.function(value, form, name, error=error)


def imported(name: str, hint: str = "") -> object:
    """What `package.module:Name` stands for.

    Raises:
        LookupError: there is no such module or no such name in it.
    """
    module, _, attribute = name.partition(":")
    if not attribute or not all(map(str.isidentifier, module.split("."))):
        raise LookupError(hint)
    try:
        found: object = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise LookupError(f"{error}. {hint}".strip()) from None
    except Exception as error:  # the user's module may raise anything
        raise LookupError(f"Importing {module} failed: {type(error).__name__}: {error}") from error
    return found
