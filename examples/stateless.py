r"""Steps without state: filter, map_values, flat_map_values, branch and merge.

    printf 'ok a.html 200\nbad\nok b.html 503\n' | streams-app produce requests
    streams-app --application-id stateless examples/stateless.py
    streams-app consume failures --from-beginning
    streams-app consume successes --from-beginning
    streams-app consume letters --from-beginning

A line `ok PATH STATUS` is a request; all others are dropped.
"""

from __future__ import annotations

from streams import Serdes, StreamsBuilder

text = Serdes.string()


def topology(builder: StreamsBuilder) -> None:
    lines = builder.stream("requests", key_serde=text, value_serde=text)
    requests = lines.filter(lambda _, line: line.startswith("ok ")).map_values(lambda line: line.split()[1:])

    failed, redirected, fine = requests.branch(
        lambda _, request: int(request[1]) >= 500,
        lambda _, request: int(request[1]) >= 300,
        lambda _, request: True,
    )
    failed.map_values(" ".join).to("failures", key_serde=text, value_serde=text)
    good = fine.merge(redirected).map_values(lambda request: request[0])
    good.to("successes", key_serde=text, value_serde=text)
    good.flat_map_values(lambda path: list(path.partition(".")[0])).to("letters", key_serde=text, value_serde=text)
