"""`config`: what is set, and who says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.streams.cli.conftest import Command

SCRIPT = """
from datetime import timedelta
from streams import Serdes
config = {"commit.interval.ms": timedelta(seconds=1), "num.stream.threads": 2, "default.key.serde": Serdes.string()}
def topology(builder):
    builder.stream("in").to("out")
"""
FILE = """
application.id: of-the-file
commit.interval.ms: 500
consumer.fetch.min.bytes: 10
"""


@pytest.fixture
def job(tmp_path: Path) -> str:
    (tmp_path / "job.py").write_text(SCRIPT, "utf-8")
    return str(tmp_path / "job.py")


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "application.yaml").write_text(FILE, "utf-8")
    return str(tmp_path / "application.yaml")


def rows(command: Command, *arguments: str) -> dict[str, dict[str, Any]]:
    """What `config --json` prints, by the settings' names."""
    done = command("config", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return {row["setting"]: row for row in json.loads(done.stdout)}


def test_each_source_is_named_and_what_it_takes_the_place_of(
    command: Command, job: str, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMS_APP_COMMIT_INTERVAL_MS", "250")
    found = rows(command, job, "--config-file", file, "-c", "commit.interval.ms=125", "-a", "mine")
    assert found["commit.interval.ms"] == {
        "setting": "commit.interval.ms",
        "value": 125,
        "source": "command line",
        "instead_of": [
            {"value": 1000, "source": f"script {job}"},
            {"value": 500, "source": f"file {file}:3"},
            {"value": 250, "source": "environment STREAMS_APP_COMMIT_INTERVAL_MS"},
        ],
        "note": None,
    }
    assert (found["application.id"]["value"], found["application.id"]["source"]) == ("mine", "command line")
    assert (found["num.stream.threads"]["value"], found["num.stream.threads"]["source"]) == (2, f"script {job}")
    assert found["consumer.fetch.min.bytes"]["source"] == f"file {file}:4"
    assert "string" in found["default.key.serde"]["value"].lower()
    assert "poll.ms" not in found


def test_defaults_are_shown_when_they_are_asked_for(command: Command, job: str) -> None:
    found = rows(command, job, "--all")
    assert (found["poll.ms"]["value"], found["poll.ms"]["source"]) == (100, "default")
    assert found["num.stream.threads"]["source"] == f"script {job}"
    assert found["processing.guarantee"]["value"] == "at_least_once"


def test_people_see_a_table(command: Command, job: str) -> None:
    done = command("config", job, "-c", "consumer.max.poll.records=5")
    assert done.exit_code == 0, done.output
    assert "num.stream.threads" in done.output and "script " in done.output
    assert "settings have their defaults: --all shows them." in done.output
    assert "application.id is not set" in done.output and "changes nothing" in done.output


SECRET = "hunter2-the-secret"


def test_secrets_are_hidden_wherever_they_come_from(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = f'org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="{SECRET}";'
    place = tmp_path / "secret.properties"
    place.write_text(f"sasl.jaas.config={login}\nssl.key.password={SECRET}\n", "utf-8")
    monkeypatch.setenv("STREAMS_APP_SSL_TRUSTSTORE_PASSWORD", SECRET)
    monkeypatch.setenv("STREAMS_APP_PRODUCER_SASL_JAAS_CONFIG", login)
    given = ("-a", "a", "-b", "host:9092", "--config-file", str(place))
    url = f"https://user:{SECRET}@host/token"
    given += ("-c", f"consumer.ssl.key.password={SECRET}", "-c", f"sasl.oauthbearer.token.endpoint.url={url}")
    for form in (("--json",), (), ("--all",)):
        done = command("config", *given, *form)
        assert done.exit_code == 0, done.output
        assert SECRET not in done.output and done.output.count("[hidden]") >= 5
    found = rows(command, *given)
    assert found["sasl.jaas.config"]["value"] == "[hidden]"
    assert found["sasl.jaas.config"]["source"] == f"file {place}:1"
    assert found["sasl.oauthbearer.token.endpoint.url"]["value"] == "https://[hidden]@host/token"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-c", "comit.interval.ms=5"), "Unknown configuration comit.interval.ms. Did you mean commit.interval.ms?"),
        (("-c", "commit.interval.ms=soon"), "Invalid value soon for configuration commit.interval.ms"),
        (("-c", "commit.interval.ms"), "is no setting. Write name=value"),
        (("--config-file", "/nowhere.yaml"), "There is no configuration file /nowhere.yaml."),
        (("nowhere.py",), "There is no script nowhere.py."),
    ],
)
def test_what_run_would_refuse_is_refused(command: Command, arguments: tuple[str, ...], says: str) -> None:
    done = command("config", *arguments)
    assert done.exit_code == 2 and says in done.output


def test_the_token_of_http_is_no_setting_and_in_nobodys_way(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_APP_HTTP_TOKEN", SECRET)
    assert command("topics", "list").exit_code == 0
    done = command("config")
    assert done.exit_code == 0 and SECRET not in done.output
