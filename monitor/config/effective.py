"""The configuration as it is in effect: every default filled in, as YAML that could be read back; no secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from monitor.audio.address import without_credentials
from monitor.config.model import Config


def effective(config: Config) -> dict[str, Any]:
    """Plain values under the file's own keys. Passwords are not among them: a stream's is left out of its address."""
    values = _plain(config.model_dump(by_alias=True))
    if not isinstance(values, dict):  # pragma: no cover  a model dumps to a mapping
        raise TypeError("a configuration is a mapping")
    return values


def effective_text(config: Config) -> str:
    """The same as YAML."""
    return yaml.safe_dump(effective(config), sort_keys=False, allow_unicode=True, width=120)


def _plain(value: object) -> Any:  # noqa: ANN401  YAML holds anything
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        items = [_plain(item) for item in value]
        return items[0] if len(items) == 1 else items
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str) and "://" in value:
        return without_credentials(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
