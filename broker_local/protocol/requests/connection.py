"""The hello of a connection, with which versions are settled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from broker_local.protocol.codec import MaxLength
from broker_local.protocol.requests.request import Asks, Name, Reply, Small, Text, request

PROTOCOL_VERSION = 3
"""What `Hello` settles: the version of the frames and of the meaning of all requests together."""


@dataclass(frozen=True, slots=True)
class HelloReply(Reply):
    """Who answers. `version` is the highest both sides know; `durability` is `process` or `durable`."""

    version: Small
    broker: Text
    durability: Text
    pid: int


@request(0, HelloReply)
@dataclass(frozen=True, slots=True)
class Hello(Asks[HelloReply]):
    """The first frame of a connection. Its layout never changes: it is what versions are settled with.

    `directory`: device and inode of the data directory that is meant, as `DataDirectory.identity` gives them (None:
    whichever it is); the broker of another one refuses with INCONSISTENT_CLUSTER_ID.
    """

    minimum: Small
    maximum: Small
    client: Name
    token: Annotated[str, MaxLength(200)] | None = None
    directory: Annotated[str, MaxLength(100)] | None = None
