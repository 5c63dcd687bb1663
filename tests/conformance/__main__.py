"""`python -m tests.conformance [DIR] [--only NAME] [--json] [--on driver|runtime]`

Runs every case in DIR (default: the shipped ones), prints a line per failing case with the first difference, and
`passed/total` last. Exit status 1 on any difference.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.conformance.drive import Differs, load, run

SHIPPED = Path(__file__).parent / "cases"


def first_difference(path: Path) -> str | None:
    try:
        run(load(path))
    except Differs as difference:
        return str(difference)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("dir", nargs="?", type=Path, default=SHIPPED)
    parser.add_argument("--only", help="one case, by name")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    options = parser.parse_args(arguments)
    paths = sorted(options.dir.glob("*.json.gz"))
    if options.only is not None:
        paths = [path for path in paths if path.name == f"{options.only}.json.gz"]
        if not paths:
            parser.error(f"no case {options.only} in {options.dir}")
    failures = {}
    for path in paths:
        found = first_difference(path)
        if found is not None:
            failures[path.name.removesuffix(".json.gz")] = found
            if not options.json:
                print(f"FAIL {path.name.removesuffix('.json.gz')}: {found}")
    passed = len(paths) - len(failures)
    if options.json:
        print(json.dumps({"passed": passed, "total": len(paths), "failures": failures}, ensure_ascii=False))
    else:
        print(f"{passed}/{len(paths)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
