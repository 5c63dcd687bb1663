"""Word count: how often each word of a text has come so far.

    streams-app topics create words-in --partitions 4
    gunzip -c examples/data/text.txt.gz | streams-app produce words-in
    streams-app --application-id word-count examples/word_count.py
    streams-app consume word-counts --from-beginning --key-serde string --value-serde long

Type the third line again in a second terminal: half of the work moves there.
"""

from __future__ import annotations

import re

from streams import Serdes, StreamsBuilder

words = re.compile(r"\w+").findall


def topology(builder: StreamsBuilder) -> None:
    lines = builder.stream("words-in", key_serde=Serdes.string(), value_serde=Serdes.string())
    (
        lines.flat_map_values(lambda line: words(line.lower()))
        .group_by(lambda _, word: word, key_serde=Serdes.string(), value_serde=Serdes.string())
        .count(store="counts")
        .to_stream()
        .to("word-counts", key_serde=Serdes.string(), value_serde=Serdes.long())
    )
