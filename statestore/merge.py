"""A range over the upper layers and the engine together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from statestore.entries import Entry, is_deleted


def merge(
    keys: Iterator[bytes],
    entry_of: Callable[[bytes], Entry | None],
    scan: Iterator[tuple[bytes, bytes]],
    load: Callable[[bytes], Entry],
    backwards: bool,
) -> Iterator[tuple[bytes, Entry]]:
    """Rows in key order, an upper entry before the engine's row of the same key, deleted ones left out.

    `keys` may hold keys for which `entry_of` knows nothing (None): there the engine's row counts, if there is one.
    """
    upper, lower = next(keys, None), next(scan, None)
    while upper is not None or lower is not None:
        if lower is None:
            first = True
        elif upper is None:
            first = False
        else:
            first = upper > lower[0] if backwards else upper < lower[0]
        if first and upper is not None:
            entry = entry_of(upper)
            if entry is not None and not is_deleted(entry):
                yield upper, entry
            upper = next(keys, None)
        elif lower is not None:
            found = entry_of(upper) if upper is not None and upper == lower[0] else None
            entry = load(lower[1]) if found is None else found
            if not is_deleted(entry):
                yield lower[0], entry
            if upper == lower[0]:
                upper = next(keys, None)
            lower = next(scan, None)
