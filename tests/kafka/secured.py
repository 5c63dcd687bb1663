"""A broker that asks for TLS and logins: certificates that are made for it, and a listener for each way in."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from tests.kafka_broker import KafkaBroker, free_port

PASSWORD = "alice-secret"
LOGIN = "org.apache.kafka.common.security"
SSL = "SSL"
SASL = "SASL_SSL"
LISTENERS = {
    "OPEN": "PLAINTEXT", "TLS": SSL, "MUTUAL": SSL, "EXPIRED": SSL, "RENAMED": SSL, "LOGIN": SASL,
    "TOKEN": "SASL_PLAINTEXT",
}  # fmt: skip
CA_CONFIG = """[ca]
default_ca = here
[here]
database = {home}/index
serial = {home}/serial
new_certs_dir = {home}
default_md = sha256
policy = anything
copy_extensions = copy
[anything]
commonName = supplied
"""


class Certificates:
    """Authorities and certificates in a directory, by openssl.

    Args:
        home: where they are made.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        (home / "index").touch()
        (home / "serial").write_text("01\n")
        (home / "ca.conf").write_text(CA_CONFIG.format(home=home))
        for name in ("root", "stranger"):
            self._openssl(
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.pem",
            )  # fmt: skip

    def make(self, name: str, *names: str, by: str = "root", until: str = "20990101000000Z", ca: bool = False) -> str:
        """A key and its certificate, as one PEM text that `by` has signed.

        Args:
            name: of the files and the subject.
            names: for which it is, as `DNS:localhost`.
            by: who signs it.
            until: the end of its life.
            ca: may it sign others?
        """
        added = [f"subjectAltName={','.join(names)}"] if names else []
        added += ["basicConstraints=critical,CA:TRUE"] if ca else []
        self._openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
            "-out", f"{name}.csr", *(word for each in added for word in ("-addext", each)),
        )  # fmt: skip
        self._openssl(
            "ca", "-batch", "-notext", "-config", "ca.conf", "-cert", f"{by}.pem", "-keyfile", f"{by}.key",
            "-startdate", "20200101000000Z", "-enddate", until, "-in", f"{name}.csr", "-out", f"{name}.pem",
        )  # fmt: skip
        return self.key(name) + self.text(name)

    def encrypted_key(self, name: str, password: str) -> str:
        """The key of a certificate, encrypted."""
        return self._openssl("pkcs8", "-topk8", "-in", f"{name}.key", "-passout", f"pass:{password}")

    def key(self, name: str) -> str:
        """The key of a certificate."""
        return (self._home / f"{name}.key").read_text()

    def text(self, name: str) -> str:
        """A certificate."""
        return (self._home / f"{name}.pem").read_text()

    def file(self, name: str, text: str) -> str:
        """A file with this text; its path."""
        path = self._home / name
        path.write_text(text)
        return str(path)

    def _openssl(self, *command: str) -> str:
        done = subprocess.run(["openssl", *command], cwd=self._home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


class SecuredBroker:
    """A broker that can be come to in several ways: `open` to all, and by the names of `LISTENERS`.

    Args:
        directory: for its data and its certificates.
    """

    def __init__(self, directory: Path) -> None:
        self.certificates = made = Certificates(directory)
        ports = {name: free_port() for name in LISTENERS}
        control = free_port()
        named = ",".join(f"{name}://localhost:{port}" for name, port in ports.items())
        listeners = f"{named},CONTROLLER://127.0.0.1:{control}"
        here = ("DNS:localhost", "IP:127.0.0.1")
        stores = {
            "TLS": made.make("broker", *here),
            "MUTUAL": made.make("mutual", *here),
            "EXPIRED": made.make("expired", *here, until="20210101000000Z"),
            "RENAMED": made.make("renamed", "DNS:kafka.example.com"),
            "LOGIN": made.make("login", *here),
        }
        made.make("between", ca=True)
        made.make("client", by="between")
        settings = {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{control}",
            "inter.broker.listener.name": "OPEN",
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in {**LISTENERS, "CONTROLLER": "PLAINTEXT"}.items()
            ),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.mutual.ssl.truststore.type": "PEM",
            "listener.name.mutual.ssl.truststore.location": made.file("trusted.pem", made.text("root")),
            "listener.name.login.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.login.plain.sasl.jaas.config": (
                f'{LOGIN}.plain.PlainLoginModule required user_alice="{PASSWORD}";'
            ),
            "listener.name.login.scram-sha-256.sasl.jaas.config": f"{LOGIN}.scram.ScramLoginModule required;",
            "listener.name.login.scram-sha-512.sasl.jaas.config": f"{LOGIN}.scram.ScramLoginModule required;",
            "listener.name.token.sasl.enabled.mechanisms": "OAUTHBEARER",
            "listener.name.token.oauthbearer.sasl.jaas.config": (
                f'{LOGIN}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";'
            ),
        }
        for name, text in stores.items():
            listener = f"listener.name.{name.lower()}.ssl.keystore"
            settings[f"{listener}.type"] = "PEM"
            settings[f"{listener}.location"] = made.file(f"{name}.store.pem", text)
        self._addresses = {name.lower(): f"localhost:{port}" for name, port in ports.items()}
        self._broker = KafkaBroker(directory, settings)
        try:
            self._make_users()
        except BaseException:
            self.stop()
            raise

    def at(self, listener: str) -> str:
        """The address of one way in."""
        return self._addresses[listener]

    def trusting(self) -> dict[str, object]:
        """Settings of a client that trusts the broker's certificates."""
        return {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": self.certificates.text("root")}

    def login(self, mechanism: str, password: str = PASSWORD) -> dict[str, object]:
        """Settings of a client that logs in as alice over TLS."""
        module = "plain.PlainLoginModule" if mechanism == "PLAIN" else "scram.ScramLoginModule"
        return {
            "security.protocol": SASL,
            "sasl.mechanism": mechanism,
            "sasl.jaas.config": f'{LOGIN}.{module} required username="alice" password="{password}";',
            **self.trusting(),
        }

    def stop(self) -> None:
        """Ends it."""
        self._broker.stop()

    def _make_users(self) -> None:
        client = AdminClient({"bootstrap.servers": self.at("open")})
        for kind in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):  # one of a user's at a time
            alice = UserScramCredentialUpsertion("alice", ScramCredentialInfo(kind, 4_096), PASSWORD.encode())
            client.alter_user_scram_credentials([alice])["alice"].result(60)


def token_login(user: str = "alice", **claims: str) -> dict[str, object]:
    """Settings of a client that comes with a token that nobody has signed."""
    options = " ".join(f'{name}="{value}"' for name, value in {"unsecuredLoginStringClaim_sub": user, **claims}.items())
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.jaas.config": f"{LOGIN}.oauthbearer.OAuthBearerLoginModule required {options};",
    }


def keywords(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings as keywords."""
    return {name.replace(".", "_"): value for name, value in settings.items()}
