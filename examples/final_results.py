r"""One result for each window, when it is final: visits per page and minute, late ones taken for 30 seconds.

    printf '/home:alice\n/home:bob\n' | streams-app produce visits --key-separator :
    streams-app --application-id final examples/final_results.py
    streams-app consume visits-per-minute --from-beginning --key-serde time_windowed:string:60000 --value-serde long

Nothing is shown until a later visit closes the minute: produce one more after a minute and a half.

A window is final when stream time has passed its end and the grace; stream time moves with the records, not with the
clock on the wall. A visitor's session ends where the visitor is away for 5 minutes. The retention of a day is for quiet
hours: as in Kafka Streams, a session that the next record's time pushes out of the store is not emitted any more.
"""

from __future__ import annotations

from datetime import timedelta

from streams import BufferConfig, EmitStrategy, Serdes, SessionWindows, StreamsBuilder, Suppressed, TimeWindows

text = Serdes.string()
minute = TimeWindows.of_size_and_grace(timedelta(minutes=1), timedelta(seconds=30))
session = SessionWindows.of_inactivity_gap_and_grace(timedelta(minutes=5), timedelta(seconds=30))


def topology(builder: StreamsBuilder) -> None:
    visits = builder.stream("visits", key_serde=text, value_serde=text)

    per_minute = visits.group_by_key().windowed_by(minute).count()
    per_minute.suppress(Suppressed.until_window_closes(BufferConfig.unbounded())).to_stream().to("visits-per-minute")

    by_visitor = visits.group_by(lambda page, visitor: visitor, key_serde=text, value_serde=text)
    sessions = by_visitor.windowed_by(session).emit_strategy(EmitStrategy.on_window_close())
    sessions.count(store="sessions", retention=timedelta(days=1)).to_stream().to("sessions")
