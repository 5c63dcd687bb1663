"""`Serdes.of`, and which serde an operator gets."""

from __future__ import annotations

from typing import Any

import pytest

from streams.errors import ConfigException, IllegalArgumentException, SerializationException, StreamsException
from streams.record import Headers
from streams.serdes import Serdes
from streams.serdes.choose import SERDE_NAMES, choose, default_serde, named_serde


def test_two_functions_of_the_value() -> None:
    serde = Serdes.of(lambda value: str(value).encode(), lambda data: int(data), name="decimal")
    assert serde.encode(12) == b"12"
    assert serde.decode(b"12") == 12
    assert (serde.name, serde.canonical, serde.exact) == ("decimal", False, None)
    assert serde.encode_with is None


def test_functions_that_ask_for_the_topic_and_the_headers() -> None:
    def serialize(topic: str, headers: Headers, value: str) -> bytes:
        return f"{topic}|{len(headers)}|{value}".encode()

    serde = Serdes.of(serialize, lambda topic, data: f"{topic}<{data.decode()}")
    assert serde.serialize("orders", "x", (("h", b"1"),)) == b"orders|1|x"
    assert serde.encoder("orders")("x") == b"orders|0|x"
    assert serde.encode("x") == b"|0|x"
    assert serde.deserialize("orders", b"x") == "orders<x"
    assert serde.decoder("orders")(b"x") == "orders<x"


def test_objects_with_javas_methods() -> None:
    class Writer:
        def serialize(self, topic: str, value: int) -> bytes:
            return b"%s=%d" % (topic.encode(), value)

    class Reader:
        def deserialize(self, data: bytes) -> int:
            return int(data)

    serde: Any = Serdes.of(Writer(), Reader())  # type: ignore[arg-type]
    assert serde.serialize("t", 3) == b"t=3"
    assert serde.deserialize("t", b"3") == 3


def test_the_shorter_form_wins_and_builtins_will_do() -> None:
    def serialize(value: int, width: int = 4) -> bytes:
        return value.to_bytes(width, "big")

    assert Serdes.of(serialize, int.from_bytes).encode(1) == b"\x00\x00\x00\x01"
    assert Serdes.of(str.encode, bytes.decode).encode("x") == b"x"


def test_what_is_no_bytes_is_refused_when_it_is_written() -> None:
    with pytest.raises(SerializationException, match="serialize returned str, expected bytes"):
        Serdes.of(lambda value: value, lambda data: data).encode("x")
    assert Serdes.of(bytearray, bytes).encode(b"ab") == b"ab"


@pytest.mark.parametrize("wrong", [3, lambda: b"", lambda a, b, c, d: b"", lambda value, *, needed: b""])
def test_what_cannot_be_called_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(IllegalArgumentException, match=r"Serdes\.of"):
        Serdes.of(wrong, bytes.decode)


def test_own_serde_then_default() -> None:
    config: dict[str, object] = {"default.key.serde": "string", "default.value.serde": Serdes.long()}
    assert choose(Serdes.uuid(), config, "key", "n") == Serdes.uuid()
    assert choose(None, config, "key", "n") == Serdes.string()
    assert choose(None, config, "value", "n") == Serdes.long()


def test_an_operator_without_serde_is_named() -> None:
    with pytest.raises(ConfigException) as raised:
        choose(None, {}, "key", "KSTREAM-SOURCE-0000000000")
    text = str(raised.value)
    assert text.startswith("KSTREAM-SOURCE-0000000000 has no key serde. Give it one, key_serde=Serdes.string()")
    assert "says: Please specify a key serde or set one through StreamsConfig#DEFAULT_KEY_SERDE_CLASS_CONFIG)" in text


def test_a_default_that_is_no_serde() -> None:
    with pytest.raises(StreamsException, match="Failed to configure value serde"):
        default_serde({"default.value.serde": 3}, "value")
    assert default_serde({}, "key") is None


def test_serdes_have_names() -> None:
    for name in SERDE_NAMES:
        serde = named_serde(name)
        assert serde is not None
        assert serde.name.startswith("Serdes.")
    assert named_serde("org.apache.kafka.common.serialization.Serdes$StringSerde") == Serdes.string()
    assert named_serde("no.such.Class") is None
