"""The guarantees that there are."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from streams.runtime.worker.guarantee import AT_LEAST_ONCE, Guarantee

EXACTLY_ONCE: Guarantee = AT_LEAST_ONCE
if find_spec("streams.runtime.worker.exactly_once") is not None:
    EXACTLY_ONCE = import_module("streams.runtime.worker.exactly_once").EXACTLY_ONCE
