"""One configuration key: its default, its allowed values in words, and its description, said once for all readers.

The error messages, the JSON Schema for editors and the annotated example are held against the same record.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

MISSING: Any = ...
"""The default of a key that must be given."""


class Section(BaseModel):
    """A mapping of the configuration: frozen, unknown keys refused, nothing coerced (``"5"`` is not ``5``)."""

    # Built when first used, as part of the whole, and not once per section: `monitor check` answers sooner.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_default=True, allow_inf_nan=False, defer_build=True
    )


def number(default: Any, low: float, high: float, unit: str, description: str) -> Any:  # noqa: ANN401  a pydantic field
    """A number from ``low`` to ``high``, both allowed."""
    allowed = f"{plain(low)} to {plain(high)}{' ' + unit if unit else ''}"
    return Field(default, ge=low, le=high, description=description, json_schema_extra={"allowed": allowed})


def text(default: Any, description: str, allowed: str = "text") -> Any:  # noqa: ANN401  a pydantic field
    """A text, not empty; ``allowed`` says which, for the error message."""
    return Field(default, min_length=1, description=description, json_schema_extra={"allowed": allowed})


def plain(value: float) -> str:
    """A number as a person writes it: 60, not 60.0."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def suggestion(word: object, choices: Iterable[str]) -> str:
    """``; did you mean 'x'?`` when one of the choices is near to the word, otherwise nothing."""
    if not isinstance(word, str):
        return ""
    by_lower = {choice.lower(): str(choice) for choice in choices}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), by_lower, n=1) or difflib.get_close_matches(
        word.lower(), by_lower, n=1
    )
    return f"; did you mean {by_lower[near[0]]!r}?" if near else ""


def one_of(word: str, choices: Iterable[str], what: str) -> str:
    """The word itself, when it is one of the choices.

    Raises:
        ValueError: it is not; names the choices and the nearest.
    """
    choices = tuple(choices)
    if word not in choices:
        raise ValueError(f"is not {what}; allowed {', '.join(choices)}{suggestion(word, choices)}")
    return word


def from_folder(value: object, info: ValidationInfo) -> object:
    """A path as the file's author means it: ``~`` is their home, a relative path begins at the file's own folder."""
    if not isinstance(value, str) or not value:
        return value
    folder = (info.context or {}).get("folder", Path())
    return Path(folder) / Path(value).expanduser()


FilePath = Annotated[Path, BeforeValidator(from_folder, json_schema_input_type=str)]
"""A path in the configuration; read from a file, a relative one begins at that file's folder."""
