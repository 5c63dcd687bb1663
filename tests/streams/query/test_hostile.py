"""Whatever is asked over HTTP, there is an answer that says what it is: never a failure from within, and nothing for
another question than the one that was asked."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.streams.apps import TEXT, every_kind, produce, topics, wait_for
from tests.streams.query.asking import get, serving

PATHS = (
    *("/state", "/stores", "/stores/counts", "/stores/counts/count"),
    *(f"/stores/{store}/keys/a" for store in ("counts", "windows", "sessions", "versions", "all")),
    *(f"/stores/{store}/range" for store in ("counts", "windows", "sessions", "versions", "all")),
    *("/stores/windows/windows/a", "/stores/sessions/sessions/a", "/stores/versions/versions/a"),
)
NAMES = (
    *("key_format", "value_format", "min_position", "max_staleness", "isolation", "read", "partition", "limit"),
    *("cursor", "from", "to", "prefix", "reverse", "start", "end", "as_of"),
)
TEXTS = (
    *("", " ", "-", "-1", "0", "1", "²", "٣", "1e3", "1_0", "+5", "0x1", "1" * 5_000, "true", "null", "\0", "\x1b[2J"),
    *(
        "9223372036854775807",
        "-9223372036854775807",
        "9223372036854775808",
        "99999999999999999999",
        "in:0:1",
        "in:0:-1",
    ),
    *(
        '{"in":',
        '{"in": {"0": -1}}',
        '{"in": 1}',
        "{" * 10_000,
        "[" * 10_000,
        "hex",
        "int64",
        "json",
        "../../etc/passwd",
    ),
    *("WzFd", "bnVsbA", "é" * 300, "<script>alert(1)</script>", "a&b=c", "%", "%zz", "'; DROP TABLE counts"),
)
KEYS = ("%00", "%1b%5B2J", "%F0%9F%98%80", "..%2F..%2Fetc", "a/b/c", "", "%20", "%25", "x" * 20_000, "<b>")


@pytest.fixture
def endpoint(servers: str, settings: dict[str, Any]) -> Iterator[str]:
    builder = every_kind()
    builder.global_table("everywhere", key_serde=TEXT, value_serde=TEXT, store="all")
    topics(servers, **{"in": 2, "rows": 2, "everywhere": 2})
    for topic in ("in", "rows", "everywhere"):
        produce(servers, topic, [(name, "x") for name in "abc"], timestamp=1_000)
    with serving(builder, servers, **settings) as (_, made):
        wait_for(lambda: get(made, "/stores/counts/count").json.get("count") == 3)
        yield made


def check(endpoint: str, path: str, headers: dict[str, str] | None = None, **query: object) -> int:
    """The status: an answer, or a problem with words that is no failure of the server's."""
    said = get(endpoint, path, headers, **query)
    assert said.status in (200, 400, 404, 503), (path, query, said)
    if said.status != 200:
        assert said.headers["content-type"] == "application/problem+json" and said.json["detail"], (path, query, said)
    return said.status


@pytest.mark.parametrize("path", PATHS)
def test_any_parameter_with_anything(endpoint: str, path: str) -> None:
    found = {check(endpoint, path, **{"timeout": 20, name: text}) for name in NAMES for text in TEXTS}
    assert 200 in found or path.endswith(("versions/range", "windows/keys/a", "sessions/keys/a"))
    for text in TEXTS:
        check(endpoint, path, timeout=text)


@pytest.mark.parametrize("store", ["counts", "windows", "sessions", "versions"])
def test_any_key(endpoint: str, store: str) -> None:
    for key in KEYS:
        for kind in ("keys", "windows", "sessions", "versions"):
            check(endpoint, f"/stores/{store}/{kind}/{key}", start=0, end=0)


def test_what_is_no_text_is_not_taken_for_another_one(endpoint: str) -> None:
    """A replacement character for each wrong byte would be a key that is absent."""
    for path in ("/stores/counts/keys/%ff", "/stores/counts/keys/a%ED%A0%80", "/stores/counts/range?prefix=%ff"):
        said = get(endpoint, path)
        assert (said.status, said.json["title"]) == (400, "not utf 8"), said
    host, port = endpoint.split(":")
    for raw in ("/stores/counts/keys/é", "/stores/counts/range?prefix=é"):
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(f"GET {raw} HTTP/1.0\r\nHost: {endpoint}\r\n\r\n".encode())
            assert connection.makefile("rb").readline().split()[1] == b"400", raw
    assert get(endpoint, "/stores/counts/keys/61", key_format="hex").json["key"] == "a"


@pytest.mark.parametrize("store", ["counts", "windows", "sessions", "all"])
def test_a_cursor_that_somebody_has_changed(endpoint: str, store: str) -> None:
    path = f"/stores/{store}/range"
    whole = get(endpoint, path, limit=1).lines[-1]["cursor"]
    version, topology, question, partition, after = json.loads(base64.b64decode(whole + "=" * (-len(whole) % 4)))
    assert check(endpoint, path, cursor=whole) == 200

    def changed(*parts: object) -> int:
        text = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
        return check(endpoint, path, cursor=text, timeout=20)

    huge = 2**70
    for number in (-2, -5, 2, 99, huge, 1.5, True, None, "0", [0]):
        assert changed(version, topology, question, number, after) == 400, number
    places: tuple[object, ...] = ([], [1], ["61", 1, 1, 1], ["zz"], [None], [["61"]], "61", {"a": 1}, [huge, huge])
    for place in (*places, ["61", huge], ["61", huge, 0], ["61", -huge, 0], [1, "61"], ["61", "61"]):
        assert changed(version, topology, question, partition, place) == 400, place
    for other in ((2, topology, question), (version, "00", question), (version, topology, "00"), (huge, huge, huge)):
        assert changed(*other, partition, after) == 400
    assert changed() == changed(1) == changed(*range(9)) == 400


def test_what_nobody_has_seen_of_a_watch(endpoint: str) -> None:
    path = "/stores/counts/watch"
    for text in ("x", "0", "0:x", "0:1:2", "-1:0", "0:-5", "0:1,0:2", ",", "0:" + "9" * 30, "²:1"):
        assert check(endpoint, path, {"Last-Event-ID": text.encode().decode("latin-1")}) == 400, text
        assert check(endpoint, path, position=text) == 400, text
    assert check(endpoint, path, prefix="zz", key_format="hex") == 400
    assert check(endpoint, "/stores/nothing/watch") == 404
