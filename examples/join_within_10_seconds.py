"""Two streams joined where their records lie at most 10 seconds apart: a click after an impression of the same ad.

    streams-app topics create impressions --partitions 2
    streams-app topics create clicks --partitions 2
    streams-app --application-id ads examples/join_within_10_seconds.py &
    echo 'ad-7:top of page' | streams-app produce impressions --key-separator :
    echo 'ad-7:alice' | streams-app produce clicks --key-separator :
    streams-app consume clicked --from-beginning

Both topics need the same number of partitions. Which of the two records comes first does not matter.
"""

from __future__ import annotations

from datetime import timedelta

from streams import JoinWindows, Serdes, StreamsBuilder

text = Serdes.string()
within = JoinWindows.of_time_difference_with_no_grace(timedelta(seconds=10))


def topology(builder: StreamsBuilder) -> None:
    impressions = builder.stream("impressions", key_serde=text, value_serde=text)
    clicks = builder.stream("clicks", key_serde=text, value_serde=text)
    impressions.join(
        clicks,
        lambda place, user: f"{user} clicked at {place}",
        within,
        key_serde=text,
        value_serde=text,
        other_value_serde=text,
    ).to("clicked", value_serde=text)
