"""Tables into topics: which rows each mode reads, where reading goes on, and what is refused."""

from __future__ import annotations

import json
import logging
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from streams.connect.connector_config import config_of, validate
from streams.connect.errors import ConnectException, DataException, RetriableException
from streams.connect.jdbc.source import JdbcSource
from streams.errors import ConfigException
from streams.testing import ConnectRecord, ConnectTestDriver
from tests.engines import until
from tests.logs import quiet
from tests.streams.connect.jdbc.databases import Database, Postgres, Sqlite

WORKER = {
    "key.converter": "JsonConverter",
    "key.converter.schemas.enable": "false",
    "value.converter": "JsonConverter",
    "value.converter.schemas.enable": "false",
}
ORDERS = "create table orders (id {serial} primary key, amount integer, changed timestamp not null default {long_ago})"


def made(database: Database, count: int = 0) -> None:
    """A table of orders, with so many in it."""
    words = {
        "sqlite": {"serial": "integer", "long_ago": "'2026-01-01 00:00:00'"},
        "postgresql": {"serial": "bigserial", "long_ago": "'2026-01-01 00:00:00'"},
    }
    database.run(ORDERS.format(**words[database.kind]))
    add(database, *range(1, count + 1))


def add(database: Database, *amounts: int, changed: str = "2026-01-01 00:00:00") -> None:
    database.run(*(f"insert into orders (amount, changed) values ({amount}, '{changed}')" for amount in amounts))


def source(database: Database, mode: str, **settings: str) -> ConnectTestDriver:
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return ConnectTestDriver(
        {
            "name": "shop", "connector.class": "JdbcSource", "mode": mode, "topic.prefix": "db-",
            "poll.interval.ms": "1", "table.poll.interval.ms": "1", **database.settings, **named,
        },
        WORKER,
    )  # fmt: skip


def taken(driver: ConnectTestDriver, polls: int = 6) -> list[ConnectRecord]:
    found: list[ConnectRecord] = []
    for _ in range(polls):
        found += driver.poll()
        driver.world.sleep(2)
    return found


def amounts(records: list[ConnectRecord]) -> list[int]:
    return [json.loads(record.value or b"null")["amount"] for record in records]


TIMED = {"timestamp_column_name": "changed"}


@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        ("incrementing", {}),
        ("incrementing", {"incrementing_column_name": "id"}),
        ("timestamp", TIMED),
        ("timestamp+incrementing", TIMED),
    ],
)
def test_rows_are_read_once_and_in_order(database: Database, mode: str, settings: dict[str, str]) -> None:
    made(database, 5)
    with quiet(), source(database, mode, batch_max_rows="2", **settings) as driver:
        assert driver.guarantee.value == "exactly once"
        found = taken(driver)
        assert amounts(found) == [1, 2, 3, 4, 5]
        assert {record.topic for record in found} == {"db-orders"}
        driver.restart()
        assert taken(driver) == []
        add(database, 6, 7, changed="2026-01-02 00:00:00")
        assert amounts(taken(driver)) == [6, 7]


def test_the_whole_table_again_and_again(database: Database) -> None:
    made(database, 3)
    with source(database, "bulk", batch_max_rows="2") as driver:
        assert driver.guarantee.value == "at least once"
        assert amounts(driver.poll() + driver.poll()) == [1, 2, 3]
        assert driver.offsets == {}
        driver.world.sleep(5)
        assert amounts(driver.poll() + driver.poll()) == [1, 2, 3]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_rows_of_the_same_time_are_not_left_behind(database: Database, rows: int) -> None:
    made(database)
    for day in range(1, 4):
        add(database, *range(day * 10, day * 10 + 5), changed=f"2026-01-0{day} 00:00:00.123")
    with quiet(), source(database, "timestamp", batch_max_rows=str(rows), **TIMED) as driver:
        found = []
        for _ in range(20):
            found += driver.poll()
            driver.restart()  # after each page
        assert sorted(amounts(found)) == [*range(10, 15), *range(20, 25), *range(30, 35)]


def test_rows_that_are_too_young_wait(database: Database) -> None:
    made(database)
    now = datetime.now(UTC)
    add(database, 1, changed=str((now - timedelta(minutes=5)).replace(tzinfo=None)))
    add(database, 2, changed=str((now - timedelta(seconds=1)).replace(tzinfo=None)))
    with quiet(), source(database, "timestamp", timestamp_delay_interval_ms="60000", **TIMED) as driver:
        assert amounts(taken(driver)) == [1]


def test_reading_may_begin_at_a_time(database: Database) -> None:
    made(database)
    for day in range(1, 4):
        add(database, day, changed=f"2026-01-0{day} 00:00:00")
    second = int(datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000)
    for initial, expected in ((second - 1, [2, 3]), (-1, [])):
        with quiet(), source(database, "timestamp", timestamp_initial=str(initial), **TIMED) as driver:
            assert amounts(taken(driver)) == expected


def test_the_first_time_that_is_there_counts(database: Database) -> None:
    database.run(
        "create table orders (id integer primary key, amount integer, changed timestamp, made timestamp not null)",
        "insert into orders values (1, 1, '2026-01-03', '2026-01-01')",
        "insert into orders values (2, 2, null, '2026-01-02')",
    )
    with quiet(), source(database, "timestamp", timestamp_column_name="changed,made") as driver:
        assert amounts(taken(driver)) == [2, 1]


def test_a_column_that_may_be_empty_is_refused(database: Database) -> None:
    database.run("create table orders (id integer primary key, amount integer, changed timestamp)")
    with quiet(), source(database, "timestamp", **TIMED) as driver, pytest.raises(ConnectException) as refused:
        driver.poll()
    assert "changed of" in str(refused.value) and "validate.non.null=false" in str(refused.value)


def test_a_query_instead_of_tables(database: Database) -> None:
    made(database, 5)
    query = "select id, amount * 10 as amount from orders where amount % 2 = 1"
    settings = {"query": query, "topic_prefix": "odd", "incrementing_column_name": "id"}
    with quiet(), source(database, "incrementing", **settings) as driver:
        found = taken(driver)
        assert amounts(found) == [10, 30, 50]
        assert {record.topic for record in found} == {"odd"}
        driver.restart()
        add(database, 7)
        assert amounts(taken(driver)) == [70]


def test_which_tables_are_read(database: Database) -> None:
    database.run(*(f"create table {name} (id integer primary key, amount integer)" for name in ("a", "b", "c")),
                 *(f"insert into {name} values (1, 1)" for name in ("a", "b", "c")))  # fmt: skip

    def topics(**settings: str) -> set[str]:
        with quiet(), source(database, "incrementing", incrementing_column_name="id", **settings) as driver:
            return {record.topic for record in taken(driver)}

    assert topics() == {"db-a", "db-b", "db-c"}
    assert topics(table_whitelist="a,c") == {"db-a", "db-c"}
    assert topics(table_blacklist="a,c") == {"db-b"}


def test_a_table_that_comes_later_and_one_that_changes(database: Database) -> None:
    made(database, 1)
    with quiet(), source(database, "incrementing", incrementing_column_name="id") as driver:
        assert amounts(taken(driver)) == [1]
        database.run("alter table orders add column note text", "insert into orders (amount, note) values (2, 'x')")
        (record,) = taken(driver)
        assert json.loads(record.value or b"")["note"] == "x"
        database.run("alter table orders drop column note", "insert into orders (amount) values (3)")
        assert amounts(taken(driver)) == [3]
        database.run("create table later (id integer primary key, amount integer)", "insert into later values (9, 9)")
        assert amounts(taken(driver)) == [9]


def test_a_file_that_comes_later_is_not_made(sqlite: Sqlite) -> None:
    with quiet(), source(sqlite, "incrementing") as driver:
        with pytest.raises(RetriableException, match=r"data\.db"):
            driver.poll()
        assert not sqlite.path.exists()
        made(sqlite, 2)
        assert amounts(taken(driver)) == [1, 2]


def test_values_of_all_types_of_sqlite(sqlite: Sqlite) -> None:
    sqlite.run(
        "create table t (id integer primary key, big bigint, r real, yes boolean, words varchar(9), b blob, "
        "price decimal(10, 2), d date, m timestamp, m2 timestamp, j json)",
        "insert into t values (1, 1 << 60, 0.5, 1, 'é', x'00ff', 12.5, '2026-02-03', 1700000000123, "
        "'2023-11-14 22:13:20.123', '{\"a\": 1}')",
    )
    with source(sqlite, "incrementing", numeric_mapping="best_fit") as driver, quiet():
        (record,) = taken(driver)
    moment = 1_700_000_000_123
    assert json.loads(record.value or b"") == {
        "id": 1, "big": 1 << 60, "r": 0.5, "yes": True, "words": "é", "b": "AP8=", "price": 12.5, "d": 20_487,
        "m": moment, "m2": moment, "j": '{"a": 1}',
    }  # fmt: skip


def test_a_value_that_is_not_of_its_columns_type_is_named(sqlite: Sqlite) -> None:
    made(sqlite, 1)
    sqlite.run("insert into orders (amount) values ('many')")
    with quiet(), source(sqlite, "incrementing") as driver, pytest.raises(DataException) as refused:
        driver.poll()
    assert "orders, column amount" in str(refused.value) and "'many'" in str(refused.value)


def test_values_of_all_types_of_postgresql(postgres: Postgres) -> None:
    postgres.run(
        "create type colour as enum ('red')",
        "create table t (id bigserial primary key, s smallint, r real, d double precision, yes boolean, w varchar(9), "
        "b bytea, price numeric(10, 2), plain numeric, day date, t time, m timestamp, z timestamptz, j jsonb, "
        "u uuid, c colour)",
        "insert into t values (1, -7, 0.5, 0.1, true, 'é', '\\x00ff', 12.5, 5, '2026-02-03', '01:02:03.004', "
        "'2023-11-14 22:13:20.123', '2023-11-14 23:13:20.123+01', '{\"a\": 1}', "
        "'00000000-0000-0000-0000-000000000001', 'red')",
    )
    with quiet(), source(postgres, "incrementing", numeric_mapping="best_fit") as driver:
        (record,) = taken(driver)
    found = json.loads(record.value or b"")
    del found["plain"]  # a Decimal of 127 digits behind the point
    moment = 1_700_000_000_123
    assert found == {
        "id": 1, "s": -7, "r": 0.5, "d": 0.1, "yes": True, "w": "é", "b": "AP8=", "price": 12.5, "day": 20_487,
        "t": 3_723_004, "m": moment, "z": moment, "j": '{"a": 1}', "u": "00000000-0000-0000-0000-000000000001",
        "c": "red",
    }  # fmt: skip


# What is lost, and what is not


def test_incrementing_loses_a_row_that_is_committed_late_and_transaction_does_not(postgres: Postgres) -> None:
    """The number is given when the row is written, and the row is seen when its transaction ends."""
    made(postgres)
    with (
        quiet(),
        source(postgres, "incrementing") as by_number,
        source(postgres, "timestamp", **TIMED) as by_time,
        source(postgres, "transaction", source_prepare="true", transaction_column_name="xid") as by_transaction,
    ):
        assert taken(by_number) == taken(by_time) == taken(by_transaction) == []
        slow, quick = postgres.connection(), postgres.connection()
        with slow, quick:
            slow.execute("begin")
            slow.execute("insert into orders (amount, changed) values (1, '2026-01-01')")
            quick.execute("insert into orders (amount, changed) values (2, '2026-01-02')")
            assert amounts(taken(by_number)) == [2]
            assert amounts(taken(by_time)) == [2]
            assert taken(by_transaction) == []  # it waits
            slow.execute("commit")
        assert taken(by_number) == []  # lost for ever
        assert taken(by_time) == []
        assert amounts(taken(by_transaction)) == [1, 2]


def test_transaction_reads_updates_and_bears_the_key(postgres: Postgres) -> None:
    made(postgres, 3)
    with source(postgres, "transaction", source_prepare="true", batch_max_rows="2") as driver:
        found = taken(driver)
        assert amounts(found) == [1, 2, 3]
        assert [json.loads(record.key or b"") for record in found] == [{"id": 1}, {"id": 2}, {"id": 3}]
        assert set(json.loads(found[0].value or b"")) == {"id", "amount", "changed"}
        driver.restart()
        assert taken(driver) == []
        postgres.run("update orders set amount = 20 where id = 2", "insert into orders (amount) values (4)",
                     "begin", "insert into orders (amount) values (5)", "rollback")  # fmt: skip
        assert amounts(taken(driver)) == [20, 4]


def test_transaction_says_what_has_to_be_run(postgres: Postgres) -> None:
    made(postgres, 2)
    with source(postgres, "transaction") as driver:
        with pytest.raises(ConnectException, match="is not prepared for mode") as refused:
            driver.poll()
        statements = str(refused.value).split(":\n", 1)[1]
        postgres.run(statements)
        driver.restart()
        assert amounts(taken(driver)) == [1, 2]


def test_a_trigger_that_is_gone_is_missed(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    made(postgres, 1)
    with source(postgres, "transaction", source_prepare="true") as driver:
        assert amounts(taken(driver)) == [1]
        postgres.run("drop trigger streams_streams_xid on orders")
        assert taken(driver) == []
        assert "The trigger or the index of public.orders is gone" in caplog.text
        postgres.run("update orders set amount = 10 where id = 1")
        assert amounts(taken(driver)) == [10]


def test_who_holds_reading_back_is_told(postgres: Postgres, caplog: pytest.LogCaptureFixture) -> None:
    made(postgres)
    with source(postgres, "transaction", source_prepare="true") as driver:
        driver.poll()
        with postgres.connection() as open_, caplog.at_level(logging.WARNING, "streams.connect.jdbc"):
            open_.execute("set application_name = 'a long report'")
            open_.execute("begin")
            open_.execute("create table other (id integer)")
            add(postgres, 1)

            def told(word: str) -> bool:
                assert driver.poll() == []
                return word in caplog.text

            until(lambda: told("a long report"))
            assert "Rows of public.orders wait for a transaction that is still open: process" in caplog.text
            assert "since 20" in caplog.text
            open_.execute("prepare transaction 'forgotten'")
            until(lambda: told("the prepared transaction 'forgotten'"))
            open_.execute("rollback prepared 'forgotten'")
        assert amounts(taken(driver)) == [1]


def test_another_server_with_other_transactions_is_not_taken_for_the_old_one(postgres: Postgres) -> None:
    made(postgres, 1)
    with source(postgres, "transaction", source_prepare="true") as driver:
        taken(driver)
        (partition,) = driver.offsets
        driver.offsets[partition] = {**driver.offsets[partition], "system": "4711"}
        driver.restart()
        with pytest.raises(ConnectException, match="another server by now"):
            driver.poll()


def changes(sqlite: Sqlite, **settings: str) -> ConnectTestDriver:
    return source(sqlite, "changes", source_prepare="true", **settings)


def said(records: list[ConnectRecord]) -> list[tuple[int, int | None]]:
    return [
        (json.loads(each.key or b"")["id"], None if each.value is None else json.loads(each.value)["amount"])
        for each in records
    ]


def test_changes_reads_inserts_updates_and_deletes_in_their_order(sqlite: Sqlite) -> None:
    made(sqlite, 2)
    with changes(sqlite, batch_max_rows="2") as driver:
        assert said(taken(driver)) == [(1, 1), (2, 2)]
        sqlite.run(
            "insert into orders (amount) values (3)", "update orders set amount = 10 where id = 1",
            "delete from orders where id = 2", "update orders set id = 7 where id = 3",
            "insert into orders (id, amount) values (1, 11) on conflict (id) do update set amount = excluded.amount",
            "insert or replace into orders (id, amount) values (1, 12)",
        )  # fmt: skip
        expected = [(3, 3), (1, 10), (2, None), (3, None), (7, 3), (1, 11), (1, 12)]
        assert said(taken(driver)) == expected
        driver.restart()
        assert taken(driver) == []


def test_a_change_that_is_rolled_back_is_none(sqlite: Sqlite) -> None:
    made(sqlite)
    with changes(sqlite) as driver:
        taken(driver)
        with closing(sqlite.connection()) as connection:
            connection.execute("begin")
            connection.execute("insert into orders (amount) values (1)")
            assert taken(driver) == []
            connection.execute("rollback")
        add(sqlite, 2)
        assert said(taken(driver)) == [(1, 2)]


def test_a_column_that_is_added_is_read_with_what_is_in_it(sqlite: Sqlite) -> None:
    made(sqlite, 1)
    with changes(sqlite) as driver:
        assert said(taken(driver)) == [(1, 1)]
        sqlite.run("alter table orders add column note text", "update orders set note = 'x'")
        found = taken(driver)
        assert json.loads(found[-1].value or b"")["note"] == "x"
        sqlite.run("update orders set note = 'y'")
        assert json.loads(taken(driver)[-1].value or b"")["note"] == "y"


def test_a_table_that_is_made_anew_is_read_anew(sqlite: Sqlite, caplog: pytest.LogCaptureFixture) -> None:
    """As SQLite's own page says that columns are changed: its triggers go with the old table."""
    made(sqlite, 2)
    with changes(sqlite) as driver:
        assert said(taken(driver)) == [(1, 1), (2, 2)]
        sqlite.run(
            "create table anew (id integer primary key, amount integer, changed timestamp default '2026-01-01')",
            "insert into anew select id, amount, changed from orders", "drop table orders",
            "alter table anew rename to orders", "insert into orders (amount) values (3)",
        )  # fmt: skip
        assert said(taken(driver)) == [(1, 1), (2, 2), (3, 3)]
        assert "orders is read anew" in caplog.text
        add(sqlite, 4)
        assert said(taken(driver)) == [(4, 4)]


def test_changes_says_what_has_to_be_run(sqlite: Sqlite) -> None:
    made(sqlite, 2)
    with source(sqlite, "changes") as driver:
        with pytest.raises(ConnectException, match="is not prepared for mode") as refused:
            driver.poll()
        with closing(sqlite.connection()) as connection:
            connection.executescript(str(refused.value).split(":\n", 1)[1])
        assert said(taken(driver)) == [(1, 1), (2, 2)]


def test_what_was_read_is_taken_away(sqlite: Sqlite) -> None:
    made(sqlite)
    with changes(sqlite, batch_max_rows="3000") as driver:
        taken(driver)
        with closing(sqlite.connection()) as connection:
            connection.execute("begin")
            connection.executemany("insert into orders (amount) values (?)", [(n,) for n in range(12_500)])
            connection.execute("commit")
        assert len(taken(driver)) == 12_500
        assert sqlite.rows("select count(*) from streams_changes_orders") == [(500,)]
        driver.restart()
        add(sqlite, 7)
        assert said(taken(driver)) == [(12_501, 7)]


def test_of_two_connectors_each_reads_all_changes(sqlite: Sqlite) -> None:
    """What one has read is not taken away from another, and who comes later has what was there before."""
    made(sqlite, 2)
    with changes(sqlite, batch_max_rows="3000") as first:
        assert said(taken(first)) == [(1, 1), (2, 2)]
        with changes(sqlite, name="late", batch_max_rows="3000") as second:
            assert said(taken(second)) == [(1, 1), (2, 2)]
            sqlite.run("update orders set amount = 20 where id = 2")
            assert said(taken(second)) == [(2, 20)]
            sqlite.run(*(f"update orders set amount = {n} where id = 1" for n in range(2)))
            with closing(sqlite.connection()) as connection:
                connection.execute("begin")
                connection.executemany("update orders set amount = ? where id = 1", [(n,) for n in range(11_000)])
                connection.execute("commit")
            assert len(taken(first)) == 1 + 2 + 11_000
            assert len(taken(second)) == 2 + 11_000
            second.restart()
            sqlite.run("delete from orders where id = 2")
            assert said(taken(first)) == said(taken(second)) == [(2, None)]
        with changes(sqlite, name="last") as third:
            assert said(taken(third)) == [(1, 10_999)]


def test_changes_are_not_kept_for_a_connector_whose_position_is_forgotten(sqlite: Sqlite) -> None:
    made(sqlite, 2)
    given = {"name": "shop", "connector.class": "JdbcSource", "mode": "changes", "topic.prefix": "", **sqlite.settings}
    with changes(sqlite) as driver:
        assert said(taken(driver)) == [(1, 1), (2, 2)]
        (partition,) = map(json.loads, driver.offsets)
    assert sqlite.rows("select connector, changes from streams_readers") == [("shop", "streams_changes_orders")]
    config = config_of(validate(given), given)
    assert JdbcSource().alter_offsets(config, [(partition, None)])
    assert sqlite.rows("select * from streams_readers") == []
    with pytest.raises(ConnectException, match="names no table"):
        JdbcSource().alter_offsets(config, [({"filename": "x"}, None)])


def test_changes_that_are_gone_are_missed(sqlite: Sqlite) -> None:
    """A position is not taken for one that can be gone on from, when what comes behind it was taken away."""
    made(sqlite, 2)
    with changes(sqlite) as driver:
        taken(driver)
        add(sqlite, 3, 4)
        sqlite.run("delete from streams_changes_orders")
        driver.restart()
        with pytest.raises(ConnectException, match="Changes of orders are gone that were not read"):
            driver.poll()


def test_another_file_is_not_taken_for_the_old_one(sqlite: Sqlite) -> None:
    made(sqlite, 1)
    with changes(sqlite) as driver:
        taken(driver)
        sqlite.run("update streams_source set id = 'another'")
        driver.restart()
        with pytest.raises(ConnectException, match="another one than was read before"):
            driver.poll()


def test_a_file_that_is_replaced_while_it_is_read(sqlite: Sqlite) -> None:
    made(sqlite, 2)
    with quiet(), source(sqlite, "incrementing") as driver:
        assert amounts(taken(driver)) == [1, 2]
        other = Sqlite(sqlite.path.with_name("other.db"))
        made(other, 3)
        other.path.rename(sqlite.path)
        with pytest.raises(RetriableException, match="another file now"):
            driver.poll()
        assert amounts(taken(driver)) == [3]


@pytest.mark.parametrize(
    ("mode", "settings", "name"),
    [
        ("logical", {}, "mode"),
        ("timestamp", {}, "timestamp.column.name"),
        ("transaction", {}, "mode"),
        ("bulk", {"query": "select 1", "table_whitelist": "a"}, "query"),
        ("bulk", {"table_blacklist": "b", "table_whitelist": "a"}, "table.blacklist"),
        ("incrementing", {"query_suffix": "limit 1"}, "query.suffix"),
        ("changes", {"query": "select 1"}, "query"),
        ("bulk", {"numeric_mapping": "best"}, "numeric.mapping"),
    ],
)
def test_settings_that_contradict_each_other_are_named(
    sqlite: Sqlite, mode: str, settings: dict[str, str], name: str
) -> None:
    with pytest.raises(ConfigException, match=f"for configuration {name}"):
        source(sqlite, mode, **settings)


def test_a_table_without_a_key_is_refused_where_one_is_needed(database: Database) -> None:
    database.run("create table orders (amount integer)")
    mode = "changes" if database.kind == "sqlite" else "transaction"
    refused = pytest.raises(ConnectException, match="no primary key")
    with source(database, mode, source_prepare="true") as driver, refused:
        driver.poll()
