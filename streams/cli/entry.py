"""What the command `streams-app` runs: the imports of the command line take a tenth of a second, and Ctrl-C may come
meanwhile."""

from __future__ import annotations

import sys

INTERRUPTED = 130
"""As in `failure`, which is not imported yet."""


def main() -> None:
    """Runs the command line; an interrupt at any time ends it without a word."""
    try:
        from streams.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
