"""`python -m tests.goldens errors [FILE]`: misuses, and the exception that Java answers with.

Class names must be Java's, messages begin with Java's words. Where Java accepts what is written (`error` absent),
so must we, except for the rows of `REFUSED_HERE`, each with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streams
from tests.goldens.java.interpret import run as run_java
from tests.goldens.java.parse import parse
from tests.goldens.java.world import PythonWorld

SHIPPED = Path(__file__).parent / "data" / "errors.json"


def load(file: str | Path | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(file or SHIPPED).read_text("utf-8"))
    return found


def driver(topology: streams.Topology, props: Mapping[str, Any]) -> Any:
    from streams.testing import TopologyTestDriver

    return TopologyTestDriver(topology, props)


def world_of(kind: str) -> PythonWorld:
    functions: dict[str, Callable[..., Any]] = {}
    if kind == "driver":
        functions["driver"] = driver
    return PythonWorld(functions)


def outcome(case: dict[str, Any]) -> Exception | None:
    """What running the snippet raised."""
    props: dict[str, Any] = {
        "application.id": "gold-err-app",
        "bootstrap.servers": "memory://errors",
        "default.key.serde": "string",
        "default.value.serde": "string",
        **(case.get("config") or {}),
    }
    names = {"builder": streams.StreamsBuilder(), "topology": streams.Topology(), "props": props}
    try:
        run_java(parse("\n".join(case["java"])), world_of(case["kind"]), names)
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
    return [(row["class"].split(".")[-1].split("$")[-1], row["message"] or "") for row in rows]


def words(message: str) -> str:
    """A message without what is only there at run time in Java: placeholders, and all after one."""
    return message.split("<")[0].split("\n")[0].strip()


def difference(case: dict[str, Any]) -> str | None:
    """The first difference of one case, or None."""
    error = outcome(case)
    recorded = case.get("error")
    if recorded is None:
        return None if error is None else f"accepted by Java; here {type(error).__name__}: {error}"
    if error is None:
        return f"no error; Java: {recorded['class']}: {recorded['message']}"
    got, java = chain(error), wanted(recorded)
    if got[0][0] != java[0][0]:
        return f"{got[0]} instead of {java[0]}"
    if words(java[0][1]) not in got[0][1].replace("\n", " "):
        return f"message {got[0][1]!r} instead of {java[0][1]!r}"
    return None


def run(file: str | None = None) -> int:
    """Prints the first difference of each failing row, and `passed/total` last. 1 on any difference."""
    passed = total = 0
    for case in load(file):
        total += 1
        found = difference(case)
        if found is None:
            passed += 1
        else:
            print(f"FAIL {case['kind']}: {case['name']}\n  {found}")
    print(f"{passed}/{total}")
    return 0 if passed == total else 1
