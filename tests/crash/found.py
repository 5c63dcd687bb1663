"""What whoever throws things at the engine raises."""

from __future__ import annotations


class Found(AssertionError):
    """The engine did what it must not do; the text says what."""
