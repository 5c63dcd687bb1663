"""The fixes that change output records, each off unless `streams.fixes` names it (decision 24)."""

from __future__ import annotations

from typing import Final

from streams.operators.base import Scope

SETTING: Final = "streams.fixes"

KEEPS_WINDOWS: Final = "emit-final-keeps-windows"
"""No closed window vanishes on a jump of stream time: windows are emitted before the record that closes them is put."""

OLD_VALUE: Final = "suppress-old-value"
"""What `suppress` lets go has as its old value what it let go before."""


def fixed(scope: Scope, fix: str) -> bool:
    """Is this fix on?"""
    return named(scope.setting(SETTING), fix)


def named(setting: object, fix: str) -> bool:
    """Does this value of the setting name the fix?"""
    return isinstance(setting, tuple) and (fix in setting or "all" in setting)
