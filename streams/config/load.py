"""Settings from files, the environment and the command line.

Later wins: defaults, `config` beside the topology, the file, environment variables, keywords or the command line
(`merge` in that order).

Files are YAML in Spring Boot's layout, or plain dotted names:

    spring:                                     application.id: word-count
      kafka:                                    consumer.fetch.min.bytes: 1000
        bootstrap-servers: localhost:9092
        consumer: {auto-offset-reset: earliest}
        streams:
          application-id: word-count
          properties: {num.stream.threads: 2}

or the same in `.properties` (`spring.kafka.streams.application-id=word-count`).
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from streams.config.application import StreamsConfig, check_setting, dotted
from streams.config.clients import PREFIXES, is_bundled
from streams.config.properties import entries_of
from streams.config.spring import from_spring
from streams.config.table import located, unknown
from streams.config.without_effect import why_without_effect
from streams.errors import ConfigException

if TYPE_CHECKING:
    from yaml import Node

ENVIRONMENT_PREFIX = "STREAMS_APP_"
NO_SETTINGS = frozenset({"STREAMS_APP_HTTP_TOKEN"})
"""Variables with the prefix that are no settings."""

log = logging.getLogger("streams.config")

_placeholder = re.compile(r"\$\{([^:}]+)(?::([^}]*))?\}")


def merge(*sources: Mapping[str, object] | None) -> dict[str, object]:
    """One mapping of dotted names out of several; later ones win."""
    found: dict[str, object] = {}
    for source in sources:
        found.update(source or {})
    return found


def from_pairs(pairs: Iterable[str]) -> dict[str, object]:
    """Settings of the form `name=value`, as the command line takes them.

    Raises:
        ConfigException: one has no `=`.
    """
    found: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigException(f"{pair!r} is no setting. Write name=value, e.g. commit.interval.ms=50.")
        found[name.strip()] = value
    return found


def from_keywords(keywords: Mapping[str, object]) -> dict[str, object]:
    """Settings with underscores, `commit_interval_ms`, by their dotted names.

    Raises:
        ConfigException: one is unknown.
    """
    return {dotted(name): value for name, value in keywords.items()}


def from_environment(environment: Mapping[str, str] | None = None, besides: Iterable[str] = ()) -> dict[str, object]:
    """Settings of variables such as `STREAMS_APP_COMMIT_INTERVAL_MS`, `STREAMS_APP_CONSUMER_FETCH_MIN_BYTES`.

    Args:
        environment: the process's, if it is not given.
        besides: more variables with the prefix that are no settings.
    Raises:
        ConfigException: a variable with the prefix names no setting.
    """
    return {name: value for name, (value, _) in of_environment(environment, besides).items()}


def of_environment(
    environment: Mapping[str, str] | None = None, besides: Iterable[str] = ()
) -> dict[str, tuple[object, str]]:
    """As `from_environment`: each setting's value, and its variable."""
    given, others = os.environ if environment is None else environment, NO_SETTINGS.union(besides)
    return {
        _setting_of(variable): (value, variable)
        for variable, value in given.items()
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in others
    }


def _setting_of(variable: str) -> str:
    word = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
    try:
        return dotted(word)
    except ConfigException as error:
        for prefix, table in PREFIXES.items():
            start = prefix.replace(".", "_")
            if word.startswith(start):
                names = {name.replace(".", "_").replace("-", "_"): name for name in table}
                rest = word.removeprefix(start)
                if rest in names:
                    return prefix + names[rest]
                raise unknown(variable, (ENVIRONMENT_PREFIX + (start + name).upper() for name in names)) from None
        raise ConfigException(f"The environment variable {variable} names no setting. {error}") from None


@dataclass(frozen=True, slots=True)
class Entries:
    """What a file says, flat, and the line each entry stands on."""

    values: Mapping[str, object]
    lines: Mapping[str, int]


def from_file(
    path: str | Path, environment: Mapping[str, str] | None = None, servers: object = None
) -> dict[str, object]:
    """Settings of a file: YAML, or `.properties` by its ending; in Spring Boot's layout or with dotted names.

    `${NAME}` and `${NAME:default}` stand for environment variables or other entries of the file. Documents for a
    profile (`spring.config.activate.on-profile`) count when `SPRING_PROFILES_ACTIVE` names it.

    Of a file in Spring Boot's layout, which may be shared with Java applications, what has no effect here and harms
    nobody is left out, each with a warning that says why (`streams/config/without_effect.py`).

    Args:
        path: the file.
        environment: the process's, if it is not given.
        servers: `bootstrap.servers`, where a later source than the file says it.
    Raises:
        ConfigException: it cannot be read, a placeholder has no value, or a setting is unknown or not allowed; with the
            line.
    """
    return {name: value for name, (value, _) in of_file(path, environment, servers).items()}


def of_file(
    path: str | Path, environment: Mapping[str, str] | None = None, servers: object = None
) -> dict[str, tuple[object, str]]:
    """As `from_file`: each setting's value, and the file and line that say it."""
    env = dict(os.environ if environment is None else environment)
    kind = "properties file" if str(path).endswith(".properties") else "YAML"
    try:
        text = Path(path).read_text("utf-8")
    except OSError as error:
        raise ConfigException(f"The configuration file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigException(f"The configuration file {path} is no {kind}: {error}") from None
    try:
        documents = list(_of_yaml(path, text) if kind == "YAML" else _of_properties(text))
        entries, lines = _in_force(path, documents, env)
    except RecursionError:
        raise ConfigException(
            f"The configuration file {path} leads round in a circle: an alias stands in what it names."
        ) from None

    def where(name: str) -> str:
        return f"{path}:{lines[name]}" if name in lines else str(path)

    found: dict[str, object] = entries
    origins = {name: name for name in entries}
    of_spring = any(name == "spring" or name.startswith("spring.") for name in entries)
    if of_spring:
        found, unused, origins = from_spring(entries, where)
        if unused:
            log.info("Not used of %s, since it is Spring's own: %s", path, ", ".join(sorted(unused)))
    given = servers or found.get("bootstrap.servers") or "local://"
    bundled = is_bundled(tuple(given.split(",")) if isinstance(given, str) else given)
    for name, value in list(found.items()):
        with located(where(origins[name])):
            read = check_setting(name, value)
        why = why_without_effect(*read, bundled) if of_spring and read is not None else None
        if why is not None:
            log.warning("%s: %s has no effect here: %s.", where(origins[name]), origins[name], why)
            del found[name]
    return {name: (value, where(origins[name])) for name, value in found.items()}


def _of_properties(text: str) -> Iterator[Entries]:
    rows = list(entries_of(text))
    yield Entries({name: value for _, name, value in rows}, {name: number for number, name, _ in rows})


def _of_yaml(path: str | Path, text: str) -> Iterator[Entries]:
    """The documents of a YAML file, flat."""
    import yaml  # here, so that who has none does not pay for it

    try:
        for node, document in zip(yaml.compose_all(text, yaml.SafeLoader), yaml.safe_load_all(text), strict=True):
            if document is None:
                continue
            if not isinstance(document, dict):
                raise ConfigException(f"The configuration file {path} holds no names and values.")
            yield Entries(flatten(document), dict(_lines(node)))
    except yaml.YAMLError as error:
        raise ConfigException(f"The configuration file {path} is no YAML: {error}") from None


def _lines(node: Node, prefix: str = "") -> Iterator[tuple[str, int]]:
    """The line of each name, as `flatten` names it."""
    from yaml import MappingNode

    for name, value in node.value if isinstance(node, MappingNode) else ():
        yield f"{prefix}{name.value}", name.start_mark.line + 1
        yield from _lines(value, f"{prefix}{name.value}.")


def _in_force(
    path: str | Path, documents: Iterable[Entries], env: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, int]]:
    """What the documents that count say, their placeholders filled, and on which lines."""
    entries: dict[str, object] = {}
    lines: dict[str, int] = {}
    for document in documents:
        if _is_active(document.values, env):
            entries.update(document.values)
            lines.update(document.lines)
    return {name: _filled(f"{path}:{lines[name]}" if name in lines else str(path), value, entries, env)
            for name, value in entries.items()}, lines  # fmt: skip


def flatten(document: Mapping[object, object], prefix: str = "") -> dict[str, object]:
    """Nested names as dotted ones; lists stay values."""
    found: dict[str, object] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            found.update(flatten(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def _is_active(rows: Mapping[str, object], env: Mapping[str, str]) -> bool:
    wanted = rows.get("spring.config.activate.on-profile")
    if wanted is None:
        return True
    names = wanted if isinstance(wanted, list) else str(wanted).split(",")
    active = {name.strip() for name in env.get("SPRING_PROFILES_ACTIVE", "").split(",")}
    return any(str(name).strip() in active for name in names)


def _filled(path: str, value: object, entries: Mapping[str, object], env: Mapping[str, str], depth: int = 0) -> object:
    """A value with its placeholders replaced."""
    if isinstance(value, list):
        return [_filled(path, entry, entries, env, depth) for entry in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    if depth > 20:
        raise ConfigException(f"The placeholders of {value!r} in {path} lead round in a circle.")

    def replaced(match: re.Match[str]) -> str:
        name, default = match.group(1).strip(), match.group(2)
        variable = name.upper().replace(".", "_").replace("-", "")
        found = entries.get(name, env.get(name, env.get(variable, default)))
        if found is None:
            raise ConfigException(
                f"The placeholder ${{{name}}} in {path} has no value. Set the environment variable, or write "
                f"${{{name}:default}}."
            )
        return str(found)

    return _filled(path, _placeholder.sub(replaced, value), entries, env, depth + 1)


def load(
    script: Mapping[str, object] | None = None,
    file: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    pairs: Iterable[str] = (),
    keywords: Mapping[str, object] | None = None,
) -> StreamsConfig:
    """The settings of an application from everywhere, later sources winning: script, file, environment, pairs,
    keywords.

    Raises:
        ConfigException: a setting is unknown, missing, or its value not allowed.
        NotYetBuiltException: a value is known, but not built yet.
    """
    later = merge(from_environment(environment), from_pairs(pairs), from_keywords(keywords or {}))
    return StreamsConfig(with_file(script, file, later, environment))


def with_file(
    script: Mapping[str, object] | None,
    file: str | Path | None,
    later: Mapping[str, object],
    environment: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """The settings of a script, those of a file over them, and over both what later sources say.

    Raises:
        ConfigException: as `from_file`.
    """
    said = None if file is None else from_file(file, environment, later.get("bootstrap.servers"))
    return merge(script, said, later)
