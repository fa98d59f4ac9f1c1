"""What pydantic found wrong, as one line each that a technician can act on: file, line, key, value, what is allowed."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from monitor.config.document import Document, KeyPath, Problem
from monitor.config.field import suggestion
from monitor.config.source import SOURCES

SHOWN = 60
"""Characters of a value that are shown: enough to find it, little enough for one line."""

SECRET = re.compile(r"pass|secret|token|credential|private", re.IGNORECASE)
"""Keys whose value is never shown, whatever is wrong with it."""

KIND_OF_ERROR = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "path": "a path",
    "tuple": "a list",
    "list": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "finite": "a finite number",
}
"""What was wanted, by the first word of pydantic's error type."""


def problems_of(document: Document, error: ValidationError, root: type[BaseModel]) -> set[Problem]:
    """Each thing that pydantic found wrong in this document."""
    found: set[Problem] = set()
    for detail in _without_union_echo(error.errors(include_url=False)):
        key = _key_of(detail)
        where = ".".join(str(part) for part in key)
        found.add(Problem(document.line_of(key), where, _sentence(detail, key, root)))
    return found


def _without_union_echo(details: Iterable[ErrorDetails]) -> Iterable[ErrorDetails]:
    """Pydantic reports a value that fits no member of a plain union once per member; the first is enough."""
    seen: set[KeyPath] = set()
    for detail in details:
        key = _key_of(detail)
        if key not in seen:
            seen.add(key)
            yield detail


def _key_of(detail: ErrorDetails) -> KeyPath:
    """The path in the file: without union tags and pydantic's own steps."""
    own = re.compile(r"<.*>|\[key\]|function-.*|tuple\[.*|literal\[.*|constrained-.*|(?:float|int|str|bool|none)")
    loc = detail["loc"]
    kept: list[str | int] = []
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        angled = isinstance(part, str) and part.startswith("<") and part.endswith(">")
        if angled or part == "[key]" or (last and isinstance(part, str) and own.fullmatch(part) and position > 1):
            continue
        kept.append(part)
    return tuple(kept)


def _sentence(detail: ErrorDetails, key: KeyPath, root: type[BaseModel]) -> str:
    kind = detail["type"]
    info = field_at(root, key)
    if kind == "missing":
        return f"is missing; {_described(info)}"
    if kind == "extra_forbidden":
        return _unknown(detail, key, root)
    shown = show(detail["input"], key)
    if kind == "value_error":
        message = str(detail.get("ctx", {}).get("error", detail["msg"]))
        return message if message.startswith(("names ", "has ")) else f"{shown} {message}"
    if kind == "source":
        return _source_problem(detail)
    return f"{shown} {_mismatch(kind, detail, info)}"


def _mismatch(kind: str, detail: ErrorDetails, info: FieldInfo | None) -> str:
    choices = _choices(info)
    if choices:
        return f"is not one of them; allowed {', '.join(choices)}{suggestion(detail['input'], choices)}"
    if detail["input"] is None and kind.endswith("_type"):
        return f"is not {_wanted(kind)}; leave the key out for its default{_allowed(info)}"
    if kind in {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "finite_number"}:
        return f"is out of range{_allowed(info)}"
    if kind in {"too_short", "string_too_short"}:
        return f"is empty{_allowed(info)}"
    return f"is not {_wanted(kind)}{_allowed(info)}"


def _wanted(kind: str) -> str:
    return KIND_OF_ERROR.get(kind.split("_", maxsplit=1)[0], "accepted")


def _allowed(info: FieldInfo | None) -> str:
    extra = info.json_schema_extra if info is not None else None
    allowed = extra.get("allowed") if isinstance(extra, dict) else None
    return f"; allowed {allowed}" if allowed else ""


def _described(info: FieldInfo | None) -> str:
    described = info.description if info is not None else None
    return (described[0].lower() + described[1:].rstrip(".")) if described else "it must be given"


def _choices(info: FieldInfo | None) -> tuple[str, ...]:
    """The literals that this key may hold, when it may hold nothing else."""
    if info is None:
        return ()
    members = _members(info.annotation)
    if members and all(typing.get_origin(member) is Literal for member in members):
        return tuple(str(choice) for member in members for choice in typing.get_args(member))
    return ()


def _unknown(detail: ErrorDetails, key: KeyPath, root: type[BaseModel]) -> str:
    name = str(key[-1])
    if re.search(r"^pass|secret", name, re.IGNORECASE) and name not in {"password_file", "password_env"}:
        return "a password does not stand in this file; use password_file or password_env"
    sections = section_at(root, key[:-1])
    told = tuple(model for tag, model in SOURCES.items() if f"<{tag}>" in detail["loc"] and model in sections)
    names = _names(told or sections)
    near = suggestion(name, names)
    return f"unknown key{near}" if near else f"unknown key; allowed {', '.join(names)}"


def _source_problem(detail: ErrorDetails) -> str:
    value = detail["input"]
    wanted = "exactly one of microphone: DEVICE, recording: FILES, simulated: KIND, stream: URL, stdin: FORMAT"
    if not isinstance(value, Mapping):
        return f"{show(value, ())} is not a source; allowed {wanted}"
    named = [key for key in SOURCES if key in value]
    if named:
        return f"names {' and '.join(named)}; allowed {wanted}"
    near = [f"{key}{hint}" for key in value if (hint := suggestion(key, SOURCES))]
    return f"names no source; allowed {wanted}" + (f" (found {near[0]})" if near else "")


def show(value: object, key: KeyPath) -> str:
    """The value for a person, cut short; never a secret."""
    if any(SECRET.search(str(part)) for part in key):
        return "the value (not shown)"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    shown = re.sub(r"(://|^'?)([^\s:/@]*):[^\s@]*@", r"\1\2:***@", repr(value))
    return shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 1]}…"


def _members(annotation: Any) -> tuple[Any, ...]:  # noqa: ANN401  an annotation can be anything
    """The alternatives of an annotation, without None and without what Annotated adds."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        return tuple(m for arg in typing.get_args(annotation) for m in _members(arg) if m is not types.NoneType)
    return (annotation,)


def _names(section: tuple[type[BaseModel], ...]) -> list[str]:
    return list(dict.fromkeys(info.alias or name for model in section for name, info in model.model_fields.items()))


def section_at(root: type[BaseModel], key: KeyPath) -> tuple[type[BaseModel], ...]:
    """The models that may stand at this key; several for a union, none when the key leads elsewhere."""
    here: tuple[Any, ...] = (root,)
    for part in key:
        here = tuple(member for model in here for member in _step(model, part))
    return tuple(member for member in here if isinstance(member, type) and issubclass(member, BaseModel))


def _step(model: Any, part: str | int) -> tuple[Any, ...]:  # noqa: ANN401  an annotation can be anything
    if isinstance(model, type) and issubclass(model, BaseModel):
        info = _field(model, part)
        return _members(info.annotation) if info is not None else ()
    if typing.get_origin(model) is dict:
        return _members(typing.get_args(model)[1])
    return ()


def field_at(root: type[BaseModel], key: KeyPath) -> FieldInfo | None:
    """The field of this key; for a union's, the first that has it."""
    for model in section_at(root, key[:-1]) if key else ():
        info = _field(model, key[-1])
        if info is not None:
            return info
    return None


def _field(model: type[BaseModel], part: str | int) -> FieldInfo | None:
    return next((info for name, info in model.model_fields.items() if part == (info.alias or name)), None)
