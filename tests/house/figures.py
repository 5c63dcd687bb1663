"""The figures of the house: `python -m tests.house.figures [TREE …]`, a column for each tree, this one by default.

Another state of the project to compare with is a tree beside it: `git worktree add ../before COMMIT`.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import networkx

from tests.house.source import ROOT, code_lines, comment_lines, doors, imports, modules

SMALL = 30


def figures(root: Path) -> dict[str, int]:
    """What is counted of one tree, by its name."""
    files = modules(root)
    names = {module.name for module in files}
    arrows = {
        (module.name, found.target): found.top
        for module in files
        for found in imports(module)
        if found.target in names - {module.name}
    }
    graph = networkx.DiGraph(list(arrows))
    circles = [each for each in networkx.strongly_connected_components(graph) if len(each) > 1]
    importers = Counter(target for _, target in arrows)
    lines = {module.name: code_lines(module.path) for module in files}
    own = [module.name for module in files if module.path.name != "__init__.py"]
    counted = [doors(module.path) for module in files]
    return {
        "files": len(files),
        "lines of code": sum(lines.values()),
        "comment lines": sum(comment_lines(module.path) for module in files),
        f"files under {SMALL} lines of code": sum(lines[name] < SMALL for name in own),
        "files with one importer": sum(importers[name] == 1 for name in own),
        "circles of files": len(circles),
        "files in circles": sum(map(len, circles)),
        "imports inside functions": sum(not top for top in arrows.values()),
        "Any": sum(each.any for each in counted),
        "cast": sum(each.cast for each in counted),
        "type: ignore": sum(each.ignore for each in counted),
    }


def main(trees: list[str]) -> None:
    """Prints the table."""
    columns = [figures(Path(tree).resolve()) for tree in trees or [str(ROOT)]]
    for name in columns[0]:
        print(f"{name:32}", *(f"{column[name]:>8,}" for column in columns))


if __name__ == "__main__":
    main(sys.argv[1:])
