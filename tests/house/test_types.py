"""The doors out of the type system are counted, and the number may only fall."""

from __future__ import annotations

from tests.house.source import Doors, doors, modules

MOST = Doors(any=302, cast=18, ignore=6)


def test_the_doors_out_of_the_type_system_do_not_grow() -> None:
    counted = zip(*(doors(module.path) for module in modules()), strict=True)
    for name, most, found in zip(MOST._fields, MOST, counted, strict=True):
        assert sum(found) <= most, name
