"""A table of the last value of each key, run by tests as a script, with faults planted by the environment (PLANTED, see
`tests.crash.planted_queries`). TOPIC is what it reads."""

from __future__ import annotations

import os

from streams import Materialized, Serdes, StreamsBuilder
from tests.crash.planted_queries import PLANTED_QUERIES

TEXT, NUMBER = Serdes.string(), Serdes.long()


def topology(builder: StreamsBuilder) -> None:
    builder.stream(os.environ["TOPIC"], key_serde=TEXT, value_serde=NUMBER).to_table(
        Materialized("latest", key_serde=TEXT, value_serde=NUMBER)
    )


for name in filter(None, os.environ.get("PLANTED", "").split(",")):
    PLANTED_QUERIES[name]()
