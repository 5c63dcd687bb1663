"""A broker that asks who comes, and lets nobody do everything: what is told, by resource."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.clients.api import JoinGroup, JoinGroupReply
from streams.clients.assignors import Subscription, write_subscription
from streams.clients.connect import connect
from streams.errors import (
    AuthorizationException,
    GroupAuthorizationException,
    KafkaException,
    TopicAuthorizationException,
)
from streams.record import TopicPartition
from tests.contracts.door.steps import ask
from tests.kafka_broker import KafkaBroker, needed

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
BROKER = {
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.sasl_plaintext.plain.sasl.jaas.config": (
        f'{PLAIN} username="admin" password="admin-secret" user_admin="admin-secret" user_alice="alice-secret";'
    ),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:admin;User:ANONYMOUS",
}


def login(user: str, password: str) -> dict[str, object]:
    """Settings of a client."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.jaas.config": f'{PLAIN} username="{user}" password="{password}";',
    }


ADMIN, ALICE = login("admin", "admin-secret"), login("alice", "alice-secret")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker where `admin` may do everything and `alice` nothing; it has the topic `secret`."""
    needed()
    directory: Path = tmp_path_factory.mktemp("guarded")
    broker = KafkaBroker(directory, BROKER, "SASL_PLAINTEXT")
    try:
        with Admin(bootstrap_servers=broker.address, **_keywords(ADMIN)) as admin:
            admin.create_topic("secret", 1)
        yield broker.address
    finally:
        broker.stop()


def _keywords(settings: dict[str, object]) -> dict[str, object]:
    return {name.replace(".", "_"): value for name, value in settings.items()}


def test_a_wrong_password_is_told_and_not_shown(guarded: str) -> None:
    with pytest.raises(AuthorizationException, match=f"{guarded}: Kafka does not let this client in") as caught:
        Admin({"bootstrap.servers": guarded, **login("admin", "guessed")}).list_topics()
    assert "guessed" not in str(caught.value)


def test_who_may_do_everything_writes_and_reads(guarded: str) -> None:
    with Producer({"bootstrap.servers": guarded, **ADMIN}) as producer:
        assert producer.send(ProducerRecord("secret", b"x")).result(30).topic == "secret"
    with Consumer({"bootstrap.servers": guarded, "auto.offset.reset": "earliest", **ADMIN}) as consumer:
        consumer.assign([TopicPartition("secret", 0)])
        assert [record.value for record in consumer.poll(20_000)] == [b"x"]


def test_a_topic_without_rights_is_refused_by_name(guarded: str) -> None:
    with Admin({"bootstrap.servers": guarded, **ALICE}) as admin:
        assert admin.list_topics() == ()
        with pytest.raises(TopicAuthorizationException, match="secret"):
            admin.describe_topics("secret")
    with Producer({"bootstrap.servers": guarded, **ALICE}) as producer, pytest.raises(
        TopicAuthorizationException, match="secret"
    ):
        producer.send(ProducerRecord("secret", b"x")).result(30)


def test_a_group_without_rights_is_refused_by_name(guarded: str) -> None:
    request = JoinGroup(
        "payroll", "", None, 10_000, 10_000, "consumer", (("range", write_subscription(Subscription(("secret",)))),)
    )
    with closing(connect(guarded, connections=ALICE)) as door, closing(door.link()) as link:
        reply = ask(link, request)
        assert isinstance(reply, JoinGroupReply)
        assert isinstance(reply.error, GroupAuthorizationException)
        assert "payroll" in str(reply.error)


def test_a_broker_that_wants_a_login_says_so_to_who_has_none(guarded: str) -> None:
    with pytest.raises(KafkaException, match=r"security\.protocol"):
        Admin({"bootstrap.servers": guarded}).list_topics()
