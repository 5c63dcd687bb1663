"""Secrets from elsewhere: `${env:NAME}`, `${file:/path:key}` and `${directory:/path:file}` in a configuration.

As Kafka's `config.providers`: `env`, `file` and `directory` are the names that its documentation uses, and each is on
where the worker's `config.providers` names it. What is shown anywhere is the text with the `${…}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from streams.config.properties import entries_of
from streams.errors import ConfigException

_PACKAGE = "org.apache.kafka.common.config.provider."
_reference = re.compile(r"\$\{([^}:]*):(?:([^}]*?):)?([^}:]*)\}")


def _env(environment: Mapping[str, str]) -> Callable[[str, str], str]:
    def value(path: str, key: str) -> str:
        found = environment.get(key)
        if found is None:
            raise ConfigException(f"There is no environment variable {key}.")
        return found

    return value


def _file(path: str, key: str) -> str:
    try:
        entries = {name: value for _, name, value in entries_of(Path(path).read_text(encoding="utf-8"))}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigException(f"The file {path} of a secret cannot be read: {_why(error)}.") from None
    if key not in entries:
        raise ConfigException(f"The file {path} has no entry {key}.")
    return entries[key]


def _directory(path: str, key: str) -> str:
    if "/" in key or key in ("", ".", ".."):
        raise ConfigException(f"{key!r} is no name of a file in the directory {path}.")
    try:
        return (Path(path) / key).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigException(f"The file {Path(path) / key} of a secret cannot be read: {_why(error)}.") from None


def _why(error: OSError | UnicodeDecodeError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else "it is no text of UTF-8"


_KINDS = {"EnvVarConfigProvider": "env", "FileConfigProvider": "file", "DirectoryConfigProvider": "directory"}


class Providers:
    """The providers that a worker has turned on.

    Args:
        settings: the worker's, with `config.providers` and `config.providers.NAME.class`.
        environment: of the process.
    Raises:
        ConfigException: a provider has no class, or one that is not known.
    """

    def __init__(self, settings: Mapping[str, str], environment: Mapping[str, str]) -> None:
        kinds: dict[str, Callable[[str, str], str]] = {
            "env": _env(environment),
            "file": _file,
            "directory": _directory,
        }
        self._values: dict[str, Callable[[str, str], str]] = {}
        for name in filter(None, map(str.strip, settings.get("config.providers", "").split(","))):
            setting = f"config.providers.{name}.class"
            kind = _KINDS.get(settings.get(setting, "").removeprefix(_PACKAGE))
            if kind is None:
                raise ConfigException(
                    f"Invalid value {settings.get(setting)} for configuration {setting}: give one of "
                    f"{', '.join(f'{_PACKAGE}{each}' for each in _KINDS)}."
                )
            self._values[name] = kinds[kind]

    def resolved(self, settings: Mapping[str, str]) -> dict[str, str]:
        """The settings with secrets in the place of their `${…}`; what no provider is named in stays.

        Raises:
            ConfigException: a secret is not there; the setting is named.
        """
        return {name: self._resolved(name, value) for name, value in settings.items()}

    def _resolved(self, name: str, value: str) -> str:
        def one(found: re.Match[str]) -> str:
            provider = self._values.get(found[1])
            if provider is None:
                return found[0]
            try:
                return provider(found[2] or "", found[3])
            except ConfigException as error:
                raise ConfigException(f"Could not read {found[0]} of {name}: {error}") from None

        return _reference.sub(one, value)
