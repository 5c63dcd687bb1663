"""Each warning and each error that the product logs has a code, and each code stands in docs/log-messages.md."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator

from streams.log_messages.codes import MESSAGES, Coded
from streams.log_messages.docs_page import page
from tests.house.source import ROOT, modules

LEVELS = ("warning", "error", "exception", "critical")
PAGE = ROOT / "docs" / "log-messages.md"


def lines_in(text: str) -> Iterator[tuple[str | None, int]]:
    """The text of each warning and error that a module logs, None where it is put together, and its line."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        owner = node.func.value
        if node.func.attr in LEVELS and isinstance(owner, ast.Name) and owner.id in ("log", "logger", "summaries"):
            first = node.args[0] if node.args else None
            yield first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None, node.lineno


def logged() -> set[tuple[str, str | None]]:
    found = ((module, text) for module in modules() for text, _ in lines_in(module.path.read_text("utf-8")))
    return {(module.path.stem, text) for module, text in found}


def test_each_line_has_one_code() -> None:
    coded = [line for message in MESSAGES for line in message.lines]
    assert len(coded) == len(set(coded))
    assert logged() == set(coded), "streams/log_messages/codes.py has a row for each"


def test_the_page_has_each_code() -> None:
    codes = [message.code for message in MESSAGES]
    assert len(codes) == len(set(codes))
    assert PAGE.read_text("utf-8") == page(), "python -m streams.log_messages.docs_page > docs/log-messages.md"
    heads = [line.strip("#` ") for line in page().splitlines() if line.startswith("## ")]
    assert heads == codes
    assert all(message.meaning.endswith(".") and message.advice.endswith((".", "?")) for message in MESSAGES)


def test_the_rule_sees_a_line_without_a_code() -> None:
    text = 'log.warning("a new %s", 1)\nlog.info("no")\nlog.exception(f"put {1}")\nother.warning("no")\n'
    assert [each for each, _ in lines_in(text)] == ["a new %s", None]


def test_a_record_gets_its_code() -> None:
    log = logging.getLogger("streams.test-log-codes")
    module, text = MESSAGES[0].lines[0]
    record = log.makeRecord(log.name, logging.ERROR, f"/x/{module}.py", 1, text, ("w",), None)
    own = log.makeRecord(log.name, logging.ERROR, "/x/mine.py", 1, text, ("w",), None)
    for each in (record, own):
        assert Coded().filter(each)
    assert record.__dict__["code"] == MESSAGES[0].code and record.__dict__["coded"] == f" [{MESSAGES[0].code}]"
    assert "code" not in own.__dict__ and own.__dict__["coded"] == ""
