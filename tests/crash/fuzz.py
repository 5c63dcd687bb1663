"""`python -m tests.crash fuzz --seconds N --seed S`: frames, batches and files as nobody should send or find them.

Each kind makes inputs that are nearly right (`fuzz_frames`, `fuzz_batches`, `fuzz_files`), plays them, and says what
went wrong. What has gone wrong once lies in `corpus/`, by kind, and is played first. An input that fails is written to
`--keep`; once its fault is mended it belongs into the corpus.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from tests.crash.found import Found
from tests.crash.fuzz_batches import Batches
from tests.crash.fuzz_files import Damages
from tests.crash.fuzz_frames import Frames

CORPUS = Path(__file__).parent / "corpus"


class Kind(Protocol):
    """One kind of inputs."""

    def make(self, chance: random.Random) -> bytes:
        """An input."""
        ...

    def play(self, data: bytes) -> str:
        """Plays it, and says in a word how it ended; raises Found where something went wrong."""
        ...


KINDS: dict[str, Callable[[], AbstractContextManager[Kind]]] = {
    "frames": Frames,
    "batches": Batches,
    "files": Damages,
}


def corpus(kind: str) -> Iterator[tuple[str, bytes]]:
    """The inputs that are kept, by name."""
    for path in sorted((CORPUS / kind).glob("*.hex")):
        lines = path.read_text("ascii").splitlines()
        yield path.stem, bytes.fromhex("".join(line for line in lines if not line.startswith("#")))


def run(kind: str, seconds: float, seed: int, keep: Path | None = None) -> dict[str, int]:
    """Plays the corpus, then new inputs for so long; how often each end was seen.

    Raises:
        Found: something went wrong; the text has the seed and the number of the input.
    """
    chance = random.Random(seed)
    ends: dict[str, int] = {}
    with KINDS[kind]() as played:

        def play(name: str, data: bytes) -> None:
            try:
                end = played.play(data)
            except Found as found:
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{kind}-{name}.hex").write_text(data.hex() + "\n", "ascii")
                raise Found(f"{kind}, {name}: {found}") from found
            ends[end] = ends.get(end, 0) + 1

        for name, data in corpus(kind):
            play(name, data)
        deadline = time.monotonic() + seconds
        number = 0
        while time.monotonic() < deadline:
            play(f"seed {seed} number {number}", played.make(chance))
            number += 1
    return ends


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all kinds together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=list(KINDS), action="append", help="kinds; all if none is given")
    parser.add_argument("--keep", type=Path, help="where an input that fails is written to")
    given = parser.parse_args(arguments)
    kinds = given.only or list(KINDS)
    for kind in kinds:
        try:
            ends = run(kind, given.seconds / len(kinds), given.seed, given.keep)
        except Found as found:
            print(f"FOUND {found}")
            return 1
        told = ", ".join(f"{end} {count}" for end, count in sorted(ends.items()))
        print(f"{kind}: {sum(ends.values())} inputs, seed {given.seed}: {told}")
    return 0
