"""`python -m tests.conformance [DIR] [--only NAME] [--json] [--on driver|runtime] [--partitions N] [--crash]`

Runs every case in DIR (default: the shipped ones), prints a line per failing case with the first difference, and
`passed/total` last. Exit status 1 on any difference. With `--on runtime` the cases run through a worker over
`memory://`; those whose results belong to the driver alone are left out (see `on_runtime`).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.conformance.drive import Differs, load, run
from tests.conformance.on_runtime import fits, run_on_runtime

SHIPPED = Path(__file__).parent / "cases"


def first_difference(path: Path, options: argparse.Namespace) -> str | None:
    try:
        if options.on == "runtime":
            run_on_runtime(load(path), options.partitions, options.crash)
        else:
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
    parser.add_argument("--on", choices=("driver", "runtime"), default="driver")
    parser.add_argument("--partitions", type=int, default=1, help="of every topic, on the runtime")
    parser.add_argument("--crash", action="store_true", help="crash and restart in the middle, on the runtime")
    options = parser.parse_args(arguments)
    paths = sorted(options.dir.glob("*.json.gz"))
    if options.only is not None:
        paths = [path for path in paths if path.name == f"{options.only}.json.gz"]
        if not paths:
            parser.error(f"no case {options.only} in {options.dir}")
    if options.on == "runtime":
        paths = [path for path in paths if fits(load(path), options.partitions, options.crash)]
    failures = {}
    for path in paths:
        found = first_difference(path, options)
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
