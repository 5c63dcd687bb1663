"""The command with a bug planted: a sink that takes itself to stand a little before where it does, so that whoever goes
on doubles rows."""

from __future__ import annotations

from streams.cli.main import main
from streams.connect.file import sink

SHORT = 5
"""So many offsets."""

told = sink._published

if __name__ == "__main__":
    sink._published = lambda path, partition: max(-1, told(path, partition) - SHORT)
    main()
