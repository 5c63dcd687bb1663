"""Nothing that is banned, nothing left over, and no word that has been given up for another."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.house.source import PACKAGES, ROOT, Module, modules

BANNED = {
    "pickle": "a serde",
    "marshal": "a serde",
    "shelve": "a state store",
    "eval": "a parser",
    "exec": "nothing: only runtime/compile/fuse.py compiles text, and it is our own",
}
RETIRED = {
    "pulse": "background thread",
    "nudge": "wake",
    "beaten": "the reply to a heartbeat",
    "parcel": "batch in flight",
    "shelf": "index",
    "bury": "send a dead letter",
    "facade": "face of a store",
    "seat": "membership",
    "surveyor": "cluster metadata",
    "blueprint": "task plan",
    "equip": "make",
}
"""Words that a thing went by, and what it is called now, in code and docs."""
RETIRED_TYPES = {
    "Pulse": "BackgroundThread",
    "Beat": "Polled",
    "Telling": "Reports",
    "News": "MembershipEvent",
    "Offer": "Subscription",
    "Pending": "ProducerBatch",
    "Parcel": "InFlightBatch",
    "Synced": "SyncGroupReply",
    "Beaten": "HeartbeatReply",
    "Damaged": "Corruption",
    "Broken": "DiskFailed",
    "Longest": "MaxLength",
    "KeptNumber": "ProcessorMetadata",
    "Shelf": "indexes",
    "Place": "StreamTask with its TaskState",
    "Roster": "Tasks",
    "Rounds": "RebalanceListener",
    "Walk": "CurrentRecord",
    "Ground": "TaskContext",
    "Surroundings": "WorkerParts",
    "WorkerSelf": "MemberIdentity",
}
"""The same for classes, where the word itself has other uses."""
RETIRED_FILES = {
    **dict.fromkeys(("util", "utils", "helper", "helpers", "misc", "common", "stuff"), "what its content is about"),
    "things": "what the things are",
    "page": "docs_page, settings_page",
    "pulse": "background",
    "flow": "fetch_buffer, refs",
    "harmless": "without_effect",
    "meaningless": "not_applicable",
    "lane": "partition_queue",
    "line": "connection, recovery_point",
    "sheet": "atomic_file",
    "heads": "codec",
    "place": "data_directory",
    "shelf": "indexes",
    "timed": "ranges",
    "turns": "topic_order",
    "working": "editable_graph",
    "demand": "materialization",
    "stateless_ends": "stateless",
    "diff_words": "consequences",
    "equip": "make_worker",
    "roster": "tasks",
    "rounds": "rebalance_listener",
    "drains": "run_end",
    "marks": "changelog",
    "unsent": "abort",
}
"""Names of files that say nothing, or that another name has replaced. A file is named by what the field calls its
content; if the field has no name for it, the content belongs elsewhere."""
LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_no_banned_calls(module: Module) -> None:
    found = []
    for node in ast.walk(module.tree()):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id
        named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in [called, *named]:
            if name in BANNED and not (name == "exec" and module.name == "streams.runtime.compile.fuse"):
                found.append(f"{module.where}:{node.lineno} {name}; use {BANNED[name]}")
    assert found == []


def test_yaml_is_loaded_safely() -> None:
    unsafe = re.compile(r"yaml\.(load|unsafe_load|full_load)\(")
    assert [m.where for m in modules() if unsafe.search(m.path.read_text("utf-8"))] == []


def test_nothing_is_left_over() -> None:
    files = [m.path for m in modules()]
    files += [p for place in ("tests", "examples", "benchmarks", "docs") for p in (ROOT / place).rglob("*.py")]
    own = {ROOT / "tests" / "house" / "test_words.py"}
    wrong = [str(p.relative_to(ROOT)) for p in files if p not in own and LEFT_OVER.search(p.read_text("utf-8"))]
    assert wrong == []


def words(text: str) -> set[str]:
    """All words, those inside of identifiers too: `GroupMembership` and `group_membership` are two."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


def written() -> list[Path]:
    """Everything that is read or written here, but the rules, which have to name what they forbid."""
    tops = (*PACKAGES, "tests", "examples", "benchmarks", "docs")
    found = [path for top in tops for kind in ("*.py", "*.md") for path in (ROOT / top).rglob(kind)]
    here = Path(__file__).parent
    return [*(path for path in found if path.parent != here), ROOT / "README.md", ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("word", RETIRED)
def test_no_retired_word_comes_back(word: str) -> None:
    stem = word.rstrip("s")
    texts = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in written()}
    found = [path for path, text in texts.items() if word in text.lower() and {stem, stem + "s"} & words(text)]
    assert found == [], f"say {RETIRED[word]}"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_a_file_is_named_after_what_it_holds(module: Module) -> None:
    assert module.path.stem not in RETIRED_FILES, RETIRED_FILES.get(module.path.stem)


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_no_retired_type_comes_back(module: Module) -> None:
    classes = [node.name for node in ast.walk(module.tree()) if isinstance(node, ast.ClassDef)]
    assert [f"{name}: say {RETIRED_TYPES[name]}" for name in classes if name in RETIRED_TYPES] == []


def test_the_rule_sees_a_retired_word() -> None:
    assert "seat" in words("self._seat = Seat(door)") & words("class FreeSeat: ...") & words("The seat of a member.")
    assert "seat" not in words("seating = unseated")
