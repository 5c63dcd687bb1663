"""The token that requests must bring where others than this machine can ask; all instances have the same."""

from __future__ import annotations

import os

TOKEN = "STREAMS_APP_HTTP_TOKEN"
"""The variable with it."""


def http_token() -> str:
    """The token that requests must bring; "": there is none."""
    return os.environ.get(TOKEN, "")
