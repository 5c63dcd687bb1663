"""Real PostgreSQL servers for tests, of Debian's package: made in a directory of their own, started, stopped hard.

A server does not run as root: there it runs as `postgres`, or `nobody`.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.engines import until

NOTHING_TESTED = "nothing is tested on PostgreSQL"
USER, PASSWORD = "streams", "correct horse/battery@staple"
_numbers = itertools.count()
SETTINGS = {
    "fsync": "off",  # no machine loses its power here
    "max_prepared_transactions": "4",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "autovacuum": "off",
}


def programs() -> Path | None:
    """Where the newest server's programs are; None: there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def missing() -> str | None:
    """What tests on PostgreSQL lack on this machine; None: nothing."""
    if importlib.util.find_spec("psycopg") is None:
        return f"psycopg is not installed: {NOTHING_TESTED}"
    return None if programs() else f"no /usr/lib/postgresql/*/bin/initdb: {NOTHING_TESTED}"


def needed() -> None:
    """Skips a test where no server can be started; where `POSTGRES_REQUIRED` is set it fails instead."""
    import pytest  # who only wants a server need not have it

    reason = missing()
    if reason is not None:
        if os.environ.get("POSTGRES_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)


def _account() -> str | None:
    """As whom a server runs; None: as who runs the tests."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class PostgresServer:
    """One server. `start` before use; `remove` at the end.

    Args:
        settings: over `SETTINGS`.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = {**SETTINGS, **(settings or {})}
        self._programs = programs()
        self._account = _account()
        self._directory = Path(tempfile.mkdtemp(prefix="pg-"))
        if self._account is not None:
            os.chown(self._directory, pwd.getpwnam(self._account).pw_uid, -1)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._make()

    def _run(self, *words: str) -> None:
        assert self._programs is not None
        done = subprocess.run(
            [self._programs / words[0], *words[1:]],
            user=self._account, cwd=self._directory, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()

    def _make(self) -> None:
        secret = self._directory / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        data = self._directory / "data"
        self._run(
            "initdb", "-D", str(data), "-U", USER, "--pwfile", str(secret), "-A", "scram-sha-256", "--no-sync", "-E",
            "UTF8", "--locale", "C",
        )  # fmt: skip
        (data / "pg_hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        assert self._programs is not None
        settings = {
            **self._settings, "port": str(self.port), "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._directory),
        }  # fmt: skip
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", str(self._directory / "data"), *words],
                user=self._account, cwd=self._directory, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        ready = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until(lambda: subprocess.run(ready, check=False).returncode == 0)

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Ends it: SIGQUIT at once, as `immediate` does; SIGINT in order."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Ends it, and takes its directory away."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def database(self) -> str:
        """A new, empty database: its name."""
        import psycopg

        name = f"test_{next(_numbers)}"
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}".encode())
        return name

    def conninfo(self, database: str) -> str:
        """How tests connect: over the local socket."""
        return f"host={self._directory} port={self.port} user={USER} dbname={database}"

    def url(self, database: str) -> str:
        """How connectors connect, with the password apart."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server that is up, and removed with the block."""
    made = PostgresServer()
    try:
        made.start()
        yield made
    finally:
        made.remove()
