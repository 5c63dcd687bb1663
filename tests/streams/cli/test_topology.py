"""`topology graph`, `topology diff`, `topology code` and `topology describe --json`."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.streams.cli.conftest import Command

COUNT = """
from streams import Serdes
S = Serdes.string()
def topology(builder):
    lines = builder.stream("lines", key_serde=S, value_serde=S)
    lines.group_by_key().count().to_stream().to("counts", value_serde=Serdes.long())
"""
FILTERED = COUNT.replace("value_serde=S)\n    lines.", "value_serde=S)\n    lines.filter(lambda k, v: bool(v)).")
IMPORTING = """
from streams import StreamsBuilder
from sibling import NAME
topology = StreamsBuilder()
topology.stream(NAME).to("out")
"""


def script(tmp_path: Path, text: str, name: str = "job.py") -> str:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("form", "start"),
    [("text", "Sub-topology 0\n  (lines)\n"), ("mermaid", "flowchart TD\n"), ("dot", "digraph topology {")],
)
def test_graphs(command: Command, tmp_path: Path, form: str, start: str) -> None:
    found = command("topology", "graph", script(tmp_path, COUNT), "--format", form)
    assert found.exit_code == 0
    assert found.output.startswith(start)


def test_a_picture_in_a_file(command: Command, tmp_path: Path) -> None:
    picture = tmp_path / "job.svg"
    found = command("topology", "graph", script(tmp_path, COUNT), "--format", "svg", "--output", str(picture))
    assert (found.exit_code, found.output) == (0, "")
    words = "".join(ElementTree.fromstring(picture.read_text("utf-8")).itertext())
    assert "KSTREAM-AGGREGATE-0000000002" in words
    assert "job.py:5" in words
    again = command("topology", "graph", script(tmp_path, COUNT), "-o", str(tmp_path / "no" / "such"))
    assert again.exit_code == 2
    assert "cannot be written" in again.output


def test_a_renamed_store_in_a_table(command: Command, tmp_path: Path) -> None:
    found = command("topology", "diff", script(tmp_path, COUNT), script(tmp_path, FILTERED, "new.py"))
    assert found.exit_code == 1
    assert "renamed  KSTREAM-AGGREGATE-STATE-STORE-0000000001  KSTREAM-AGGREGATE-STATE-STORE-0000000002" in found.output
    assert "is lost under the new name" in found.output


def test_a_saved_description_stands_for_its_script(command: Command, tmp_path: Path) -> None:
    job = script(tmp_path, COUNT)
    saved = script(tmp_path, command("topology", "describe", "--json", job).output, "saved.json")
    same = command("topology", "diff", saved, job)
    assert same.exit_code == 0
    assert same.output.endswith("Everything that is there is found again.\n")
    assert command("topology", "graph", saved).output == command("topology", "graph", job).output


def test_a_diff_for_programs(command: Command, tmp_path: Path) -> None:
    found = command("topology", "diff", "--json", script(tmp_path, COUNT), script(tmp_path, FILTERED, "new.py"))
    assert found.exit_code == 1
    document = json.loads(found.output)
    assert document["harms"] is True
    assert [row["fate"] for row in document["stores"]] == ["renamed"]
    assert [row["fate"] for row in document["committed_offsets"]] == ["kept"]
    assert document["subtopologies"][0]["old"] == "0"


def test_each_version_finds_its_own_modules(command: Command, tmp_path: Path) -> None:
    old, new = script(tmp_path, IMPORTING, "old/job.py"), script(tmp_path, IMPORTING, "new/job.py")
    script(tmp_path, "NAME = 'before'", "old/sibling.py")
    script(tmp_path, "NAME = 'after'", "new/sibling.py")
    offsets = json.loads(command("topology", "diff", "--json", old, new).output)["committed_offsets"]
    assert [(row["fate"], row["old"], row["new"]) for row in offsets] == [
        ("orphaned", "before", None),
        ("new", None, "after"),
    ]


@pytest.mark.parametrize(("name", "text"), [("missing.json", None), ("broken.json", "{"), ("missing.py", None)])
def test_what_cannot_be_compared(command: Command, tmp_path: Path, name: str, text: str | None) -> None:
    if text is not None:
        script(tmp_path, text, name)
    found = command("topology", "diff", script(tmp_path, COUNT), str(tmp_path / name))
    assert found.exit_code == 2
    assert name in found.output
    assert "Traceback" not in found.output


def test_the_code_of_a_join_with_a_global_table(command: Command, tmp_path: Path) -> None:
    joining = COUNT.replace(
        "    lines.",
        '    names = builder.global_table("names", key_serde=S, value_serde=S)\n'
        "    lines.join(names, lambda key, line: key, lambda line, name: name).",
    )
    found = command("topology", "code", script(tmp_path, joining))
    assert found.exit_code == 0
    assert found.output.startswith("# Sub-topology ")
    assert "def source_0(rows):" in found.output
