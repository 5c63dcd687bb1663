"""The documentation page of the broker's settings, made from the tables:

    python -m broker_local.broker.settings_page > docs/broker-settings.md
"""

from __future__ import annotations

from broker_local.broker.not_applicable import REASONS
from broker_local.broker.settings import SETTINGS, Setting
from broker_local.log.topics import ONLY
from broker_local.log.topics import SETTINGS as TOPIC_SETTINGS

_HEAD = """# Settings of the bundled broker

By the names that Kafka's brokers have for them. They are given

* in the file `broker.properties` of the data directory, which every broker of that directory reads when it starts, also
  the one that the first `local://` client starts;
* in any other file: `broker-local serve DIR --properties server.properties`;
* one by one: `broker-local serve DIR --config log.retention.hours=24`.

The later wins. A file has a `name=value` a line; lines that begin with `#` or `!` say nothing:

```
# .streams/broker.properties
num.partitions=4
log.retention.hours=24
```

A broker reads its settings once, when it starts. One that a client has started goes when it had no client for 60 s; the
next one reads the file again. `memory://` has the defaults. What is wrong with a setting is told to the client that
wanted the broker, and at the end of `broker.log`.

Settings whose topic setting is named are the defaults of all topics but the broker's own: a topic's own value wins
(`streams-app topics create t --config retention.ms=60000`), topics without one change with the broker's. Of
`log.retention.ms`, `.minutes` and `.hours`, and of `log.roll.ms` and `.hours`, the finest that is given counts.

This page is made from the tables: `python -m broker_local.broker.settings_page > docs/broker-settings.md`.
"""


def page() -> str:
    """The page as Markdown."""
    kept = {setting.topic for setting in SETTINGS.values()}
    return "\n".join(
        (
            _HEAD,
            "## Settings\n",
            "| Setting | Default | Topic's setting | Meaning |",
            "|---|---|---|---|",
            *sorted(map(_row, SETTINGS.values())),
            "\n## Settings of a topic that the broker has no default for\n",
            "| Topic's setting | Default | Meaning |",
            "|---|---|---|",
            *(f"| `{s.name}` | `{s.default}` | {s.meaning} |" for s in TOPIC_SETTINGS.values() if s.name not in kept),
            *(f"| `{name}` | {f'`{only}`' if only else 'none'} | no other value has a meaning here |"
              for name, only in sorted(ONLY.items())),
            "\n## Settings of Kafka's brokers that are refused\n",
            "Names that end in `*` stand for all that begin so.\n",
            "| Setting | Why |",
            "|---|---|",
            *(f"| `{name}{'*' * name.endswith('.')}` | {why} |" for name, why in sorted(REASONS.items())),
            "",
        )
    )  # fmt: skip


def _row(setting: Setting) -> str:
    default = f"`{setting.default}`" if setting.default else "none"
    topic = f"`{setting.topic}`" if setting.topic else ""
    return f"| `{setting.name}` | {default} | {topic} | {setting.meaning} |"


if __name__ == "__main__":
    print(page(), end="")
