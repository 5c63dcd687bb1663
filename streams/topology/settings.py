"""The few settings that change what a topology is, read from any mapping."""

from __future__ import annotations

from collections.abc import Mapping

from streams.errors import ConfigException

Config = Mapping[str, object]

REUSE_SOURCE_TOPICS = "reuse.ktable.source.topics"
MERGE_REPARTITIONS = "merge.repartition.topics"
SINGLE_STORE_SELF_JOIN = "single.store.self.join"
OPTIMIZATIONS = frozenset({REUSE_SOURCE_TOPICS, MERGE_REPARTITIONS, SINGLE_STORE_SELF_JOIN})


def setting(config: Config | None, name: str, default: object = None) -> object:
    """A setting by its dotted name, or by the same name with underscores."""
    if config is None:
        return default
    value = config.get(name)
    if value is None:
        value = config.get(name.replace(".", "_"))
    return default if value is None else value


def flag(config: Config | None, name: str) -> bool:
    """A setting that is on or off; texts as Kafka reads them."""
    value = setting(config, name, False)
    return value if isinstance(value, bool) else str(value).strip().lower() == "true"


def number(config: Config | None, name: str, default: int) -> int:
    """A setting that is an integer."""
    value = setting(config, name, default)
    try:
        return int(str(value))
    except ValueError:
        raise ConfigException(
            f"Invalid value {value} for configuration {name}: Not a number of type LONG. Give an integer."
        ) from None


def optimizations(config: Config | None) -> frozenset[str]:
    """What `topology.optimization` asks for.

    Raises:
        ConfigException: it is neither `all`, `none` nor a list of optimisations.
    """
    value = setting(config, "topology.optimization", "none")
    parts = [str(p).strip() for p in value] if isinstance(value, list | tuple) else str(value).split(",")
    asked = [p.strip() for p in parts if p.strip()]
    if asked in ([], ["none"]):
        return frozenset()
    if asked == ["all"]:
        return OPTIMIZATIONS
    if not set(asked) <= OPTIMIZATIONS:
        allowed = ", ".join(["all", "none", *sorted(OPTIMIZATIONS)])
        raise ConfigException(
            f"Invalid value {value} for configuration topology.optimization: "
            f'it must be "all", "none" or a comma separated list of optimisations out of {allowed}.'
        )
    return frozenset(asked)
