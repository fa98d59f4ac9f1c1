"""JSON Schemas of every payload, generated from the records, so that what is documented is what is sent.

``python -m monitor.publish.schema FOLDER`` writes them; the shipped ones lie in ``monitor/publish/schemas``.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from monitor.detect.lifecycle import Verb
from monitor.publish.asyncapi import document
from monitor.publish.commands import COMMANDS, MEANINGS, Command
from monitor.publish.contract import PAYLOADS
from monitor.publish.encoding import Utc
from monitor.publish.messages import SCHEMA_VERSION, Payload
from monitor.publish.reference import page

Schema = dict[str, Any]

_PLAIN: dict[object, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": ["number", "null"]},  # null where a number is not finite
    Utc: {"type": "string", "format": "date-time"},
    NoneType: {"type": "null"},
}


def schema_of(payload: type[Payload]) -> Schema:
    """The JSON Schema (draft 2020-12) of one payload; keys that a later version adds are allowed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": payload.name,
        **_record(payload),
        "x-mqtt": {"qos": payload.qos, "retain": payload.retain},
    }


def schema_of_command(verb: str, command: type[Command]) -> Schema:
    """The JSON Schema (draft 2020-12) of one command; keys that it does not know are refused."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"command/{verb}",
        **_record(command),
        "description": MEANINGS[Verb(verb)],
        "required": [field.name for field in dataclasses.fields(command) if field.default is dataclasses.MISSING],
        "additionalProperties": False,
        "x-mqtt": {"qos": 1, "retain": False},
    }


def schemas() -> dict[str, Schema]:
    """Every payload's schema by file name."""
    sent = {f"{payload.name}.json": schema_of(payload) for payload in PAYLOADS}
    taken = {f"command-{verb}.json": schema_of_command(verb, command) for verb, command in COMMANDS.items()}
    return sent | taken


def as_text(schema: Schema) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def files() -> dict[str, str]:
    """Every file of the contract by name: schemas, the AsyncAPI document that refers to them, a page for people."""
    found = schemas()
    texts = {name: as_text(schema) for name, schema in found.items()}
    return texts | {"asyncapi.json": as_text(document()), "README.md": page(found)}


def write(folder: Path) -> None:
    """Write every file of the contract into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text, encoding="utf-8")


def _record(record: type) -> Schema:
    hints = get_type_hints(record, include_extras=True)
    names = [field.name for field in dataclasses.fields(record)]
    properties = {name: _value(hints[name]) for name in names}
    if "schema" in properties:
        properties["schema"] |= {"const": SCHEMA_VERSION}
    return {
        "type": "object",
        "description": inspect.cleandoc(record.__doc__ or ""),
        "properties": properties,
        "required": names,
    }


def _value(hint: Any) -> Schema:  # noqa: ANN401 - a type hint is any of Python's many kinds of them
    origin = get_origin(hint)
    if origin is Annotated:
        inner, description, *limits = get_args(hint)
        return _value(inner) | {"description": description} | (limits[0] if limits else {})
    if origin in {Union, UnionType}:
        return _one_of([_value(each) for each in get_args(hint)])
    if origin is not None:
        return _container(origin, get_args(hint))
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"type": "string", "enum": [member.value for member in hint]}
    return _record(hint)


def _container(origin: type, items: tuple[Any, ...]) -> Schema:
    if issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _value(items[1])}
    return {"type": "array", "items": _value(items[0])}


def _one_of(options: list[Schema]) -> Schema:
    """One schema for several: merged where they are plain, because that is easier to read."""
    if all(option.keys() <= {"type", "enum"} for option in options):
        enums = [option["enum"] for option in options if "enum" in option]
        types: list[str] = []
        for option in options:
            kinds = option["type"] if isinstance(option["type"], list) else [option["type"]]
            types += [kind for kind in kinds if kind not in types]
        values = [value for enum in enums for value in enum]
        extra = {"enum": values + ([None] if "null" in types else [])} if enums else {}
        return {"type": types[0] if len(types) == 1 else types, **extra}
    return {"anyOf": options}


if __name__ == "__main__":
    write(Path(sys.argv[1]))
