"""TLS and logins on a broker that asks for them: who is right works in all of an application, who is wrong is told in
one message."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from streams.clients import Admin, Consumer, Producer, ProducerRecord
from streams.errors import (
    BrokerNotFoundException,
    ConfigException,
    KafkaException,
    SaslAuthenticationException,
    SslAuthenticationException,
)
from streams.record import TopicPartition
from tests.engines import until
from tests.kafka.secured import PASSWORD, SecuredBroker, keywords, token_login
from tests.kafka.test_word_count import GUARANTEES, application, counted, expected, write
from tests.kafka_broker import needed

_numbers = itertools.count(os.getpid() * 1_000 + 500)
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
Settings = Mapping[str, object]
SCRIPT = """
from tests.kafka.test_word_count import word_count
def topology(builder):
    word_count(builder, 1)
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    needed()
    made = SecuredBroker(tmp_path_factory.mktemp("secured"))
    yield made
    made.stop()


def way_in(broker: SecuredBroker, name: str) -> tuple[str, Settings]:
    """Address and settings of a client that comes in by TLS, by TLS with a certificate of its own, with a login, or
    with a token."""
    if name == "token":
        return broker.at(name), token_login()
    if name in MECHANISMS:
        return broker.at("login"), broker.login(name)
    made = broker.certificates
    own = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": made.text("client") + made.text("between"),
        "ssl.keystore.key": made.encrypted_key("client", "of-the-key"),
        "ssl.key.password": "of-the-key",
    }
    return broker.at(name), {"security.protocol": "SSL", **broker.trusting(), **(own if name == "mutual" else {})}


def refusal(servers: str, settings: Settings) -> KafkaException:
    """What the first call of a client is told."""
    with pytest.raises(KafkaException) as caught:
        Admin({"bootstrap.servers": servers, **settings}).list_topics()
    return caught.value


@pytest.mark.parametrize("name", ["tls", "mutual", *MECHANISMS, "token"])
def test_who_is_let_in_makes_topics_writes_and_reads(broker: SecuredBroker, name: str) -> None:
    servers, settings = way_in(broker, name)
    topic = f"by-{name}"
    with Admin({"bootstrap.servers": servers, **settings}) as admin:
        admin.create_topic(topic, 1)
    with Producer({"bootstrap.servers": servers, "compression.type": "zstd", **settings}) as producer:
        producer.send(ProducerRecord(topic, b"x" * 1_000)).result(30)
    reading = {"bootstrap.servers": servers, "auto.offset.reset": "earliest", "group.id": topic, **settings}
    with Consumer(reading) as consumer:
        consumer.subscribe([topic])
        until(lambda: [record.value for record in consumer.poll(500)] == [b"x" * 1_000])


@pytest.mark.parametrize("guarantee", GUARANTEES)
@pytest.mark.parametrize("name", ["mutual", "SCRAM-SHA-512", "token"])
def test_an_application_works_as_on_an_open_broker(
    broker: SecuredBroker, tmp_path: Path, name: str, guarantee: str
) -> None:
    number = next(_numbers)
    with Admin(bootstrap_servers=broker.at("open")) as admin:
        for topic in (f"text-{number}", f"counts-{number}"):
            admin.create_topic(topic, 4)
    write(broker.at("open"), number)
    servers, settings = way_in(broker, name)
    with closing(application(servers, number, tmp_path, guarantee, **keywords(settings))):
        until(lambda: counted(broker.at("open"), number) == expected(1))


def test_pem_is_read_from_files_and_from_one_line(broker: SecuredBroker) -> None:
    made = broker.certificates
    store = made.file("client.store.pem", made.key("client") + made.text("client") + made.text("between"))
    settings = {
        "security.protocol": "SSL",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": made.text("root").replace("\n", " "),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": store,
    }
    with Admin({"bootstrap.servers": broker.at("mutual"), **settings}) as admin:
        admin.create_topic("by-files", 1)
    with Producer({"bootstrap.servers": broker.at("mutual"), **settings}) as producer:
        assert producer.send(ProducerRecord("by-files", b"x")).result(30).offset == 0


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_is_told_and_not_shown(broker: SecuredBroker, mechanism: str) -> None:
    error = refusal(broker.at("login"), broker.login(mechanism, "guessed"))
    assert isinstance(error, SaslAuthenticationException)
    assert str(error).startswith(f"{broker.at('login')}: Kafka does not let this client in: Authentication failed")
    assert str(error).endswith("Check sasl.mechanism and sasl.jaas.config.")
    assert "guessed" not in str(error)


def test_a_token_that_has_run_out_is_refused(broker: SecuredBroker) -> None:
    error = refusal(broker.at("token"), token_login(unsecuredLoginLifetimeSeconds="-10"))
    assert isinstance(error, SaslAuthenticationException)
    assert "invalid_token" in str(error)


def test_a_mechanism_that_the_broker_does_not_take(broker: SecuredBroker) -> None:
    settings = {**token_login(), **broker.trusting(), "security.protocol": "SASL_SSL"}
    error = refusal(broker.at("login"), settings)
    assert isinstance(error, SaslAuthenticationException)
    assert "it does not take sasl.mechanism=OAUTHBEARER" in str(error)


@pytest.mark.parametrize(
    ("listener", "trusted", "words"),
    [
        ("tls", None, "the broker's certificate is not trusted: .*issuer certificate. Give the certificates of those "),
        ("tls", "stranger", "the broker's certificate is not trusted: .*ssl.truststore.certificates"),
        ("expired", "root", "not trusted: certificate has expired. Renew the broker's certificate"),
        ("renamed", "root", "Hostname mismatch, certificate is not valid for 'localhost'. Use a name in bootstrap"),
    ],
)
def test_a_certificate_that_is_not_trusted(
    broker: SecuredBroker, listener: str, trusted: str | None, words: str
) -> None:
    settings: dict[str, object] = {"security.protocol": "SSL"}
    if trusted is not None:
        settings.update(broker.trusting())
        settings["ssl.truststore.certificates"] = broker.certificates.text(trusted)
    with pytest.raises(SslAuthenticationException, match=words):
        raise refusal(broker.at(listener), settings)


def test_another_name_is_taken_where_names_are_not_checked(broker: SecuredBroker) -> None:
    settings = {"security.protocol": "SSL", **broker.trusting(), "ssl.endpoint.identification.algorithm": ""}
    with Admin({"bootstrap.servers": broker.at("renamed"), **settings}) as admin:
        admin.create_topic("unnamed", 1)
    with Producer({"bootstrap.servers": broker.at("renamed"), **settings}) as producer:
        assert producer.send(ProducerRecord("unnamed", b"x")).result(30).offset == 0


@pytest.mark.parametrize("given", ["none", "stranger"])
def test_a_client_whose_certificate_the_broker_does_not_trust(broker: SecuredBroker, given: str) -> None:
    made = broker.certificates
    settings: dict[str, object] = {"security.protocol": "SSL", **broker.trusting()}
    if given == "stranger":
        made.make("odd", by="stranger")
        settings.update({"ssl.keystore.type": "PEM", "ssl.keystore.key": made.key("odd")})
        settings["ssl.keystore.certificate.chain"] = made.text("odd")
    error = refusal(broker.at("mutual"), settings)
    assert isinstance(error, SslAuthenticationException)
    assert "does not accept this client's certificate" in str(error)
    assert "ssl.keystore.certificate.chain" in str(error)


@pytest.mark.parametrize(
    ("listener", "protocol", "words"),
    [
        ("tls", "PLAINTEXT", "speaks TLS. Set security.protocol=SSL"),
        ("login", "PLAINTEXT", "speaks TLS. Set security.protocol=SSL, or SASL_SSL where it asks for a login"),
        ("open", "SSL", "the port does not speak TLS. Set security.protocol=PLAINTEXT"),
        ("login", "SSL", "ask for a login"),
        ("token", "PLAINTEXT", "ask for a login"),
    ],
)
def test_the_wrong_protocol_for_a_port(broker: SecuredBroker, listener: str, protocol: str, words: str) -> None:
    settings = {"security.protocol": protocol, **(broker.trusting() if protocol == "SSL" else {})}
    error = refusal(broker.at(listener), settings)
    assert isinstance(error, BrokerNotFoundException | SslAuthenticationException)
    assert words in str(error)


# The identity provider


class Provider(BaseHTTPRequestHandler):
    """Gives tokens that nobody has signed to the client `payroll`."""

    def do_POST(self) -> None:
        wanted = "Basic cGF5cm9sbDppdHMtc2VjcmV0"  # payroll:its-secret
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        right = self.headers["Authorization"] == wanted and asked == "grant_type=client_credentials&scope=kafka"
        self.send_response(200 if right else 401)
        self.end_headers()
        if right:
            from streams.clients.kafka.oauthbearer import TokenProvider

            token = TokenProvider({}, {"unsecuredLoginStringClaim_sub": "payroll"}).token()
            self.wfile.write(json.dumps({"access_token": token, "expires_in": 60}).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def identity_provider() -> Iterator[str]:
    """Its URL."""
    with HTTPServer(("127.0.0.1", 0), Provider) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token"
        finally:
            server.shutdown()
            thread.join()


def credentials(url: str, secret: str) -> dict[str, object]:
    """Settings of a client that asks an identity provider."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.token.endpoint.url": url,
        "sasl.oauthbearer.client.credentials.client.id": "payroll",
        "sasl.oauthbearer.client.credentials.client.secret": secret,
        "sasl.oauthbearer.scope": "kafka",
    }


def test_tokens_come_from_an_identity_provider(broker: SecuredBroker) -> None:
    with identity_provider() as url:
        settings = credentials(url, "its-secret")
        with Admin({"bootstrap.servers": broker.at("token"), **settings}) as admin:
            admin.create_topic("by-provider", 1)
        with Producer({"bootstrap.servers": broker.at("token"), **settings}) as producer:
            assert producer.send(ProducerRecord("by-provider", b"x")).result(30).offset == 0
        reading = {"bootstrap.servers": broker.at("token"), "auto.offset.reset": "earliest", **settings}
        with Consumer(reading) as consumer:
            consumer.assign([TopicPartition("by-provider", 0)])
            until(lambda: [record.value for record in consumer.poll(500)] == [b"x"])
        error = refusal(broker.at("token"), credentials(url, "guessed"))
    assert isinstance(error, SaslAuthenticationException)
    assert f"{url}: the identity provider gives no token: HTTP 401" in str(error)
    assert "guessed" not in str(error)
    error = refusal(broker.at("token"), credentials(url, "its-secret"))  # it has ended
    assert isinstance(error, BrokerNotFoundException)
    assert f"{url}: the identity provider could not be asked: [Errno 111]" in str(error)


def test_a_token_is_read_from_a_file(broker: SecuredBroker, tmp_path: Path) -> None:
    from streams.clients.kafka.oauthbearer import TokenProvider

    file = tmp_path / "token.jwt"
    file.write_text(TokenProvider({}, {"unsecuredLoginStringClaim_sub": "alice"}).token() + "\n")
    settings = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.token.endpoint.url": file.as_uri(),
    }
    with Admin({"bootstrap.servers": broker.at("token"), **settings}) as admin:
        assert isinstance(admin.list_topics(), tuple)
    file.unlink()
    assert isinstance(refusal(broker.at("token"), settings), SaslAuthenticationException)


# The command


def streams_app(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    command = [sys.executable, "-m", "streams.cli.entry", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_commands_read_how_to_come_in_from_a_file(broker: SecuredBroker, tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    rows = {**broker.login("SCRAM-SHA-256"), "ssl.truststore.location": broker.certificates.file("ca.pem", "")}
    del rows["ssl.truststore.certificates"]
    Path(str(rows["ssl.truststore.location"])).write_text(broker.certificates.text("root"))
    file.write_text("".join(f"{name}={value}\n" for name, value in rows.items()))
    into = ("-b", broker.at("login"), "--command-config", str(file))
    create = ("topics", "create", "commanded")
    for command in (create, ("topics", "list"), ("groups", "list"), ("transactions", "list")):
        done = streams_app(*command, *into)
        assert done.returncode == 0, done.stderr
    file.write_text(file.read_text().replace(PASSWORD, "guessed"))
    for command in (("topics", "list"), ("groups", "list"), ("consume", "commanded", "--exit-at-end")):
        done = streams_app(*command, *into)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        assert done.stderr.startswith("streams-app: SaslAuthenticationException: localhost:")


@pytest.mark.parametrize(
    ("listener", "settings", "said"),
    [
        ("tls", {"security.protocol": "SSL"}, "SslAuthenticationException: {}: the broker's certificate is not"),
        ("tls", {}, "BrokerNotFoundException: {} speaks TLS."),
        ("token", token_login(unsecuredLoginLifetimeSeconds="-10"), "SaslAuthenticationException: {}: Kafka does not"),
    ],
)
def test_an_application_that_is_not_let_in_ends_with_one_message(
    broker: SecuredBroker, tmp_path: Path, listener: str, settings: Settings, said: str
) -> None:
    script = tmp_path / "job.py"
    script.write_text(SCRIPT)
    given = {"state.dir": str(tmp_path), **settings}
    options = (part for name, value in given.items() for part in ("-c", f"{name}={value}"))
    done = streams_app("run", "-a", "job", "-b", broker.at(listener), *options, str(script))
    assert done.returncode == 1
    assert said.format(broker.at(listener)) in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_what_is_written_is_compressed(broker: SecuredBroker, codec: str) -> None:
    """As the reader's fetch shows: two batches of a megabyte of zeros are a few kilobytes in the log."""
    with Admin(bootstrap_servers=broker.at("open")) as admin:
        admin.create_topic(f"packed-{codec}", 1)
    with Producer(bootstrap_servers=broker.at("open"), compression_type=codec, max_request_size=4_000_000) as producer:
        producer.send(ProducerRecord(f"packed-{codec}", bytes(2_000_000))).result(30)  # the broker takes 1 MB
    with Consumer(bootstrap_servers=broker.at("open"), auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(f"packed-{codec}", 0)])
        until(lambda: [len(record.value or b"") for record in consumer.poll(500)] == [2_000_000])


def test_what_is_not_compressed_is_too_large(broker: SecuredBroker) -> None:
    with Admin(bootstrap_servers=broker.at("open")) as admin:
        admin.create_topic("packed-none", 1)
    with (
        Producer(bootstrap_servers=broker.at("open"), max_request_size=4_000_000) as producer,
        pytest.raises(KafkaException, match="packed-none"),
    ):
        producer.send(ProducerRecord("packed-none", bytes(2_000_000))).result(30)


def test_a_store_that_cannot_be_read_is_refused_before_anything_is_asked(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    made = broker.certificates
    binary = tmp_path / "store.p12"
    binary.write_bytes(b"\x30\x82\xff")
    own = {"ssl.keystore.certificate.chain": made.text("client"), "ssl.keystore.key": made.key("login")}
    for settings, words in (
        ({"ssl.truststore.location": "/nowhere/ca.pem"}, "/nowhere/ca.pem: it cannot be read: No such file"),
        ({"ssl.truststore.location": str(binary)}, "it is no PEM file"),
        ({"ssl.truststore.certificates": "none"}, "it holds no certificate"),
        ({"ssl.keystore.certificate.chain": made.text("client")}, "ssl.keystore.key is not: they belong together"),
        ({"ssl.keystore.key": made.encrypted_key("client", "x"), **{name: text for name, text in own.items()
            if name != "ssl.keystore.key"}}, "its key is encrypted. Give ssl.key.password"),
        (own, "the key belongs to another certificate"),
    ):  # fmt: skip
        types = {"security.protocol": "SSL", "ssl.truststore.type": "PEM", "ssl.keystore.type": "PEM"}
        with pytest.raises(ConfigException, match=words):
            Admin({"bootstrap.servers": broker.at("tls"), **types, **settings})
