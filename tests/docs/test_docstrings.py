"""Docstrings of the public face: their examples run, and they speak of every argument."""

from __future__ import annotations

import doctest
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from streams import KafkaStreams
from streams.clients import Admin, Consumer, Producer
from streams.clients.background import Polled
from tests.house.source import Module, modules

FACES: tuple[type, ...] = (Producer, Consumer, Admin, KafkaStreams)
SHOWN = [
    module
    for module in modules()
    if re.search(r"^ *>>> ", module.path.read_text("utf-8"), re.MULTILINE)
    and not module.name.startswith("streams.dsl.")  # tests/streams/dsl/test_docstring_examples.py
]


def methods() -> Iterator[tuple[str, Callable[..., object]]]:
    """What a user may call; the rest is for the thread that polls (`streams.clients.background.Polled`)."""
    for face in FACES:
        for name, made in vars(face).items():
            if not name.startswith("_") and inspect.isfunction(made) and not hasattr(Polled, name):
                yield f"{face.__name__}.{name}", made


@pytest.mark.parametrize("module", SHOWN, ids=lambda module: module.name)
def test_the_examples_of_docstrings_run(module: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in doctest.DocTestFinder(exclude_empty=True).find(import_module(module.name)):
        runner.run(example, out=said.append)
    assert not runner.failures, "".join(said)
    assert runner.tries


@pytest.mark.parametrize("face", FACES)
def test_every_public_class_shows_an_example(face: type) -> None:
    assert ">>> " in (face.__doc__ or "")


@pytest.mark.parametrize(("name", "method"), list(methods()))
def test_a_docstring_speaks_of_every_argument(name: str, method: Callable[..., object]) -> None:
    said = inspect.getdoc(method) or ""
    if "not built yet" in said:
        return
    assert said, name
    wanted = [each for each in list(inspect.signature(method).parameters)[1:] if not each.startswith("_")]
    assert [each for each in wanted if not re.search(rf"^ +[\w, ]*\b{each}\b[\w, ]*: ", said, re.MULTILINE)] == []
