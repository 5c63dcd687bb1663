"""A worker alone that is asked by REST: beyond what Java's answers say (`tests/goldens/connect_rest`)."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from streams.clients import Admin
from streams.connect.errors import ConnectException
from streams.connect.rest.serve import serve
from streams.errors import ConfigException, NotYetBuiltException
from tests.engines import until
from tests.streams.connect.apps import Keep, Numbers
from tests.streams.connect.asking import ask
from tests.streams.connect.conftest import Ask, Start, records_of

NUMBERS = {"connector.class": "tests.streams.connect.apps:Numbers", "most": "30"}
ENDLESS = {**NUMBERS, "most": "1000000000"}
KEEP = {"connector.class": "tests.streams.connect.apps:Keep", "topics": "numbers"}


def made(name: str, config: dict[str, str], **more: object) -> dict[str, object]:
    return {"name": name, "config": config, **more}


def states(rest: Ask, name: str) -> list[str]:
    """Of the connector, and of its tasks."""
    answer = rest("GET", f"/connectors/{name}/status")
    if answer.status != 200:
        return []
    return [answer.body["connector"]["state"], *(task["state"] for task in answer.body["tasks"])]


def test_a_connector_is_made_by_rest_and_runs(engine: str, rest: Ask) -> None:
    answer = rest("POST", "/connectors", made("numbers", NUMBERS))
    assert (answer.status, answer.body["tasks"]) == (201, [{"connector": "numbers", "task": 0}])
    until(lambda: len(records_of(engine, "numbers")) == 30)
    assert states(rest, "numbers") == ["RUNNING", "RUNNING"]
    assert rest("GET", "/connectors/numbers/topics").body == {"numbers": {"topics": ["numbers"]}}


def test_a_name_in_use(rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", NUMBERS))
    answer = rest("POST", "/connectors", made("numbers", KEEP))
    assert answer == (409, {"error_code": 409, "message": "Connector numbers already exists"})
    assert rest("GET", "/connectors/numbers").body["type"] == "source"


def test_a_paused_connector_writes_nothing_and_goes_on_where_it_stood(engine: str, rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", ENDLESS))
    until(lambda: records_of(engine, "numbers"))
    assert rest("PUT", "/connectors/numbers/pause").status == 202
    until(lambda: states(rest, "numbers") == ["PAUSED", "PAUSED"])
    before = len(records_of(engine, "numbers"))
    assert rest("GET", "/connectors/numbers/offsets").body["offsets"] == [
        {"partition": {"counter": "numbers"}, "offset": {"next": before}}
    ]
    rest("PUT", "/connectors/numbers/resume")
    until(lambda: len(records_of(engine, "numbers")) > before)
    rest("DELETE", "/connectors/numbers")
    found = [int(record.value) for record in records_of(engine, "numbers")]
    assert found == list(range(len(found)))


def test_a_stopped_connector_has_no_tasks(rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", ENDLESS))
    assert rest("PUT", "/connectors/numbers/stop").status == 204
    until(lambda: states(rest, "numbers") == ["STOPPED"])
    assert rest("GET", "/connectors/numbers/tasks").body == []
    rest("PUT", "/connectors/numbers/resume")
    until(lambda: states(rest, "numbers") == ["RUNNING", "RUNNING"])


def test_positions_that_are_reset_are_read_again(engine: str, rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", NUMBERS))
    until(lambda: len(records_of(engine, "numbers")) == 30)
    assert rest("DELETE", "/connectors/numbers/offsets").status == 400
    rest("PUT", "/connectors/numbers/stop")
    answer = rest("DELETE", "/connectors/numbers/offsets")
    assert answer.status == 200 and "have been reset successfully" in answer.body["message"]
    assert rest("GET", "/connectors/numbers/offsets").body == {"offsets": []}
    rest("PUT", "/connectors/numbers/resume")
    until(lambda: len(records_of(engine, "numbers")) == 60)


def test_positions_that_are_altered_are_where_reading_goes_on(engine: str, rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", NUMBERS, initial_state="STOPPED"))
    body = {"offsets": [{"partition": {"counter": "numbers"}, "offset": {"next": 25}}]}
    assert rest("PATCH", "/connectors/numbers/offsets", body).status == 200
    rest("PUT", "/connectors/numbers/resume")
    until(lambda: len(records_of(engine, "numbers")) == 5)
    assert [int(record.value) for record in records_of(engine, "numbers")] == [25, 26, 27, 28, 29]


def test_a_sink_that_keeps_offsets_and_cannot_alter_them_says_so(engine: str, rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", NUMBERS))
    rest("POST", "/connectors", made("keep", KEEP))
    until(lambda: len(Keep.records) == 30)
    rest("PUT", "/connectors/keep/stop")
    until(lambda: states(rest, "keep") == ["STOPPED"])
    answer = rest("DELETE", "/connectors/keep/offsets")
    assert answer.status == 500 and "keeps offsets with what it writes" in answer.body["message"]


def test_a_sink_begins_where_its_group_is_set(engine: str, rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", NUMBERS))
    rest("POST", "/connectors", made("keep", {**KEEP, "keeps.offsets": "false"}))
    until(lambda: len(Keep.records) == 30)
    where = {"kafka_topic": "numbers", "kafka_partition": 0}
    until(lambda: [each["partition"] for each in rest("GET", "/connectors/keep/offsets").body["offsets"]] == [where])
    rest("PUT", "/connectors/keep/stop")
    until(lambda: states(rest, "keep") == ["STOPPED"])
    with Admin(bootstrap_servers=engine) as admin:
        assert admin.describe_group("connect-keep").members == ()
    body = {"offsets": [{"partition": where, "offset": {"kafka_offset": 28}}]}
    assert rest("PATCH", "/connectors/keep/offsets", body).status == 200
    rest("PUT", "/connectors/keep/resume")
    until(lambda: len(Keep.records) > 30)
    first = Keep.records[30]
    assert (first.original_topic, first.offset) == ("numbers", 28)


def lines_in(directory: Path) -> int:
    return sum(file.read_text().count("\n") for file in directory.glob("out.*"))


def test_the_files_of_a_sink_have_to_agree_with_its_offsets(engine: str, rest: Ask, tmp_path: Path) -> None:
    sink = {"connector.class": "FileSink", "topics": "numbers", "file": str(tmp_path / "out.txt"), "file.max.ms": "50"}
    rest("POST", "/connectors", made("numbers", NUMBERS))
    rest("POST", "/connectors", made("out", sink))
    until(lambda: lines_in(tmp_path) == 30)
    rest("PUT", "/connectors/out/stop")
    until(lambda: states(rest, "out") == ["STOPPED"])
    answer = rest("DELETE", "/connectors/out/offsets")
    assert answer.status == 500 and "Move away those with offsets that are to be written" in answer.body["message"]
    for file in tmp_path.glob("out.*"):
        file.unlink()
    assert rest("DELETE", "/connectors/out/offsets").status == 200
    rest("PUT", "/connectors/out/resume")
    until(lambda: lines_in(tmp_path) == 30)


def test_what_keeps_a_task_from_its_work_and_when_it_is_tried_again(rest: Ask) -> None:
    Numbers.trouble.left, Numbers.trouble.error = 1_000_000, ConnectException("The table is gone.")
    rest("POST", "/connectors", made("numbers", NUMBERS))
    until(lambda: states(rest, "numbers") == ["RUNNING", "FAILED"])
    (task,) = rest("GET", "/connectors/numbers/status").body["tasks"]
    assert "ConnectException: The table is gone." in task["trace"]
    assert task["attempts"] >= 1 and task["next_attempt"] > 1_700_000_000_000
    Numbers.trouble.left = 0
    answer = rest("POST", "/connectors/numbers/restart?includeTasks=true&onlyFailed=true")
    assert answer.status == 202
    assert [answer.body["connector"]["state"], answer.body["tasks"][0]["state"]] == ["RUNNING", "RESTARTING"]
    until(lambda: states(rest, "numbers") == ["RUNNING", "RUNNING"])


def test_while_one_connector_is_changed_the_others_go_on(rest: Ask) -> None:
    rest("POST", "/connectors", made("numbers", ENDLESS))
    until(lambda: states(rest, "numbers") == ["RUNNING", "RUNNING"])
    starts = Numbers.starts
    rest("POST", "/connectors", made("more", {**ENDLESS, "topic": "more"}))
    until(lambda: states(rest, "more") == ["RUNNING", "RUNNING"])
    rest("PUT", "/connectors/more/config", {**ENDLESS, "topic": "most"})
    until(lambda: Numbers.starts == starts + 2)
    rest("DELETE", "/connectors/more")
    assert Numbers.starts == starts + 2
    assert states(rest, "numbers") == ["RUNNING", "RUNNING"]


def test_a_connector_whose_name_has_a_slash(rest: Ask) -> None:
    assert rest("POST", "/connectors", made("a/b c", NUMBERS)).status == 201
    assert rest("GET", "/connectors/a%2Fb%20c").body["name"] == "a/b c"


# Secrets


def test_secrets_are_nowhere_in_answers(start: Start, tmp_path: Path) -> None:
    """What comes by `${file:…}` stays a reference; a password is hidden where settings are validated."""
    planted = [f"horse-{number}-battery" for number in range(20)]
    secrets = tmp_path / "secrets.properties"
    secrets.write_text("".join(f"s{number}={secret}\n" for number, secret in enumerate(planted)))
    provider = "org.apache.kafka.common.config.provider.FileConfigProvider"
    worker = start(listeners="http://127.0.0.1:0", config_providers="file", config_providers_file_class=provider)
    server = serve(worker.herder, "")
    assert server is not None
    server.start()
    told: list[str] = []

    def told_by(method: str, path: str, body: object = None) -> Any:
        answer = ask(worker.herder.group.worker_id, method, path, body)
        told.append(json.dumps(answer.body))
        return answer

    def failed(name: str) -> bool:
        return '"FAILED"' in json.dumps(told_by("GET", f"/connectors/{name}/status").body)

    try:
        for number, secret in enumerate(planted):
            name = f"c{number}"
            Numbers.trouble.left, Numbers.trouble.error = 1, ValueError(f"login with {secret} failed")
            config = {**NUMBERS, "secret": f"${{file:{secrets}:s{number}}}", "topic": f"t{number}"}
            assert told_by("POST", "/connectors", made(name, config)).status == 201
            until(partial(failed, name))
            for path in ("", "/config", "/tasks", "/status", "/offsets"):
                told_by("GET", f"/connectors/{name}{path}")
            told_by("PUT", "/connector-plugins/x:y/config/validate", {**config, "connector.class": "x:y"})
            told_by("PUT", f"/connector-plugins/{NUMBERS['connector.class']}/config/validate", config)
            wrong = {**config, "tasks.max": f"${{file:{secrets}:s{number}}}"}
            assert told_by("PUT", f"/connectors/{name}/config", wrong).status == 400
            told_by("GET", "/connectors?expand=info&expand=status")
            told_by("DELETE", f"/connectors/{name}")
    finally:
        server.close()
    found = [secret for secret in planted if any(secret in each for each in told)]
    assert found == []
    assert any("[hidden]" in each for each in told)


# Who may ask


def test_a_page_from_elsewhere_changes_nothing(rest: Ask) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert rest("POST", "/connectors", made("numbers", NUMBERS), headers).status == 403
    assert rest("GET", "/connectors").body == []
    assert rest("GET", "/health", None, {"Host": "10.0.0.1"}).status == 200


def test_beyond_this_machine_a_token_is_needed(start: Start) -> None:
    worker = start(listeners="http://0.0.0.0:0", rest_advertised_host_name="127.0.0.1")
    with pytest.raises(ConfigException, match=r"listeners=http://0\.0\.0\.0:0 could be asked by other machines"):
        serve(worker.herder, "")
    server = serve(worker.herder, "correct horse")
    assert server is not None
    server.start()
    try:
        address = worker.herder.group.worker_id
        assert ask(address, "GET", "/connectors").status == 401
        assert ask(address, "GET", "/connectors", None, {"Authorization": "Bearer correct horse"}).status == 200
    finally:
        server.close()


@pytest.mark.parametrize(
    ("listeners", "error", "why"),
    [
        ("https://127.0.0.1:8443", NotYetBuiltException, "TLS is not built yet"),
        ("http://127.0.0.1:0,http://127.0.0.1:0", NotYetBuiltException, "several are not built yet"),
        ("127.0.0.1:8083", ConfigException, "Invalid value 127.0.0.1:8083 for configuration listeners"),
        ("http://127.0.0.1:x", ConfigException, "Invalid value http://127.0.0.1:x for configuration listeners"),
    ],
)
def test_listeners_that_cannot_be(start: Start, listeners: str, error: type[Exception], why: str) -> None:
    worker = start(listeners=listeners)
    with pytest.raises(error, match=why):
        serve(worker.herder, "")
