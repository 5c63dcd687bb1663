r"""The same records read as a stream, as a table and as a global table.

    printf 'alice:Rome\nalice:Paris\n' | streams-app produce moves --key-separator :
    printf 'Rome:Italy\nParis:France\n' | streams-app produce countries --key-separator :
    streams-app --application-id kinds examples/stream_or_table.py &
    streams-app consume visits --from-beginning --value-serde long
    streams-app consume homes --from-beginning
    echo 'alice:-' | streams-app produce moves --key-separator : --null-marker -
    streams-app consume visited-countries --from-beginning

A stream takes every record for itself: alice has made 2 moves. A table keeps the latest for each key, and a record
without a value deletes its row: alice lives in Paris. A global table is whole in every instance, so that any record can
be joined with it by any key, without both having as many partitions.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def topology(builder: StreamsBuilder) -> None:
    moves = builder.stream("moves", key_serde=text, value_serde=text)
    moves.group_by_key().count(store="visits").to_stream().to("visits")

    moves.to_table(store="homes", key_serde=text, value_serde=text).to_stream().to("homes")

    countries = builder.global_table("countries", key_serde=text, value_serde=text, store="countries")
    moves.join(countries, lambda _, city: city, lambda city, country: f"{city} in {country}").to(
        "visited-countries", value_serde=text
    )
