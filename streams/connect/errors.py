"""Kafka Connect's exceptions, under the root of all (`streams.errors.KafkaException`)."""

from __future__ import annotations

from streams import errors


class ConnectException(errors.KafkaException):
    """A connector, a task, a converter or a transform cannot go on."""


class DataException(ConnectException):
    """A value does not fit its schema, or a step cannot take it."""


class SchemaBuilderException(DataException):
    """A schema cannot be made like that."""


class AlreadyExistsException(ConnectException):
    """A connector of that name is there already."""


class RetriableException(ConnectException, errors.RetriableException):
    """The same call may succeed when it is made again: raised by a task whose other side is away for the moment."""


class NotFoundException(ConnectException):
    """There is no connector, no task or no plugin of that name."""


class ConflictException(ConnectException):
    """It cannot be done now: workers hand out the work anew, or another one changes the same at the same time."""
