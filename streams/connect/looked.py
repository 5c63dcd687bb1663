"""A configuration as it was written, with secrets in their places, and all that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from streams.connect.config_def import Config
from streams.connect.connector import Settings, SourceConnector
from streams.connect.connector_config import Validation, config_of, validate
from streams.connect.errors import ConnectException
from streams.connect.password import Secrets
from streams.connect.providers import Providers


class Looked(NamedTuple):
    """What was found.

    Args:
        written: the settings as they were written.
        given: the same with secrets in their places.
        validation: every setting, and what is wrong with it; secrets are hidden in what is told.
        hide: takes secrets out of a text.
    """

    written: Settings
    given: dict[str, str]
    validation: Validation
    hide: Callable[[str], str]

    @property
    def is_source(self) -> bool:
        """Is it a source, or a sink?"""
        return issubclass(self.validation.connector, SourceConnector)

    def checked(self) -> Config:
        """The parsed settings.

        Raises:
            ConfigException: all that is wrong with them, a line each.
        """
        self.validation.check()
        return config_of(self.validation, self.given)

    def unresolved(self, settings: Settings) -> dict[str, str]:
        """Settings that a connector made of `given`, with `${…}` in the place of its secrets again."""
        return {
            name: self.written[name] if name in self.given and self.given[name] == value else value
            for name, value in settings.items()
        }


def looked_at(providers: Providers, written: Settings) -> Looked:
    """Looks at every setting of a configuration.

    Raises:
        BadRequestException: it names no connector, or one that is not there.
        ConnectException: the connector failed while it looked at them.
        ConfigException: a secret is not there.
    """
    given = providers.resolved(written)
    try:
        validation = validate(given)
    except ConnectException:
        raise  # it names a class
    except Exception as error:  # of the connector; it may have a secret in it
        said = Secrets(written, given).hide(f"{type(error).__name__}: {error}")
        raise ConnectException(f"The connector could not look at its settings: {said}") from None
    hide = Secrets(written, given, (value.value for value in validation.values.values())).hide
    for value in validation.values.values():
        value.errors = list(map(hide, value.errors))
    return Looked(written, given, validation, hide)
