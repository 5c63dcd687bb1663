"""A real Chromium, Debian's (`apt-get install chromium`), driven by playwright."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NOTHING_TESTED = "nothing is tested in a browser"


def needed() -> None:
    """Skips a test where there is no browser; where `CHROMIUM_REQUIRED` is set it fails instead."""
    lacking = [] if CHROMIUM else ["chromium"]
    lacking += [] if importlib.util.find_spec("playwright") else ["playwright"]
    if lacking:
        reason = f"{' and '.join(lacking)} not installed: {NOTHING_TESTED}"
        if os.environ.get("CHROMIUM_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser until the end of the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--hide-scrollbars"])
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page of it, and what it has complained of: what was refused (content security policy), what has failed.

    Args:
        browser: whose.
        width, height: of the window.
        scheme: `light` or `dark`.
    """

    def __init__(self, browser: Browser, width: int = 1440, height: int = 900, scheme: Any = "light") -> None:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", locale="en-GB"
        )
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.received = 0
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def value(self, script: str) -> Any:
        """What an expression gives."""
        return self.page.evaluate(script)

    def until(self, script: str, is_so: Callable[[Any], object] = bool) -> Any:
        """Waits until an expression is so, and gives it."""
        last: list[Any] = []

        def looked() -> bool:
            last[:] = [self.value(script)]
            return bool(is_so(last[0]))

        try:
            until(looked)
        except AssertionError as error:
            raise AssertionError(f"{script} is {last[0]!r}") from error
        return last[0]

    def texts(self, selector: str) -> list[str]:
        """What stands in all elements of a kind."""
        found: list[str] = self.value(f"[...document.querySelectorAll({selector!r})].map((one) => one.textContent)")
        return found

    def figure(self, name: str, of: str = "span") -> str:
        """One of the summary."""
        found: str = self.value(f"document.querySelector('[data-figure=\"{name}\"] {of}').textContent")
        return found

    def picture(self, file: Path, width: int, height: int) -> None:
        """A screenshot of the beginning of the page."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.value("scrollTo(0, 0)")
        self.page.screenshot(path=file, animations="disabled")

    def close(self) -> None:
        """It is looked at no more."""
        self.page.context.close()
