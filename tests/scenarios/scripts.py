"""Scripts with what comes of each command: a command a line, under it, after `----`, what it came to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

Run = Callable[[str], str]
"""Carries out one command; returns what came of it, a line each."""


def scripts(folder: str) -> list[Path]:
    """Those of a folder beside this file."""
    return sorted((Path(__file__).parent / folder).glob("*.txt"))


def replayed(script: str, run: Run) -> str:
    """The script with what it came to now."""
    written: list[str] = []
    lines = iter(script.splitlines())
    for line in lines:
        if line == "----":
            for old in lines:
                if not old:
                    break
            written.append("")
            continue
        written.append(line)
        if line and not line.startswith("#"):
            written.append("----")
            written.extend(run(line).splitlines())
    return "\n".join(written).rstrip("\n") + "\n"


def hold(path: Path, run: Run) -> None:
    """The script comes to what stands in it. `REWRITE=1` writes it anew, to be read and judged."""
    script = path.read_text()
    now = replayed(script, run)
    if os.environ.get("REWRITE") == "1":
        path.write_text(now)
        script = now
    assert now == script
