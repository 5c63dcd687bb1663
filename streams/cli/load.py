"""From a script to a topology.

A script is a Python file, or `package.module[:name]`. It holds `topology`: a `Topology`, a `StreamsBuilder`, or a
function that takes a `StreamsBuilder` (and may return a `Topology`); a mapping `config` beside it sets defaults.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from streams.cli.failure import FAILED, USAGE, Refused, own_frames
from streams.clients.connect import working_directory
from streams.dsl.builder import StreamsBuilder
from streams.functions import why_not_plain
from streams.spelling import meant
from streams.topology.graph import Topology

NAME = "topology"


class Script(NamedTuple):
    """What a script says. `build(config)` gives the topology, optimised as the settings say."""

    where: str
    config: Mapping[str, object]
    build: Callable[[Mapping[str, object] | None], Topology]


def load(script: str) -> Script:
    """Imports a script and finds its topology.

    Raises:
        Refused: there is no such script, it fails, or it does not say which topology is meant.
    """
    place, _, name = script.partition(":") if not script.endswith(".py") else (script, "", "")
    module = from_file(Path(place)) if place.endswith(".py") else from_package(place)
    found = topology_in(module, place, name)
    config = getattr(module, "config", {})
    if not isinstance(config, Mapping):
        raise Refused(f"{place}: `config` is a {type(config).__name__}; it has to be a mapping of settings.")
    return Script(place, config, lambda settings: built(found, settings, place))


def from_file(path: Path) -> ModuleType:
    """Runs a file as a module, with its directory on the path as Python itself does.

    The module's name is made from the file's, and is not the file's: a script called `queue.py` must not stand for the
    `queue` of others.
    """
    if not path.is_file():
        nearby = sorted(p.name for p in path.parent.glob("*.py")) if path.parent.is_dir() else []
        hint = f" In {path.parent} there are: {', '.join(nearby[:8])}." if nearby else ""
        raise Refused(f"There is no script {path}.{hint}")
    name = f"__script_{path.stem}__"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Refused(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module  # so that dataclasses and serdes in it find their module
    run_user_code(lambda: spec.loader.exec_module(module) if spec.loader else None, f"{path}, while it was imported,")
    return module


def from_package(name: str) -> ModuleType:
    """Imports `package.module`, the working directory first."""
    sys.path.insert(0, working_directory())
    try:
        missing = importlib.util.find_spec(name) is None
    except (ImportError, ValueError):
        missing = True
    if missing:
        raise Refused(
            f"There is no module {name}. Give a Python file (ending in .py) or an importable package.module[:name]."
        )
    found: list[ModuleType] = []
    run_user_code(lambda: found.append(importlib.import_module(name)), f"{name}, while it was imported,")
    return found[0]


def run_user_code(run: Callable[[], None], what: str) -> None:
    """Runs the script's own code; an exception in it is shown with the lines of the script that led there."""
    try:
        run()
    except Refused:
        raise
    except SystemExit as error:
        raise Refused(f"{what} ended itself with exit({error.code}).", FAILED) from error
    except BaseException as error:
        raise Refused(f"{what} failed:\n{own_lines(error)}", FAILED) from error


def own_lines(error: BaseException) -> str:
    """The exception with the user's own lines: frames of this package and of the import machinery are left out."""
    if isinstance(error, SyntaxError) and error.text:
        lines = [f"  {error.filename}:{error.lineno}  {error.text.strip()}"]
        return "\n".join([*lines, f"  {type(error).__name__}: {error.msg}"])
    return "\n".join([*own_frames(error), f"  {type(error).__name__}: {error}{hint_of(error)}"])


def hint_of(error: BaseException) -> str:
    """The name that is meant, where a name is not there that one of ours has in another spelling."""
    if not isinstance(error, AttributeError) or error.obj is None or not error.name:
        return ""
    kind = error.obj if isinstance(error.obj, type) else type(error.obj)
    return f".{meant(error.name, dir(kind))}" if kind.__module__.startswith("streams.") else ""


def topology_in(module: ModuleType, where: str, name: str) -> object:
    """The object that is meant by `name`, or by `topology` where no name is given."""
    found = getattr(module, name or NAME, None)
    if found is None:
        others = [n for n, value in vars(module).items() if isinstance(value, (Topology, StreamsBuilder))]
        if name:
            raise Refused(f"{where} has no {name!r}. {candidates(where, others)}")
        if len(others) > 1:
            raise Refused(
                f"{where} holds {len(others)} topologies and none is called {NAME!r}. {candidates(where, others)}"
            )
        raise Refused(
            f"{where} has no {NAME!r}: a Topology, a StreamsBuilder, or a function that takes a StreamsBuilder. "
            + candidates(where, others)
        )
    if isinstance(found, (Topology, StreamsBuilder)) or callable(found):
        return found
    kind = type(found).__name__
    raise Refused(f"{where}: {name or NAME!r} is a {kind}, and no Topology, StreamsBuilder or function.")


def candidates(where: str, names: list[str]) -> str:
    if not names:
        return f"Name what your script builds {NAME!r}."
    module = where.removesuffix(".py").replace("/", ".")
    options = " or ".join(f"{module}:{name}" for name in names)
    return f"Call the one that is meant {NAME!r}, or say {options}."


def built(found: object, settings: Mapping[str, object] | None, where: str) -> Topology:
    """The topology of what a script holds."""
    if isinstance(found, Topology):
        return found
    if isinstance(found, StreamsBuilder):
        return found.build(settings)
    assert callable(found)
    builder = StreamsBuilder(settings)
    made: list[object] = []
    why = why_not_plain(found, may_yield=False)
    if why is not None:
        raise Refused(f"{where}: {NAME}() {why}; it has to be a plain function that takes a StreamsBuilder.")
    run_user_code(lambda: made.append(found(builder)), f"{where}: {NAME}()")
    if made[0] is None or made[0] is builder:
        return builder.build(settings)
    if isinstance(made[0], Topology):
        return made[0]
    if isinstance(made[0], StreamsBuilder):
        return made[0].build(settings)
    raise Refused(f"{where}: {NAME}() returned a {type(made[0]).__name__}; a Topology, or nothing, is expected.", USAGE)
