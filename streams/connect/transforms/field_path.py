"""The way to a field: its name (V1), or names with dots between them (V2)."""

from __future__ import annotations

from streams.config.table import one_of_in_any_case
from streams.connect.config_def import Config, ConfigKey, Type
from streams.connect.data.schema import Field, Schema
from streams.connect.data.struct import Struct
from streams.connect.transforms.base import FIELD_SYNTAX, HIGH, require_map, require_struct
from streams.errors import ConfigException

FIELD_SYNTAX_VERSION = ConfigKey(
    FIELD_SYNTAX,
    Type.STRING,
    "V1",
    "V1: the name of a field of the struct or map itself. V2: names with dots between them lead to nested fields; "
    "backticks stand around a name with a dot in it.",
    one_of_in_any_case("V1", "V2"),
    HIGH,
)
_PURPOSE = "nested field access"


class FieldPath:
    """A way to a field.

    Args:
        path: as it is written.
        config: with `field.syntax.version`.
    Raises:
        ConfigException: a backtick has no second one.
    """

    def __init__(self, path: str, config: Config) -> None:
        self.steps = (path,) if config.text(FIELD_SYNTAX).upper() == "V1" else _steps(path)

    def field(self, schema: Schema) -> Field | None:
        """The field that it leads to; None: there is none."""
        for step in self.steps[:-1]:
            found = schema.field(step)
            if found is None:
                return None
            schema = found.schema
        return schema.field(self.steps[-1])

    def in_struct(self, struct: Struct, with_default: bool) -> object:
        """What a struct has there; None where the way does not lead so far."""
        for step in self.steps[:-1]:
            if struct.schema.field(step) is None or struct[step] is None:
                return None
            struct = require_struct(struct[step], _PURPOSE)
        last = self.steps[-1]
        if struct.schema.field(last) is None:
            return None
        return struct[last] if with_default else struct.get_without_default(last)

    def in_map(self, found: dict[object, object]) -> object:
        """What a mapping has there; None where the way does not lead so far."""
        for step in self.steps[:-1]:
            inner = found.get(step)
            if inner is None:
                return None
            found = require_map(inner, _PURPOSE)
        return found.get(self.steps[-1])


def _steps(path: str) -> tuple[str, ...]:
    """Names between dots; one in backticks ends with the backtick before a dot or the end that no backslash escapes."""
    steps: list[str] = []
    at = 0
    while at < len(path):
        if path[at] != "`":
            name, _, _ = path[at:].partition(".")
            steps.append(name)
            at += len(name) + 1
            continue
        begin, at, name = at, at + 1, ""
        start = at
        while True:
            at = path.find("`", at)
            escaped = at > 0 and path[at - 1] == "\\"
            if at < 0 or (escaped and at == len(path) - 1):
                raise ConfigException(
                    f"Incomplete backtick pair in path: [{path}], consider adding a backslash before backtick at "
                    f"position {begin} to escape it"
                )
            if at < len(path) - 1 and path[at + 1] != ".":
                at += 1
                continue
            if not escaped:
                break
            name += path[start : at - 1] + "`"
            at += 1
            start = at
        steps.append(name + path[start:at])
        at += 2
    return (*steps, "") if path.endswith(".") or not path else tuple(steps)
