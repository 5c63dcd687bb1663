"""Two jobs in one application: they become one topology with two sub-topologies.

    streams-app topics create left
    streams-app topics create right
    streams-app --application-id two-jobs examples/two_jobs.py &
    echo hello | streams-app produce left
    streams-app consume left-upper --from-beginning

Each begins to work when its own topic gets data, and each is divided among the instances by its own partitions. The
group that reads both is named after the application: `streams-app groups describe two-jobs`.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def upper(builder: StreamsBuilder) -> None:
    builder.stream("left", key_serde=text, value_serde=text).map_values(str.upper).to("left-upper", value_serde=text)


def reverse(builder: StreamsBuilder) -> None:
    builder.stream("right", key_serde=text, value_serde=text).map_values(lambda value: value[::-1]).to(
        "right-reversed", value_serde=text
    )


def topology(builder: StreamsBuilder) -> None:
    upper(builder)
    reverse(builder)
