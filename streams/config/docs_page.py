"""The documentation page of all settings, made from the tables: `python -m streams.config.docs_page >
docs/settings.md`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from streams.config.clients import ADMIN, CONSUMER, FETCH_BYTES, PRODUCER
from streams.config.derived import OF_BUNDLED, READ_BY_CONSUMER, READ_BY_PRODUCER
from streams.config.streams import DIFFERENT, SETTINGS
from streams.config.table import Setting, Type, text_of
from streams.config.topics import TOPIC


def _names(settings: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(settings))


_HEAD = """# Settings

Every setting of Kafka Streams 4.x and its clients, by Kafka's name. In code the same name with underscores is a keyword
(`commit_interval_ms=50`), in the environment it is `STREAMS_APP_COMMIT_INTERVAL_MS`, in a file it stands as it is or in
Spring Boot's layout. Later wins: defaults, `config` beside the topology, the file, the environment, the command line.
Durations are milliseconds or `timedelta`. Unknown names are refused, with the nearest known one.

The prefixes `consumer.`, `main.consumer.`, `restore.consumer.`, `global.consumer.`, `producer.`, `admin.` and `topic.`
hand settings to one client or to all internal topics; a specific prefix beats a general one, which beats none.

A file in Spring Boot's layout may be shared with Java applications: what of it has no effect here and harms nobody
(`producer.retries`, `compression-type`, timeouts of Kafka's connections, …) is left out, each with a warning that names
its line and says why. What would change a guarantee (three replicas, `SASL_SSL`) is refused by name,
and so is, elsewhere than in such a file, what has no meaning.

This page is made from the tables: `python -m streams.config.docs_page > docs/settings.md`.
"""

_APPLICATION = f"""An application's clients are the runtime's own. Of the settings below its consumer reads
{_names(READ_BY_CONSUMER)}; its producer reads
{_names(READ_BY_PRODUCER)}.
The consumer's `fetch.max.bytes` counts up to {FETCH_BYTES}: more would only wait in memory.
What else is given for them, with a prefix or without, changes nothing, which a warning tells at the start."""


def page() -> str:
    """The page as Markdown."""
    different = "\n".join(f"* `{name}`: {why}" for name, why in DIFFERENT.items())
    return "\n".join(
        (
            _HEAD,
            f"## Where defaults differ from Kafka's\n\n{different}\n"
            "* `linger.ms` of the application's producer: 0; Kafka Streams waits 100, here the outbox "
            "makes the batches.\n"
            f"* `heartbeat.interval.ms` of the application's consumer on the bundled engine: "
            f"{OF_BUNDLED['heartbeat.interval.ms']}; Kafka has 3,000. Workers learn of a rebalance by it.\n",
            _section("Application", SETTINGS),
            f"## Clients of an application\n\n{_APPLICATION}\n",
            _section("Consumer", CONSUMER),
            _section("Producer", PRODUCER, CONSUMER),
            _section("Admin", ADMIN, CONSUMER, PRODUCER),
            _section("Topics", TOPIC),
        )
    )


def _section(title: str, table: Mapping[str, Setting], *before: Mapping[str, Setting]) -> str:
    """One table; settings that stand in an earlier one alike are left out."""
    rows = [s for s in table.values() if not any(_row(s) == _row(o[s.name]) for o in before if s.name in o)]
    more = " What the clients above have alike is left out." if len(rows) < len(table) else ""
    lines = (f"## {title}\n", *([more.strip() + "\n"] if more else []), *_table(rows))
    return "\n".join(lines) + "\n"


def _table(settings: Iterable[Setting]) -> list[str]:
    rows = sorted(_row(setting) for setting in settings if not setting.name.startswith("__"))
    return ["| Setting | Type | Default | Meaning |", "|---|---|---|---|", *rows]


def _row(setting: Setting) -> str:
    note = ""
    if setting.of_kafka and setting.no_meaning is None:
        note = " Of Apache Kafka: the bundled engine refuses it."
    elif setting.no_meaning is not None and setting.type is Type.BOOLEAN and setting.built_values:
        note = f" Changes nothing: {setting.no_meaning}."
    elif setting.no_meaning is not None:
        note = f" Refused: {setting.no_meaning}."
    elif setting.not_built is not None:
        note = f" Other values come with {setting.not_built}; not built yet."
    return f"| `{setting.name}` | {setting.type.value.lower()} | {_default(setting)} | {setting.doc}{note} |"


def _default(setting: Setting) -> str:
    value = setting.default
    if value is None or value in ("", ()):
        return "required" if setting.required else "none"
    if isinstance(value, str | int | float | tuple):
        return f"`{text_of(value).strip('[]')}`"
    return f"`{type(value).__name__}`"


if __name__ == "__main__":
    print(page(), end="")
