"""Settings: the tables of what is known, and the checked settings of an application."""

from __future__ import annotations

from streams.config.application import StreamsConfig

__all__ = ["StreamsConfig"]
