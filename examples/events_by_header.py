"""One topic per kind of aggregate: events of several kinds in, routed by a header.

    streams-app topics create events
    streams-app --application-id router examples/events_by_header.py &
    echo '7:{"amount": 3}' | streams-app produce events --key-separator : --value-serde json --header aggregate=order
    streams-app consume order-events --from-beginning --headers

Events come in on `events`. The header `aggregate` names what the event is about, and the event goes to
`<aggregate>-events` with its key, value and headers as they are; the header `type` says which event it is.
Without the header it goes to `unknown-events`.
"""

from __future__ import annotations

from streams import RecordContext, Serdes, StreamsBuilder

KNOWN = {b"order", b"customer"}


def topic_of(key: str, value: object, record: RecordContext) -> str:
    """The topic of the event's kind. Only known kinds count: a header must not be able to make topics."""
    aggregate = dict(record.headers).get("aggregate")
    return f"{aggregate.decode()}-events" if aggregate in KNOWN else "unknown-events"


def topology(builder: StreamsBuilder) -> None:
    events = builder.stream("events", key_serde=Serdes.string(), value_serde=Serdes.json())
    events.to(topic_of)
