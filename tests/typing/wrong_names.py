"""Names that are not there: a checker must refuse each line that ends with `refused`. Never run."""
# ruff: noqa: F401, B018, I001

from __future__ import annotations

import streams
import streams.clients
import streams.testing
from streams import Serde, Serdes, StreamsBuilder
from streams import KStreams  # refused
from streams import KeyValueStores  # refused
from streams import Produser  # refused
from streams import TopologyExeption  # refused
from streams.clients import Consummer  # refused
from streams.errors import TopologyExeption as Other  # refused
from streams.testing import TopologyTestDrive  # refused

streams.Produser  # refused
streams.clients.Producers  # refused
streams.testing.TestInput  # refused
streams.StreamsBuilder().globalTable("t")  # refused
streams.Consumer().commit_async("offsets")  # refused
Serdes.String()  # refused
Serdes.list("string")  # refused
serde: Serde[str] = Serdes.long()  # refused
StreamsBuilder().build().addSource("a", "b")  # refused
StreamsBuilder().build().add_sink("a")  # refused
StreamsBuilder().add_global_store("a", "b")  # refused
