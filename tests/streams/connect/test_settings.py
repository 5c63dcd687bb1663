"""Configurations: files of them, secrets in them, and that no secret is seen anywhere."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli.main import cli
from streams.connect.config_def import REQUIRED, ConfigDef, ConfigKey, Type
from streams.connect.connector_config import validate
from streams.connect.errors import RetriableException
from streams.connect.password import Password
from streams.connect.providers import Providers
from streams.connect.settings_files import read_settings
from streams.connect.worker.status import State
from streams.errors import ConfigException
from tests.engines import until
from tests.streams.connect.apps import Numbers
from tests.streams.connect.conftest import Start

NUMBERS = {"name": "numbers", "connector.class": "tests.streams.connect.apps:Numbers"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.properties", "name=a\ntopics = x,y\n"),
        ("a.json", '{"name": "a", "topics": "x,y"}'),
        ("a.json", '{"name": "a", "config": {"topics": ["x", "y"]}}'),
        ("a.yaml", "name: a\ntopics: [x, y]\n"),
        ("a.yml", "name: a\nconfig:\n  topics: x,y\n  other: null\n"),
    ],
)
def test_a_file_of_settings(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_settings(tmp_path / name) == {"name": "a", "topics": "x,y"}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.json", '{"name": \n oops}', "a.json:2: it is no JSON"),
        ("a.yaml", "a: [1\nb: 2", "a.yaml:2: it is no YAML"),
        ("a.json", "[1]", "settings are a mapping of names to values"),
        ("a.json", '{"a": {"b": 1}}', "a is a mapping. Write its names with dots"),
        ("a.json", '{"name": "a", "config": {"name": "b"}}', "the connector has two names, a and b"),
        ("a.txt", "a=b", "settings are read from .properties, .json, .yaml and .yml"),
    ],
)
def test_a_file_that_is_none_is_said(tmp_path: Path, name: str, text: str, why: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigException) as raised:
        read_settings(tmp_path / name)
    assert why in str(raised.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigException, match="cannot be read: No such file"):
        read_settings(tmp_path / "none.json")


# Definitions


def test_every_setting_is_looked_at() -> None:
    definition = ConfigDef(
        ConfigKey("a", Type.INT, REQUIRED, ""), ConfigKey("b", Type.INT, 1, ""), ConfigKey("c", Type.LIST, (), "")
    )
    found = {value.name: (value.value, value.errors) for value in definition.validate({"b": "x", "c": "1, 2"})}
    assert found == {
        "a": (None, ['Missing required configuration "a" which has no default value.']),
        "b": (None, ["Invalid value x for configuration b: Not a number of type INT"]),
        "c": (("1", "2"), []),
    }


def test_a_setting_that_nobody_knows_is_said_with_the_nearest() -> None:
    found = validate({**NUMBERS, "mosst": "1", "producer.override.linger.ms": "1"})
    assert found.warnings == ["The setting mosst is not known here and has no effect. Did you mean most?"]


# Secrets


def test_a_password_is_not_shown() -> None:
    secret = Password("correct horse")
    assert f"{secret} {secret!r} {[secret]}" == "[hidden] [hidden] [[hidden]]"
    value = next(each for each in validate({**NUMBERS, "secret": "correct horse"}).values.values()
                 if each.name == "secret")  # fmt: skip
    assert value.shown == "[hidden]"
    assert "correct horse" not in repr(value)


@pytest.fixture
def providers(tmp_path: Path) -> Providers:
    package = "org.apache.kafka.common.config.provider."
    settings = {
        "config.providers": "env, file, dir",
        "config.providers.env.class": f"{package}EnvVarConfigProvider",
        "config.providers.file.class": f"{package}FileConfigProvider",
        "config.providers.dir.class": f"{package}DirectoryConfigProvider",
    }
    (tmp_path / "secrets.properties").write_text("password = from a file\n")
    (tmp_path / "key").write_text("from a directory\n")
    return Providers(settings, {"PASSWORD": "from the environment"})


def test_secrets_from_elsewhere(tmp_path: Path, providers: Providers) -> None:
    given = {
        "a": "${env:PASSWORD}",
        "b": f"x${{file:{tmp_path}/secrets.properties:password}}y",
        "c": f"${{dir:{tmp_path}:key}}",
        "d": "${topic}-${other:thing}",
    }
    assert providers.resolved(given) == {
        "a": "from the environment",
        "b": "xfrom a filey",
        "c": "from a directory",
        "d": "${topic}-${other:thing}",
    }


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("${env:NONE}", "There is no environment variable NONE"),
        ("${file:/none/at/all:x}", "cannot be read: No such file"),
        ("${dir:/tmp:../etc/passwd}", "is no name of a file"),
    ],
)
def test_a_secret_that_is_not_there_names_the_setting(providers: Providers, value: str, why: str) -> None:
    with pytest.raises(ConfigException, match=r"of connection\.password: ") as raised:
        providers.resolved({"connection.password": value})
    assert why in str(raised.value)


def test_a_provider_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConfigException, match=r"for configuration config\.providers\.vault\.class"):
        Providers({"config.providers": "vault", "config.providers.vault.class": "com.acme.Vault"}, {})


SECRETS = [f"planted-{number}-secret" for number in range(20)]


def test_no_secret_is_seen(
    tmp_path: Path, start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted in settings and in the environment; the connector is valid, wrong, failing and retrying."""
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    for number, secret in enumerate(SECRETS[:10]):
        wrong = {"most": "many"} if number % 2 else {}
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps({**NUMBERS, "secret": secret, **wrong}))
        for command in (("validate",), ("validate", "--json"), ("dry-run",)):
            result = CliRunner().invoke(cli, ["connect", *command, str(file)])
            shown += [result.output, repr(result.exception)]
    for number, secret in enumerate(SECRETS[10:]):
        Numbers.trouble.left = 2
        kind = RetriableException if number % 4 == 0 else ValueError
        Numbers.trouble.error = kind(f"No connection to pg://shop:{secret}@db.")
        settings = {**NUMBERS, "name": f"numbers-{number}", "topic": f"of-{number}", "most": "10"}
        monkeypatch.setenv("SECRET", secret)
        worker = start(
            {**settings, **({"secret": secret} if number % 2 else {"not.a.setting": "${env:SECRET}"})},
            config_providers="env",
            config_providers_env_class="org.apache.kafka.common.config.provider.EnvVarConfigProvider",
        )
        connector = worker.connectors[f"numbers-{number}"]
        failing = State.RETRYING if number % 4 == 0 else State.FAILED
        until(lambda connector=connector, failing=failing: connector.statuses[0].state is failing)  # type: ignore[misc]
        shown += [repr(connector.statuses), repr(connector)]
        worker.close()
    shown.append(caplog.text)
    assert all(shown[:1]) and "pg://shop:[hidden]@db" in caplog.text
    assert [secret for secret in SECRETS if secret in "".join(shown)] == []
