"""Suppliers of processors: what makes a fresh one for each task, and the stores that it brings along (decision 30)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping

from streams import arguments
from streams.errors import IllegalArgumentException, NullPointerException
from streams.serdes.base import in_java

PROCESSOR: Mapping[str, str] = {"init": "context", "process": "record", "close": ""}
"""Methods of a processor and what they are called with. All but the second may be left out."""
TRANSFORMER: Mapping[str, str] = {"init": "context", "transform": "key, value", "close": ""}
"""The same of what `transform_values` takes."""


def brought_stores(supplier: object) -> tuple[object, ...]:
    """Store builders that a supplier names by its attribute or method `stores` (decision 30)."""
    stores: object = getattr(supplier, "stores", None)
    if isinstance(supplier, type) and inspect.isfunction(stores):
        raise IllegalArgumentException(
            f"`stores` of {_named(supplier)} is asked before there is an instance; make it a classmethod"
        )
    if callable(stores):
        stores = arguments.function(stores, "", f"`stores` of {_named(supplier)}")()
    if stores is None:
        return ()
    if not isinstance(stores, Iterable):
        raise IllegalArgumentException(f"`stores` of {_named(supplier)} must be an iterable of store builders")
    return tuple(stores)


def check_supplier(supplier: object, methods: Mapping[str, str] = PROCESSOR) -> Callable[[], object]:
    """A supplier that gives a fresh processor at each call.

    Args:
        methods: what the processor is called by.
    Raises:
        NullPointerException: it is None.
        IllegalArgumentException: it gives the same object twice, cannot be called without arguments, or gives what is
            no processor.
        TopologyException: a method of the processor is asynchronous, or cannot be called as it will be.
    """
    if supplier is None:
        raise NullPointerException("processorSupplier cannot be null")
    if not callable(supplier):
        raise IllegalArgumentException(
            f"{supplier!r} is no supplier of processors; give the class, or a callable without arguments that "
            "makes a new processor"
        )
    arguments.plain_function(supplier, "A supplier of processors")
    try:
        inspect.signature(supplier).bind()
    except TypeError as error:
        raise IllegalArgumentException(
            f"{_named(supplier)} is called without arguments to make a processor, and does not allow it: {error}"
        ) from error
    except ValueError:
        pass
    if isinstance(supplier, type):
        check_processor(supplier, methods)
        return supplier
    make: Callable[[], object] = supplier
    made = make()
    check_processor(made, methods)
    if made is make():
        name = _named(supplier)
        raise IllegalArgumentException(
            f"{name} gives the same processor at each call, and every task needs its own: give the class, or a "
            "function that makes a new one."
            + in_java(
                f"{name} generates single reference. {name}#get() must return a new object each time it is called."
            )
        )
    return supplier


def check_processor(made: object, methods: Mapping[str, str]) -> None:
    """Refuses what cannot be called by these methods: an object, or the class of one (whose objects may get their
    methods when they are made).

    Raises:
        IllegalArgumentException: its main method is missing.
        TopologyException: a method is asynchronous, or has other parameters.
    """
    is_class = isinstance(made, type)
    name = _named(made)
    for method, form in methods.items():
        found: object = inspect.getattr_static(made, method, None) if is_class else getattr(made, method, None)
        if found is None:
            if method in ("init", "close") or (is_class and _may_get_it(made, method)):
                continue
            raise IllegalArgumentException(
                f"{name} has no method {method}({form}), so that it is no processor. Give a class that has one."
            )
        if not is_class:
            arguments.function(found, form, f"{name}.{method}()")
        elif inspect.isfunction(found):
            arguments.function(found, f"self, {form}" if form else "self", f"{name}.{method}()")
        elif callable(found):
            arguments.plain_function(found, f"{name}.{method}()")


def _may_get_it(made: object, method: str) -> bool:
    """May objects of the class have it all the same?"""
    assert isinstance(made, type)
    own = made.__mro__[:-1]
    declared = {name for base in own for name in vars(base).get("__annotations__", ())}
    return method in declared or any(
        inspect.isfunction(vars(base).get(name)) for base in own for name in ("__init__", "__getattr__")
    )


def _named(thing: object) -> str:
    return str(getattr(thing, "__qualname__", None) or type(thing).__qualname__)
