"""Topics into tables: what becomes of records, what is refused, and that a record has one effect, whatever fails."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest

from streams.connect.connector_config import config_of, validate
from streams.connect.errors import ConnectException
from streams.connect.jdbc.fence import FencedSinkException
from streams.connect.jdbc.sink import JdbcSink
from streams.errors import ConfigException
from streams.record import TopicPartition
from streams.testing import ConnectTestDriver
from tests.logs import quiet
from tests.streams.connect.jdbc.databases import Database, Rows

WORKER = {"key.converter": "StringConverter", "value.converter": "JsonConverter"}
UPSERT = {"insert.mode": "upsert", "pk.mode": "record_key", "pk.fields": "id", "auto.create": "true"}
PLAIN = {"value.converter": "JsonConverter", "value.converter.schemas.enable": "false"}
TOLERANT = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters"}


class Of(NamedTuple):
    """A field of a struct."""

    type: str
    value: object
    optional: bool = True
    name: str | None = None
    parameters: dict[str, str] | None = None
    default: object = None


def struct(**fields: Of) -> bytes:
    """A struct with its schema, as JsonConverter reads it."""
    schema = {
        "type": "struct",
        "fields": [
            {
                "field": name,
                "type": of.type,
                "optional": of.optional,
                **({"name": of.name, "version": 1} if of.name else {}),
                **({"parameters": of.parameters} if of.parameters else {}),
                **({"default": of.default} if of.default is not None else {}),
            }
            for name, of in fields.items()
        ],
    }
    return json.dumps({"schema": schema, "payload": {name: of.value for name, of in fields.items()}}).encode()


def order(amount: float, note: str | None = None) -> bytes:
    return struct(amount=Of("double", amount), note=Of("string", note))


def sink(database: Database, **settings: str) -> ConnectTestDriver:
    named = {name.replace("_", "."): value for name, value in settings.items()}
    given = {"name": "shop", "connector.class": "JdbcSink", "topics": "orders", **database.settings, **named}
    return ConnectTestDriver(given, WORKER)


def orders(database: Database) -> Rows:
    return database.rows("select id, amount, note from orders order by id")


def test_a_row_for_each_key(database: Database) -> None:
    with sink(database, **UPSERT) as driver:
        assert driver.guarantee.value == "exactly once"
        driver.pipe_input("orders", order(1.5, "first"), b"a")
        driver.pipe_input("orders", order(2.5), b"b")
        driver.pipe_input("orders", order(3.5, "second"), b"a")
    assert orders(database) == [("a", 3.5, "second"), ("b", 2.5, None)]


def test_a_tombstone_deletes_the_row_of_its_key(database: Database) -> None:
    with sink(database, **UPSERT, delete_enabled="true") as driver:
        driver.pipe_input("orders", order(1.5), b"a")
        driver.pipe_input("orders", order(2.5), b"b")
        driver.pipe_input("orders", None, b"a")
        driver.pipe_input("orders", None, b"never there")
    assert orders(database) == [("b", 2.5, None)]


def test_a_tombstone_is_refused_where_nothing_may_be_deleted(database: Database) -> None:
    with sink(database, **UPSERT, **TOLERANT) as driver:
        driver.pipe_input("orders", None, b"a")
        driver.pipe_input("orders", order(2.5), b"b")
        (letter,) = driver.dead_letters
        assert b"delete.enabled=true" in dict(letter.headers)["__connect.errors.exception.message"]
    assert orders(database) == [("b", 2.5, None)]


def test_rows_are_only_added_without_a_key(database: Database) -> None:
    with sink(database, auto_create="true") as driver:
        for amount in (1.5, 1.5, 2.5):
            driver.pipe_input("orders", order(amount), b"a")
    assert database.rows("select amount from orders order by amount") == [(1.5,), (1.5,), (2.5,)]


def test_the_key_may_be_where_the_record_lies(database: Database) -> None:
    with sink(database, auto_create="true", pk_mode="kafka") as driver:
        driver.pipe_input("orders", order(1.5), b"a")
        driver.pipe_input("orders", order(2.5), b"a", partition=1)
    found = database.rows(
        "select __connect_topic, __connect_partition, __connect_offset, amount from orders order by amount"
    )
    assert found == [("orders", 0, 0, 1.5), ("orders", 1, 0, 2.5)]


def test_the_key_may_be_of_the_value(database: Database) -> None:
    both = {"insert_mode": "upsert", "pk_mode": "record_value", "pk_fields": "shop,id", "auto_create": "true"}
    with sink(database, **both) as driver:
        for amount, shop in ((1, "x"), (2, "y"), (3, "x")):
            value = struct(id=Of("int64", 7, False), shop=Of("string", shop, False), amount=Of("int32", amount))
            driver.pipe_input("orders", value)
    assert database.rows("select shop, id, amount from orders order by shop") == [("x", 7, 3), ("y", 7, 2)]


def test_update_changes_only_what_is_there(database: Database) -> None:
    database.run("create table orders (id varchar(10) primary key, amount double precision, note text)",
                 "insert into orders values ('a', 1, 'kept')")  # fmt: skip
    with sink(database, **{**UPSERT, "insert.mode": "update"}, fields_whitelist="amount") as driver:
        driver.pipe_input("orders", order(9.5, "not written"), b"a")
        driver.pipe_input("orders", order(9.5), b"b")
    assert orders(database) == [("a", 9.5, "kept")]


def test_tables_are_called_as_the_settings_say(database: Database) -> None:
    names = {"table_name_format": "kafka_${topic}", "table_name_normalize": "true",
             "topics_to_tables_mapping": "returns:came_back"}  # fmt: skip
    with sink(database, auto_create="true", **names) as driver:
        driver.pipe_input("new-orders", order(1.5))
        driver.pipe_input("returns", order(2.5))
    assert database.rows("select amount from kafka_new_orders") == [(1.5,)]
    assert database.rows("select amount from came_back") == [(2.5,)]


def test_a_column_is_added_where_that_is_allowed(database: Database) -> None:
    wider = struct(amount=Of("double", 2.5), note=Of("string", None), colour=Of("string", "blue"))
    with sink(database, **UPSERT) as driver:
        driver.pipe_input("orders", order(1.5), b"a")
        with pytest.raises(ConnectException, match="no column colour"):
            driver.pipe_input("orders", wider, b"b")
    with sink(database, **UPSERT, auto_evolve="true") as driver:
        driver.pipe_input("orders", wider, b"b")
    assert database.rows("select id, colour from orders order by id") == [("a", None), ("b", "blue")]


def test_a_table_that_changes_under_the_sink(database: Database) -> None:
    with sink(database, **UPSERT, auto_evolve="true") as driver:
        driver.pipe_input("orders", order(1.5, "x"), b"a")
        database.run("alter table orders drop column note")
        driver.pipe_input("orders", order(2.5, "y"), b"b")
        database.run("drop table orders")
        driver.pipe_input("orders", order(3.5, "z"), b"c")
    assert orders(database) == [("c", 3.5, "z")]


def test_objects_without_a_schema_go_into_a_table_that_is_there(database: Database) -> None:
    database.run("create table orders (id varchar(10) primary key, amount double precision, note text)")
    with sink(database, **{**UPSERT, **PLAIN}) as driver:
        driver.pipe_input("orders", b'{"amount": 1, "note": "x"}', b"a")
        driver.pipe_input("orders", b'{"amount": 2.5}', b"a")
        driver.pipe_input("orders", b'{"amount": null}', b"b")
    assert orders(database) == [("a", 2.5, "x"), ("b", None, None)]


def test_a_table_is_not_made_of_objects_without_a_schema(database: Database) -> None:
    with sink(database, **{**UPSERT, **PLAIN}) as driver, pytest.raises(ConnectException) as refused:
        driver.pipe_input("orders", b'{"amount": 1}', b"a")
    assert "auto.create makes columns of orders by the types of their values" in str(refused.value)
    assert "orders-0 at offset 0" in str(refused.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"amount": "many"}', "'many' does not fit the column amount"),
        (b'{"amount": 1.5, "pieces": 1.25}', "does not fit the column pieces"),
        (b'{"amount": 1.5, "note": {"a": 1}}', "does not fit the column note"),
        (b'{"amount": 1.5, "pieces": -1}', ""),  # a constraint of the database
        (b'{"amount": null}', ""),
        (b'"text"', "a row needs fields"),
    ],
)
def test_a_poison_row_is_passed_over_and_the_others_are_stored(database: Database, value: bytes, said: str) -> None:
    database.run(
        "create table orders (id varchar(10) primary key, amount double precision not null, note text, "
        "pieces integer check (pieces > 0))"
    )
    with sink(database, **{**UPSERT, **PLAIN, **TOLERANT}) as driver:
        driver.pipe_input("orders", b'{"amount": 1}', b"a")
        driver.pipe_input("orders", value, b"b")
        driver.pipe_input("orders", b'{"amount": 3}', b"c")
        (letter,) = driver.dead_letters
        assert letter.value == value
        assert said.encode() in dict(letter.headers)["__connect.errors.exception.message"]
        assert dict(letter.headers)["__connect.errors.stage"] == b"TASK_PUT"
    assert orders(database) == [("a", 1.0, None), ("c", 3.0, None)]


def test_a_poison_row_ends_the_task_where_nothing_is_tolerated(database: Database) -> None:
    database.run("create table orders (id varchar(10) primary key, amount double precision not null, note text)")
    with sink(database, **{**UPSERT, **PLAIN}) as driver:
        driver.pipe_input("orders", b'{"amount": 1}', b"a")
        with pytest.raises(ConnectException, match="orders-0 at offset 1"):
            driver.pipe_input("orders", b'{"amount": null}', b"b")
    assert database.rows('select "offset" from streams_offsets') == [(1,)]


def test_values_of_all_types(database: Database) -> None:
    prefix = "org.apache.kafka.connect.data."
    value = struct(
        small=Of("int16", -7), whole=Of("int32", 70_000), large=Of("int64", 1 << 60), single=Of("float", 0.5),
        twice=Of("double", 0.1), yes=Of("boolean", True), words=Of("string", "naïve 'quoted' %s ?"),
        octets=Of("bytes", "AAH/"), price=Of("bytes", "MDk=", name=f"{prefix}Decimal", parameters={"scale": "2"}),
        day=Of("int32", 20_000, name=f"{prefix}Date"), time=Of("int32", 3_723_004, name=f"{prefix}Time"),
        moment=Of("int64", 1_700_000_000_123, name=f"{prefix}Timestamp"), none=Of("string", None),
        colour=Of("string", None, default="red"),
    )  # fmt: skip
    with sink(database, auto_create="true") as driver:
        driver.pipe_input("orders", value)
    (row,) = database.rows("select * from orders")
    said = [bytes(each).hex() if isinstance(each, memoryview | bytes) else str(each) for each in row]
    plain = ["-7", "70000", str(1 << 60), "0.5", "0.1"]
    if database.kind == "sqlite":
        tail = ["1", "naïve 'quoted' %s ?", "0001ff", "123.45", str(20_000 * 86_400_000), "3723004", "1700000000123"]
    else:
        tail = ["True", "naïve 'quoted' %s ?", "0001ff", "123.45", "2024-10-04", "01:02:03.004000",
                "2023-11-14 22:13:20.123000"]  # fmt: skip
    assert said == [*plain, *tail, "None", "red"]


# Exactly once


def test_reading_goes_on_where_the_database_says(database: Database) -> None:
    with sink(database, auto_create="true") as driver:
        driver.pipe_input("orders", order(1.5))
        driver.pipe_input("orders", order(2.5))
        driver.committed.clear()  # what the group says is for display
        driver.restart()
        driver.pipe_input("orders", order(3.5))
    assert database.rows("select amount from orders order by amount") == [(1.5,), (2.5,), (3.5,)]
    assert database.rows("select connector, topic, partition, epoch, \"offset\" from streams_offsets") == [
        ("shop", "orders", 0, 2, 3)
    ]


def test_who_was_taken_over_stores_nothing_any_more(database: Database) -> None:
    with sink(database, auto_create="true") as old:
        old.pipe_input("orders", order(1.5))
        with sink(database, auto_create="true") as new:
            new.pipe_input("orders", order(2.5))
            with pytest.raises(FencedSinkException, match="orders-0 is written by another task of connector shop"):
                old.pipe_input("orders", order(2.5))
            new.pipe_input("orders", order(3.5))
    assert database.rows("select amount from orders order by amount") == [(1.5,), (2.5,), (3.5,)]


def test_a_topic_that_was_made_again_is_not_taken_for_the_old_one(database: Database) -> None:
    with sink(database, auto_create="true") as driver:
        driver.pipe_input("orders", order(1.5))
    database.run("update streams_offsets set topic_id = 'another'")
    with sink(database, auto_create="true") as driver, pytest.raises(ConnectException) as refused:
        driver.pipe_input("orders", order(1.5))
    assert "was deleted and made again" in str(refused.value)
    assert "delete from streams_offsets where connector = 'shop' and topic = 'orders'" in str(refused.value)


def test_offsets_are_altered_where_they_are(database: Database) -> None:
    """What is set is where reading goes on, who wrote before is fenced, and what is forgotten begins anew."""
    given = {"name": "shop", "connector.class": "JdbcSink", "topics": "orders", **database.settings}
    config, partition = config_of(validate(given), given), TopicPartition("orders", 0)
    with sink(database, **UPSERT) as driver:
        driver.pipe_input("orders", order(1.0), b"a")
        assert JdbcSink().alter_offsets(config, {partition: 41})
        with pytest.raises(FencedSinkException):
            driver.pipe_input("orders", order(2.0), b"a")
    assert database.rows('select "offset", "partition" from streams_offsets') == [(41, 0)]
    assert JdbcSink().alter_offsets(config, {partition: None})
    assert database.rows("select * from streams_offsets") == []
    assert JdbcSink().alter_offsets(config, {partition: 7})
    assert database.rows('select "offset", topic_id from streams_offsets') == [(7, "")]


def test_two_connectors_keep_apart(database: Database) -> None:
    with sink(database, auto_create="true") as one, sink(database, name="other", table_name_format="other") as two:
        database.run("create table other (amount double precision, note text)")
        one.pipe_input("orders", order(1.5))
        two.pipe_input("orders", order(1.5))
        one.pipe_input("orders", order(2.5))
    assert database.rows("select count(*) from orders") == [(2,)]
    assert database.rows("select count(*) from other") == [(1,)]


# Settings


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"insert_mode": "upsert"}, "pk.mode"),
        ({"insert_mode": "merge"}, "insert.mode"),
        ({"delete_enabled": "true", "pk_mode": "record_value"}, "delete.enabled"),
        ({"pk_mode": "kafka", "pk_fields": "a,b"}, "pk.fields"),
        ({"connection_url": "jdbc:oracle:thin:@db"}, "connection.url"),
        ({"topics_to_tables_mapping": "orders"}, "topics.to.tables.mapping"),
        ({"batch_size": "0"}, "batch.size"),
        ({"db_timezone": "Mars/Olympus"}, "db.timezone"),
    ],
)
def test_settings_that_contradict_each_other_are_named(sqlite: Database, settings: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigException, match=f"for configuration {name}"):
        sink(sqlite, **settings)


@pytest.mark.parametrize("package", ["io.confluent.connect.jdbc.", "io.aiven.connect.jdbc.", ""])
def test_configurations_of_java_run(sqlite: Database, package: str) -> None:
    settings = {
        "connector_class": f"{package}JdbcSinkConnector", "insert_mode": "upsert", "pk_mode": "record_key",
        "pk_fields": "id", "auto_create": "true", "auto_evolve": "true", "max_retries": "10", "dialect_name": "",
        "retry_backoff_ms": "3000", "connection_attempts": "3", "batch_size": "3000", "tasks_max": "1",
    }  # fmt: skip
    with sink(sqlite, **settings) as driver:
        driver.pipe_input("orders", order(1.5), b"a")
    assert orders(sqlite) == [("a", 1.5, None)]


def test_a_database_whose_directory_is_not_there_yet(sqlite: Database, tmp_path: object) -> None:
    url = f"jdbc:sqlite:{tmp_path}/a/b/c.db"
    with sink(sqlite, connection_url=url, auto_create="true") as driver:
        driver.pipe_input("orders", order(1.5))


def test_a_file_that_is_no_database_is_named(sqlite: Database, tmp_path: object) -> None:
    with open(f"{tmp_path}/data.db", "wb") as file:
        file.write(b"no database at all" * 100)
    with quiet(), sink(sqlite) as driver, pytest.raises(ConnectException, match=r"data\.db: file is not a database"):
        driver.pipe_input("orders", order(1.5))
