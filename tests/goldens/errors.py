"""`python -m tests.goldens errors [FILE]`: misuses, and the exception that Java answers with.

Class names must be Java's, messages contain Java's words, and so it is for the causes. Where Java accepts what is
written (`error` absent), so must we. Rows of `exceptions.DIFFERS` must differ as it is written there, rows of
`exceptions.NOT_BUILT` must be refused by name; both are reported beside the passed ones.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streams
from tests.goldens.exceptions import DIFFERS, NOT_BUILT
from tests.goldens.java.applications import Applications
from tests.goldens.java.interpret import run as run_java
from tests.goldens.java.parse import parse
from tests.goldens.java.world import PythonWorld, snake
from tests.logs import quiet

SHIPPED = Path(__file__).parent / "data" / "errors.json"

LAMBDA = "golden.ErrorCases$$Lambda"
JAVA_CLASS = "java.lang.String"
PYTHON_CLASS = "builtins:str"
TYPES = {"StringSerializer": "Serdes.string()", "java.lang.Long": "int", "java.lang.String": "str"}
CLASSES = {
    "RuntimeException": "RuntimeError",
    "NumberFormatException": "ValueError",
    "ArithmeticException": "ZeroDivisionError",
    "IndexOutOfBoundsException": "IndexError",
    "ArrayIndexOutOfBoundsException": "IndexError",
}
"""Java's own exceptions that are Python's own here."""
JVM_TEXTS = ("Cannot invoke ", "class java.", "Index ", "For input string", "/ by zero")
"""Texts of the Java machine, not of Kafka: only the class of the exception is compared."""


def load(file: str | Path | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(file or SHIPPED).read_text("utf-8"))
    return found


def driver(topology: streams.Topology, props: Mapping[str, Any]) -> Any:
    from streams.testing import TopologyTestDriver

    return TopologyTestDriver(topology, props)


@contextmanager
def world_of(case: dict[str, Any]) -> Iterator[PythonWorld]:
    """The names that a snippet finds: those of its kind among them."""
    if case["kind"] not in ("client", "run"):
        yield PythonWorld({"driver": driver} if case["kind"] == "driver" else {})
        return
    fails = case.get("error") is not None or "query_failure" in case
    with Applications(case.get("topics") or {}, fails) as applications:
        yield PythonWorld(applications.functions())


def outcome(case: dict[str, Any]) -> Exception | None:
    """What running the snippet raised. A class of Java's own library is one of Python's here."""
    props: dict[str, Any] = {
        "application.id": "gold-err-app",
        "bootstrap.servers": "memory://errors",
        "default.key.serde": "string",
        "default.value.serde": "string",
        **(case.get("config") or {}),
    }
    names = {"builder": streams.StreamsBuilder(), "topology": streams.Topology(), "props": props}
    snippet = "\n".join(case["java"]).replace(f'"{JAVA_CLASS}"', f'"{PYTHON_CLASS}"')
    try:
        with world_of(case) as world:
            run_java(parse(snippet), world, names)
    except Exception as error:
        return error
    return None


def chain(error: BaseException | None) -> list[tuple[str, str]]:
    """Class and message of an exception and its causes."""
    found = []
    while error is not None:
        found.append((type(error).__name__, str(error)))
        error = error.__cause__
    return found


def wanted(recorded: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [recorded, *recorded.get("causes", ())]
    names = [row["class"].split(".")[-1].split("$")[-1] for row in rows]
    return [(CLASSES.get(name, name), row["message"] or "") for name, row in zip(names, rows, strict=True)]


def plain(message: str) -> str:
    """A message without threads, packages and line breaks, with methods as they are spelled here."""
    found = re.sub(r"stream-thread \[[^]]*] ", "", message.replace("\n", " "))
    found = re.sub(r"org\.apache\.kafka\.(?:[a-z]+\.)+", "", found)
    return re.sub(r"`(\w+)\(\)`", lambda method: f"`{snake(method[1])}()`", found)


def words(message: str) -> list[str]:
    """What of Java's message has to be found, in this order: all but what is only there at run time (placeholders
    and what follows them, names of lambdas); types by their names here."""
    if message.startswith(JVM_TEXTS):
        return []
    text = plain(message.split("<")[0].split("\n")[0])
    for java, python in TYPES.items():
        text = text.replace(java, python)
    return [part for whole in text.split(LAMBDA) if (part := whole.strip())]


def has(message: str, java: str) -> bool:
    rest = plain(message)
    for part in words(java):
        _, found, rest = rest.partition(part)
        if not found:
            return False
    return True


def fault(case: dict[str, Any], error: Exception | None) -> str | None:
    """The first difference of what was raised from what Java raised, or None."""
    recorded = case.get("error")
    if "query_failure" in case:
        recorded = {"class": "QueryFailed", "message": case["query_failure"]}
    if recorded is None:
        return None if error is None else f"accepted by Java; here {type(error).__name__}: {error}"
    if error is None:
        return f"no error; Java: {recorded['class']}: {recorded['message']}"
    got, java = chain(error), wanted(recorded)
    if got[0][0] != java[0][0]:
        return f"{got[0]} instead of {java[0]}"
    if not has(got[0][1], java[0][1]):
        return f"message {got[0][1]!r} instead of {java[0][1]!r}"
    for cause, text in java[1:]:
        if not any(name == cause and has(message, text) for name, message in got[1:]):
            return f"no cause {cause}: {text}; but {got[1:]}"
    return None


def difference(case: dict[str, Any]) -> str | None:
    """The first difference of one case from Java, or from what is said of it in `exceptions`."""
    error, name = outcome(case), case["name"]
    if name in NOT_BUILT:
        refused = type(error).__name__ if error is not None else None
        return None if refused == "NotYetBuiltException" else f"listed as not built, but: {refused}: {error}"
    found = fault(case, error)
    instead = DIFFERS.get(name)
    if instead is None:
        return found
    if found is None:
        return "listed as differing from Java, but does as Java does"
    got = None if error is None else type(error).__name__
    if got != instead.error or instead.words not in str(error or ""):
        return f"listed as differing otherwise ({instead.error}: {instead.words}), but: {got}: {error}"
    return None


def group(case: dict[str, Any]) -> str:
    """How a row that is as it should be is counted."""
    if case["name"] in NOT_BUILT:
        return "refused by name"
    return "differ on purpose" if case["name"] in DIFFERS else "passed"


@quiet()
def run(file: str | None = None) -> int:
    """Prints the first difference of each failing row, and `passed/total` last. 1 on any difference."""
    counts: Counter[str] = Counter()
    cases = load(file)
    for case in cases:
        found = difference(case)
        counts["failed" if found else group(case)] += 1
        if found:
            print(f"FAIL {case['kind']}: {case['name']}\n  {found}")
    beside = ", ".join(f"{counts[what]} {what}" for what in ("refused by name", "differ on purpose") if counts[what])
    print(f"{counts['passed']}/{len(cases)}" + (f" (+{beside})" if beside else ""))
    return 1 if counts["failed"] else 0
