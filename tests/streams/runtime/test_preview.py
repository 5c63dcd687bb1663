"""The text of a topology's entry functions."""

from __future__ import annotations

from streams import Serdes, StreamsBuilder
from streams.config.application import StreamsConfig
from streams.runtime.tasks.preview import entry_text


def test_every_sub_topology_has_its_text() -> None:
    builder = StreamsBuilder()
    names = builder.global_table("names", key_serde=Serdes.string(), value_serde=Serdes.string())
    text = builder.stream("text", key_serde=Serdes.string(), value_serde=Serdes.string())
    joined = text.left_join(names, lambda key, value: value, lambda value, name: value)
    counts = joined.group_by(lambda key, word: word, key_serde=Serdes.string(), value_serde=Serdes.string()).count()
    counts.to_stream().to("out", value_serde=Serdes.long())
    config = StreamsConfig({"application.id": "app"})
    found = entry_text(builder.build().built(config), config)
    assert len(found) == 2
    for shown in found.values():
        assert "def source_0(rows):" in shown
        compile(shown, "shown", "exec")
