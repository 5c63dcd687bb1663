r"""Copies the values that are longer than 5 characters to a second topic.

    printf 'short\nlong enough\n' | streams-app produce texts
    streams-app --application-id filter examples/filter_by_length.py
    streams-app consume long-texts --from-beginning

A value of exactly 5 characters stays behind.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def topology(builder: StreamsBuilder) -> None:
    texts = builder.stream("texts", key_serde=text, value_serde=text)
    texts.filter(lambda _, value: len(value) > 5).to("long-texts")
