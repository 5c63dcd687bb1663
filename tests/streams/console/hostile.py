"""Names, keys and texts that would be markup, code or something else to read, if a page let them."""

from __future__ import annotations

import random

PIECES = (
    "<img src=x onerror=window.hit=1>", "<script>window.hit=1</script>", "\"'&<>`", "</title></svg><b>",
    "javascript:window.hit=1", "{{constructor}}", "${window.hit=1}", "\u202e\u2066\u200f", "\x00\x07\x1b[31m",
    "__proto__", "constructor", "toString", "\r\n\r\ndata: {}\n\nevent: whole\n", "]]>", "<!--", "%3Cimg%20src%3Dx%3E",
    "/../..", "\u2028\u2029", "😀", "z\u0351\u0351\u0351", "名前", "a" * 300, " ", "",
)  # fmt: skip


def texts(count: int, seed: int = 0) -> list[str]:
    """So many of them, all different."""
    chance = random.Random(seed)
    found: dict[str, None] = dict.fromkeys(PIECES)
    while len(found) < count:
        found["".join(chance.choices(PIECES, k=chance.randint(2, 4))) + str(len(found))] = None
    return list(found)[:count]
