"""Signatures of public methods as `help()` and editors show them: names and types, one line for each form.

A method that takes options has `**fields: Unpack[…]`, and one with several forms `*args`. What a reader wants to know
stands in the TypedDict and in the overloads; it is put together when somebody asks, not when the class is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from inspect import Parameter, Signature, isfunction
from types import FunctionType, MappingProxyType
from typing import Self, TypeVar, get_overloads

C = TypeVar("C", bound=type)

_unpacked = re.compile(r"^Unpack\[(\w+)(?:\[(.*)\])?\]$")
_option = re.compile(r"\b(\w+)Option\[")
_unstated = re.compile(r"\[(?:K, Unstated|Unstated, V|Unstated, Unstated)\]")
_variable = re.compile(r"\b(K|V|KO|VO)(?:Any)?(?:Any|Stated|Given)\b")


class Text(str):
    """What stands as it is written, without quotes around it: an annotation, or the default of what may be left out."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


LEFT_OUT = Text("...")


class Written(Signature):
    """The signature of a function with overloads or unpacked keywords.

    As an object it is that of the form with the most positional parameters, with the keywords of all; as text it has a
    line for each form.
    """

    __slots__ = ("_forms", "_function")

    def __init__(self, function: FunctionType, forms: tuple[Signature, ...] = ()) -> None:
        self._function = function
        self._forms = forms

    @property
    def forms(self) -> tuple[Signature, ...]:
        """One for each overload, or the one that there is."""
        if not self._forms:
            forms = [_expanded(each) for each in get_overloads(self._function) or [self._function]]
            self._forms = tuple(form for at, form in enumerate(forms) if form not in forms[:at])
        return self._forms

    @property
    def parameters(self) -> MappingProxyType[str, Parameter]:
        return MappingProxyType(_together(self.forms))

    @property
    def return_annotation(self) -> object:
        return self.forms[0].return_annotation

    def replace(self, *, parameters: object = LEFT_OUT, return_annotation: object = LEFT_OUT) -> Self:
        """Without its first parameter it is that of a bound method, in all its forms; else it has one form."""
        own = [*self.parameters.values()]
        given = own if parameters is LEFT_OUT or not isinstance(parameters, Iterable) else [*parameters]
        if given == own[1:] and return_annotation is LEFT_OUT:
            bound = (form.replace(parameters=[*form.parameters.values()][1:]) for form in self.forms)
            return type(self)(self._function, tuple(bound))
        returns = self.return_annotation if return_annotation is LEFT_OUT else return_annotation
        return type(self)(self._function, (Signature(given, return_annotation=returns),))

    def format(self, **how: object) -> str:
        """As text (Python 3.13 asks for it so)."""
        return f"\n{self._function.__name__}".join(str(form) for form in self.forms)

    def __str__(self) -> str:
        return self.format()

    def __repr__(self) -> str:
        return f"<Signature {self}>"

    def __reduce__(self) -> str | tuple[object, ...]:
        return Signature([*self.parameters.values()], return_annotation=self.return_annotation).__reduce__()


def written(kind: C) -> C:
    """Gives the public methods of a class their readable signatures."""
    for name, member in vars(kind).items():
        function = getattr(member, "__func__", member)
        if not name.startswith("_") and isfunction(function):
            vars(function)["__signature__"] = Written(function)
    return kind


def _expanded(function: object) -> Signature:
    """The signature of one form, its keywords unpacked."""
    source = getattr(function, "__func__", function)  # a class method is one in its overloads too
    assert isinstance(source, FunctionType)
    plain = FunctionType(source.__code__, source.__globals__, source.__name__, source.__defaults__)
    plain.__kwdefaults__, plain.__annotations__ = source.__kwdefaults__, source.__annotations__
    found = Signature.from_callable(plain)
    parameters: list[Parameter] = []
    for each in found.parameters.values():
        keywords = _unpacked.match(str(each.annotation)) if each.kind is Parameter.VAR_KEYWORD else None
        if keywords is None:
            parameters.append(each.replace(annotation=_readable(each.annotation)))
        else:
            taken = {parameter.name for parameter in parameters}
            kind = source.__globals__[keywords[1]]
            parameters += [each for each in _keywords(kind, keywords[2]) if each.name not in taken]
    return Signature(parameters, return_annotation=_readable(found.return_annotation))


def _keywords(kind: type, arguments: str | None) -> list[Parameter]:
    """The keywords of a TypedDict, its type variables replaced by what it is given."""
    variables = (each.__name__ for each in getattr(kind, "__parameters__", ()))
    given = dict(zip(variables, (arguments or "").split(", "), strict=False))

    def filled(annotation: object) -> str:
        said = getattr(annotation, "__forward_arg__", annotation)
        return re.sub(r"\b[A-Z]+\b", lambda found: given.get(found[0], found[0]), str(said)) if given else str(said)

    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=LEFT_OUT, annotation=_readable(filled(annotation)))
        for name, annotation in kind.__annotations__.items()
    ]


def _readable(annotation: object) -> object:
    if not isinstance(annotation, str):
        return annotation
    return Text(_unstated.sub("[K, V]", _variable.sub(r"\1", _option.sub(r"\1[", annotation))))


def _together(forms: tuple[Signature, ...]) -> Mapping[str, Parameter]:
    """The parameters of the form with the most positional ones; what not every form has may be left out."""
    positional = [[p for p in form.parameters.values() if p.kind <= Parameter.POSITIONAL_OR_KEYWORD] for form in forms]
    fewest, most = min(map(len, positional)), max(positional, key=len)
    first = [p if at < fewest else p.replace(default=LEFT_OUT) for at, p in enumerate(most)]
    rest: dict[str, Parameter] = {}
    for form in forms:
        for each in form.parameters.values():
            if each.kind > Parameter.POSITIONAL_OR_KEYWORD:
                rest.setdefault(each.name, each)
    several = [p for p in rest.values() if p.kind is Parameter.VAR_POSITIONAL][:1]
    named = [p for p in rest.values() if p.kind is Parameter.KEYWORD_ONLY]
    everywhere = set.intersection(*(set(form.parameters) for form in forms))
    named = [p if p.name in everywhere else p.replace(default=LEFT_OUT) for p in named]
    return {each.name: each for each in (*first, *several, *named)}
