"""The built-in serdes: the way there and back, what they refuse, and what the runtime may conclude from them."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import (
    ClassCastException,
    ConfigException,
    IllegalArgumentException,
    KafkaException,
    SerializationException,
)
from streams.record import Window, Windowed
from streams.serdes import Serde, Serdes
from streams.serdes.windowed import NO_END

quick = settings(max_examples=60, deadline=None)

WHOLE = [(Serdes.short(), "h", 16), (Serdes.integer(), "i", 32), (Serdes.long(), "q", 64)]
ALL: list[Serde[Any]] = [
    Serdes.string(),
    Serdes.bytes(),
    Serdes.integer(),
    Serdes.long(),
    Serdes.short(),
    Serdes.float(),
    Serdes.double(),
    Serdes.boolean(),
    Serdes.uuid(),
    Serdes.json(),
    Serdes.msgpack(),
    Serdes.list(Serdes.string()),
    Serdes.list(Serdes.long()),
    Serdes.time_windowed(Serdes.string(), 10),
    Serdes.session_windowed(Serdes.string()),
]
VALUES = st.one_of(
    st.text(),
    st.binary(),
    st.integers(-(1 << 70), 1 << 70),
    st.floats(),
    st.booleans(),
    st.uuids(),
    st.lists(st.one_of(st.text(), st.none(), st.integers())),
    st.dictionaries(st.text(), st.integers(0, 5)),
    st.builds(Windowed, st.text(), st.builds(Window, st.integers(0, 9), st.integers(10, 20))),
)


@pytest.mark.parametrize(("serde", "code", "bits"), WHOLE)
def test_whole_numbers_are_big_endian(serde: Serde[int], code: str, bits: int) -> None:
    @quick
    @given(st.integers(-(1 << bits - 1), (1 << bits - 1) - 1))
    def there_and_back(value: int) -> None:
        data = serde.encode(value)
        assert data == struct.pack(f">{code}", value)
        assert serde.decode(data) == value
        assert serde.exact is not None
        assert serde.exact(value)

    there_and_back()
    for outside in (1 << bits - 1, -(1 << bits - 1) - 1):
        with pytest.raises(SerializationException, match="holds"):
            serde.encode(outside)
        assert serde.exact is not None
        assert not serde.exact(outside)


@pytest.mark.parametrize("serde", ALL, ids=str)
def test_serdes_refuse_by_name_or_keep_their_promises(serde: Serde[Any]) -> None:
    @quick
    @given(VALUES)
    def promises(value: object) -> None:
        exact = serde.exact is not None and serde.exact(value)
        try:
            data = serde.encode(value)
        except KafkaException as refused:
            assert isinstance(refused, ClassCastException | SerializationException)
            assert not exact
            return
        again = serde.decode(data)
        assert serde.encode(again) == data
        if exact:
            assert type(again) is type(value)
            assert again == value or (value != value and again != again)
        if serde.quick_encode is not None:
            assert serde.quick_encode(value) == data
        if serde.quick_decode is not None:
            assert serde.encode(serde.quick_decode(data)) == data
        if serde.fixed_width is not None:
            assert len(data) == serde.fixed_width

    promises()


@pytest.mark.parametrize("serde", ALL, ids=str)
def test_no_bytes_break_a_serde(serde: Serde[Any]) -> None:
    @quick
    @given(st.binary(max_size=40))
    def reads_or_refuses(data: bytes) -> None:
        try:
            value = serde.decode(data)
        except SerializationException:
            return
        if serde.canonical and "\ufffd" not in str(value):
            assert serde.encode(value) == data

    reads_or_refuses()


@pytest.mark.parametrize(
    ("serde", "data", "text"),
    [
        (Serdes.long(), b"\x00" * 7, "Size of data received by LongDeserializer is not 8"),
        (Serdes.integer(), b"\x00" * 5, "Size of data received by IntegerDeserializer is not 4"),
        (Serdes.short(), b"", "Size of data received by ShortDeserializer is not 2"),
        (Serdes.double(), b"\x00", "Size of data received by DoubleDeserializer is not 8"),
        (Serdes.float(), b"\x00", "Size of data received by FloatDeserializer is not 4"),
        (Serdes.boolean(), b"", "Size of data received by BooleanDeserializer is not 1"),
        (Serdes.boolean(), b"\x02", "Unexpected byte received by BooleanDeserializer: 2"),
        (Serdes.uuid(), b"nonsense", "Error parsing data into UUID"),
    ],
)
def test_unreadable_data_is_refused_in_javas_words(serde: Serde[Any], data: bytes, text: str) -> None:
    with pytest.raises(SerializationException) as raised:
        serde.decode(data)
    assert str(raised.value).startswith(text)


@pytest.mark.parametrize(
    ("serde", "value", "text"),
    [
        (Serdes.long(), "x", "expected int for Serdes.long(), got str 'x'."),
        (Serdes.string(), 3, "expected str for Serdes.string(), got int 3."),
        (Serdes.bytes(), "x", "expected bytes for Serdes.bytes(), got str 'x'."),
        (Serdes.double(), "1", "expected float for Serdes.double(), got str '1'."),
        (Serdes.boolean(), 1, "expected bool for Serdes.boolean(), got int 1."),
        (Serdes.uuid(), "x", "expected uuid.UUID for Serdes.uuid(), got str 'x'."),
        (Serdes.list(Serdes.long()), 1, "expected list for Serdes.list(Serdes.long()), got int 1."),
        (Serdes.time_windowed(Serdes.string(), 5), "x", "expected Windowed for Serdes.time_windowed("),
        (Serdes.session_windowed(Serdes.string()), ("x", 1), "expected Windowed for Serdes.session_windowed("),
    ],
)
def test_a_value_of_another_type_is_named(serde: Serde[Any], value: object, text: str) -> None:
    with pytest.raises(ClassCastException) as raised:
        serde.encode(value)
    assert str(raised.value).startswith(text)


def test_the_inner_serdes_error_comes_through() -> None:
    with pytest.raises(ClassCastException, match=r"expected str for Serdes\.string\(\), got int 1"):
        Serdes.time_windowed(Serdes.string(), 5).encode(Windowed(1, Window(0, 5)))
    with pytest.raises(SerializationException, match="without a key"):
        Serdes.session_windowed(Serdes.string()).encode(Windowed(None, Window(0, 5)))


def test_none_is_no_bytes_and_void_takes_nothing_else() -> None:
    for serde in [*ALL, Serdes.void()]:
        assert serde.serialize("t", None) is None
        assert serde.deserialize("t", None) is None
    with pytest.raises(IllegalArgumentException, match=r"^Data should be null for a VoidSerializer"):
        Serdes.void().serialize("t", "x")  # type: ignore[arg-type]
    with pytest.raises(IllegalArgumentException, match=r"^Data should be null for a VoidDeserializer"):
        Serdes.void().deserialize("t", b"")


@pytest.mark.parametrize(
    "make",
    [
        Serdes.string,
        Serdes.long,
        Serdes.json,
        Serdes.msgpack,
        lambda: Serdes.string("latin-1"),
        lambda: Serdes.json(dict[str, int]),
        lambda: Serdes.list(Serdes.uuid()),
        lambda: Serdes.time_windowed(Serdes.string(), 10),
        lambda: Serdes.session_windowed(Serdes.long()),
    ],
)
def test_serdes_asked_for_alike_are_equal(make: Callable[[], Serde[Any]]) -> None:
    assert make() == make()
    assert hash(make()) == hash(make())
    assert make() != Serdes.bytes()


def test_encodings() -> None:
    latin = Serdes.string("latin-1")
    assert latin.encode("é") == b"\xe9"
    assert latin.decode(b"\xe9") == "é"
    with pytest.raises(SerializationException, match="iso8859-1"):
        latin.encode("日")
    assert Serdes.string("UTF8") == Serdes.string()
    with pytest.raises(ConfigException, match="Unsupported encoding klingon"):
        Serdes.string("klingon")


def test_malformed_text_is_read_as_java_reads_it() -> None:
    serde = Serdes.string()
    assert serde.decode(b"a\xffb") == "a\ufffdb"
    assert serde.decode(b"\xe6\x97") == "\ufffd"
    assert serde.decode(b"\xc0\x80") == "\ufffd\ufffd"
    assert serde.quick_decode is not None
    with pytest.raises(UnicodeDecodeError):
        serde.quick_decode(b"\xff")
    with pytest.raises(SerializationException, match="surrogates not allowed"):
        serde.encode("\ud800")


def test_windows_end_where_their_size_says() -> None:
    key = Serdes.string().encode("k")
    data = key + struct.pack(">q", 5_000)
    assert Serdes.time_windowed(Serdes.string(), timedelta(seconds=1)).decode(data) == Windowed(
        "k", Window(5_000, 6_000)
    )
    assert Serdes.time_windowed(Serdes.string()).decode(data).window.end == NO_END
    late = key + struct.pack(">q", NO_END - 1)
    assert Serdes.time_windowed(Serdes.string(), 10).decode(late).window.end == NO_END
    assert Serdes.time_windowed(Serdes.string(), 0).decode(data).window.end == 5_000
    for size in (-1, timedelta(seconds=-1)):
        with pytest.raises(IllegalArgumentException, match="must not be negative"):
            Serdes.time_windowed(Serdes.string(), size)


def test_windowed_keys_are_partitioned_by_their_inner_key() -> None:
    for serde in (Serdes.time_windowed(Serdes.string(), 10), Serdes.session_windowed(Serdes.string())):
        assert serde.partition_bytes is not None
        assert serde.partition_bytes(serde.encode(Windowed("key", Window(0, 10)))) == b"key"


def test_floats_of_32_bits_never_stand_for_their_bytes() -> None:
    assert Serdes.float().exact is None
    assert Serdes.float().decode(Serdes.float().encode(0.1)) != 0.1
    with pytest.raises(SerializationException, match="too large"):
        Serdes.float().encode(1e300)
    assert math.isnan(Serdes.double().decode(Serdes.double().encode(math.nan)))


def test_uuids_in_capitals_are_no_canonical_bytes() -> None:
    text = b"123E4567-E89B-12D3-A456-426614174000"
    assert Serdes.uuid().decode(text) == UUID(text.decode())
    assert not Serdes.uuid().canonical


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02",
        b"\x01\x7f\xff\xff\xff",
        b"\x00\x7f\xff\xff\xff\x00\x00\x00\x00",
        b"\x01\x00\x00\x00\x01\x00\x00\x00\x05ab",
        b"\x01\xff\xff\xff\xff",
    ],
)
def test_damaged_lists_are_refused_before_memory_is_taken(data: bytes) -> None:
    for inner in (Serdes.string(), Serdes.long()):
        with pytest.raises(SerializationException):
            Serdes.list(inner).decode(data)
