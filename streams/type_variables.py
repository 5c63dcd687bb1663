"""The type variables of the public face: keys and values of streams, tables, options and stores.

Some have a default (PEP 696), which checkers know; Python knows it from 3.13 on, and has no use for it.

`KAny`, `VAny`: Any where nothing tells what they are, as in `builder.stream("topic")` without serdes.
`KStated`, `VStated`, `VOStated`: `Unstated` there. `stream.group_by(lambda key, value: …, Grouped("by-city"))` takes
its types from the function alone; with Any in their place a name would make the types of a whole aggregation Any.
`…Given`: the same for factories, which are asked of a class whose own variables are not known yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

K = TypeVar("K")
V = TypeVar("V")
KR = TypeVar("KR")
VR = TypeVar("VR")
KO = TypeVar("KO")
VO = TypeVar("VO")


class Unstated:
    """Stands in the type of an option for what the option does not say. There are no objects of it."""


if TYPE_CHECKING:
    import typing_extensions as pep696

    KAny = pep696.TypeVar("KAny", default=Any)
    VAny = pep696.TypeVar("VAny", default=Any)
    KOAny = pep696.TypeVar("KOAny", default=Any)
    KOAnyGiven = pep696.TypeVar("KOAnyGiven", default=Any)
    KAnyGiven = pep696.TypeVar("KAnyGiven", default=Any)
    VAnyGiven = pep696.TypeVar("VAnyGiven", default=Any)
    KStated = pep696.TypeVar("KStated", default=Unstated)
    VStated = pep696.TypeVar("VStated", default=Unstated)
    VOStated = pep696.TypeVar("VOStated", default=Unstated)
    KGiven = pep696.TypeVar("KGiven", default=Unstated)
    VGiven = pep696.TypeVar("VGiven", default=Unstated)
    VOGiven = pep696.TypeVar("VOGiven", default=Unstated)
else:
    KAny, VAny, KOAny = map(TypeVar, ("KAny", "VAny", "KOAny"))
    KAnyGiven, VAnyGiven, KOAnyGiven = map(TypeVar, ("KAnyGiven", "VAnyGiven", "KOAnyGiven"))
    KStated, VStated, VOStated = map(TypeVar, ("KStated", "VStated", "VOStated"))
    KGiven, VGiven, VOGiven = map(TypeVar, ("KGiven", "VGiven", "VOGiven"))
