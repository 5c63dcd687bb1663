"""The text of a topology's entry functions."""

from __future__ import annotations

from streams import Consumed, Named, Produced, Serdes, StreamsBuilder
from streams.config.application import StreamsConfig
from streams.runtime.compile import fuse
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


def shouting() -> str:
    """The entry functions of the example at the head of the compiler."""
    builder, text, raw = StreamsBuilder(), Serdes.string(), Serdes.bytes()
    words = builder.stream("words", Consumed.with_(raw, text).with_name("words"))
    shouted = words.map_values(str.upper, Named.as_("shout"))
    shouted.to("shouted", Produced.with_(raw, text).with_name("shouted"))
    config = StreamsConfig({"application.id": "app"})
    return entry_text(builder.build(config).built(config), config)[0]


def test_the_head_of_the_compiler_shows_what_it_writes() -> None:
    shown = [line.strip() for line in (fuse.__doc__ or "").splitlines() if "# " in line]
    assert len(shown) > 15
    assert [line.strip() for line in shouting().splitlines()[2 : 2 + len(shown)]] == shown
