"""mypy and pyright as a user runs them: in a directory of his own, with this package found on a path."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Complaints = dict[str, dict[int, str]]
"""By file: the lines that a checker refuses, and why."""


def mypy(directory: Path, files: Mapping[str, str]) -> Complaints:
    """What `mypy --strict` says about files, given by name and text."""
    _write(directory, files)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-version=3.11", "--no-pretty",
               "--no-error-summary", "--output=json", "--cache-dir", str(directory / "cache"), *files]  # fmt: skip
    environment = {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    found = _none(files)
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if said["severity"] == "error" and said["file"] in found:
            found[said["file"]].setdefault(said["line"], said["message"])
    assert done.returncode < 2, done.stdout + done.stderr
    return found


def pyright(directory: Path, files: Mapping[str, str]) -> Complaints:
    """What pyright says about them, as it is set up when nobody sets it up."""
    _write(directory, files)
    settings = {"include": [*files], "extraPaths": [str(ROOT)], "pythonVersion": "3.11"}
    (directory / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    assert done.returncode < 2, done.stdout + done.stderr
    found = _none(files)
    for said in json.loads(done.stdout)["generalDiagnostics"]:
        name = Path(said["file"]).relative_to(directory.resolve()).as_posix()
        if said["severity"] == "error":
            found[name].setdefault(said["range"]["start"]["line"] + 1, said["message"])
    return found


CHECKERS: dict[str, Callable[[Path, Mapping[str, str]], Complaints]] = {"mypy": mypy, "pyright": pyright}


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _none(files: Mapping[str, str]) -> Complaints:
    return {name: {} for name in files}
