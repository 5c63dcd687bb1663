"""The example that moves a script from the bundled engine to Apache Kafka by its address."""

from __future__ import annotations

import pytest

from streams.clients import Admin
from tests.examples.driving import module_of


def test_the_answers_on_both_engines_are_the_same(servers: str, capsys: pytest.CaptureFixture[str]) -> None:
    example = module_of("kafka/same_script")
    with Admin(bootstrap_servers=servers) as admin:
        before = set(admin.list_topics())
        assert example.main(servers, example.read_lines(400)) == 0
        assert not {topic for topic in set(admin.list_topics()) - before if topic.startswith("word")}
    said = capsys.readouterr().out.splitlines()
    assert [line.startswith((f"{servers}: ", "local://")) for line in said].count(True) == 2
    assert all("NOT" not in line for line in said)
    commands = [line.split() for line in said if "streams-app" in line]
    assert [command[-1] for command in commands] == ["word_count.py", "word_count.py"]
    assert commands[1][4] == servers  # nothing else differs but the name that each run has
