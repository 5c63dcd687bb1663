"""Where the page is found."""

from __future__ import annotations

PAGE = "/console"
INSTANCE = f"{PAGE}/instance"
FILES = {
    PAGE: ("page.html", "text/html; charset=utf-8"),
    f"{PAGE}/page.css": ("page.css", "text/css; charset=utf-8"),
    f"{PAGE}/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
"""Files of the page, and their media types."""
OPEN = frozenset(FILES)
"""Paths that answer without a token: a browser brings none when it opens a page, and they tell nothing."""
