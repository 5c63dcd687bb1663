"""`python -m tests.goldens bytes|describe|errors|internal_topics [FILE]`: compares us with what Java recorded.

Prints the first difference of each failing row, and `passed/total` last. Exit code 1 on any difference.
"""

from __future__ import annotations

import importlib
import sys

SUITES = ("bytes", "describe", "errors", "internal_topics")


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2 or arguments[0] not in SUITES:
        print(f"usage: python -m tests.goldens {'|'.join(SUITES)} [FILE]", file=sys.stderr)
        return 2
    suite = importlib.import_module(f"tests.goldens.{arguments[0]}")
    code: int = suite.run(arguments[1] if len(arguments) == 2 else None)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
