"""The JSON Schema of the configuration, for editors that complete and check YAML as it is written."""

from __future__ import annotations

import json
from typing import Any

from monitor.config.model import Config
from monitor.config.source import FAULTS, SIMULATED


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a configuration file."""
    schema = Config.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    definitions["SimulatedSource"]["properties"]["simulated"]["enum"] = list(SIMULATED)
    definitions["FaultSettings"]["properties"]["kind"]["enum"] = list(FAULTS)
    schema["properties"]["node"].pop("default", None)  # this computer's host name is no part of the schema
    _tidy(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "monitor configuration", **schema}


def schema_text() -> str:
    """The schema as the text of config/monitor.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def _tidy(node: object) -> None:
    """Take out what only our own error messages use, and the titles that pydantic makes up."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    if not isinstance(node, dict):
        return
    for key, value in list(node.items()):
        if (key == "allowed" and isinstance(value, str)) or (key == "title" and isinstance(value, str)):
            del node[key]
        else:
            _tidy(value)
