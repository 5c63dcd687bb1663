"""Tables of figures in docs/benchmarks.md, each with machine, versions, settings, date and load beside it.

A table stands between `<!-- figures: NAME -->` and `<!-- end -->`; what was there before goes.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.figures import versions

PAGE = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def write(
    name: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    failed: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
    page: Path | None = None,
) -> None:
    """Puts a table in the place of the one of that name.

    Raises:
        ValueError: the page has no place of that name.
    """
    begin, end = f"<!-- figures: {name} -->", "<!-- end -->"
    page = page or PAGE
    text = page.read_text("utf-8")
    place = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if not place.search(text):
        raise ValueError(f"{page} has no line {begin}")
    parts = [begin, _circumstances(settings or {}), "", markdown(head, rows)]
    if failed:
        parts += ["", *(f"Failed: {each}" for each in failed)]
    content = "\n".join([*parts, end])
    page.write_text(place.sub(lambda _: content, text, count=1), "utf-8")


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _circumstances(settings: Mapping[str, object]) -> str:
    measured = {"commit": revision(), **versions(), **settings}
    load = " / ".join(f"{each:.1f}" for each in os.getloadavg())
    what = ", ".join(f"{name} {value}" for name, value in measured.items())
    return f"{time.strftime('%Y-%m-%d')}; {machine()}; load average over 1 / 5 / 15 minutes at the end {load}; {what}."


def revision() -> str:
    """What was measured, as git names it."""
    command = ["git", "-C", str(PAGE.parent), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """Processor, cores and memory, as far as the system tells."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        model = found.group(1) if found else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GB"
