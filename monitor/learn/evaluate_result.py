"""What came out of evaluating one section, and the JSON file that keeps it, so that it need not be done again."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.errors import BadInputError
from monitor.learn.evaluate_figures import Figure

FORMAT = 1
"""Of the file, and of the evaluation itself: raised when a finished result would come out otherwise today."""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What was said of one clip."""

    name: str
    """The file's name."""
    domain: str
    """`source`, `target` or empty."""
    label: str
    """`normal`, `anomaly` or, where it is not known, empty."""
    score: float
    alarm: bool
    """Whether the score is above the threshold."""
    views: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Promised:
    """Share of the normal clips above the threshold, as the calibration states it beforehand."""

    expected: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ViewFigures:
    """What a view alone would have given."""

    auc: float
    pauc: float


@dataclass(frozen=True, slots=True)
class SectionResult:
    """The whole outcome of one section."""

    key: str
    """Of the clips, settings and code that it came from."""
    machine: str
    section: str
    version: str
    """Of the model, in the state directory."""
    n_train: int
    audio_s: float
    """Sound that was trained on."""
    window_s: float
    threshold: float
    method: str
    """How the threshold was had: `conformal` or `tail`."""
    promised: Promised
    clips: tuple[ClipResult, ...]
    """In the order of the file names."""
    figures: Mapping[str, Figure]
    """By the names in `FIGURES`."""
    views: Mapping[str, ViewFigures]
    train_s: float
    """Time that training and calibration took, seconds."""
    score_s: float
    problems: tuple[str, ...]
    """One line for each clip that was left out."""
    warnings: tuple[str, ...]

    @property
    def id(self) -> str:
        """As the challenge's files are called: ``ToyCar_section_00``."""
        return f"{self.machine}_section_{self.section}"


def to_dict(result: SectionResult) -> dict[str, Any]:
    """JSON-ready; NaN becomes null."""
    found: dict[str, Any] = _plain(dataclasses.asdict(result))
    return found


def from_dict(values: Mapping[str, Any]) -> SectionResult:
    """What `to_dict` gave.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    fields: dict[str, Any] = {
        **values,
        "promised": Promised(**values["promised"]),
        "clips": tuple(ClipResult(**clip) for clip in values["clips"]),
        "figures": {name: Figure(**_numbers(each)) for name, each in values["figures"].items()},
        "views": {name: ViewFigures(**_numbers(each)) for name, each in values["views"].items()},
        "problems": tuple(values["problems"]),
        "warnings": tuple(values["warnings"]),
    }
    return SectionResult(**fields)


def path_of(out: Path, section_id: str) -> Path:
    """Where the result of a section is kept."""
    return out / "sections" / f"{section_id}.json"


def save(out: Path, result: SectionResult) -> None:
    """Keep the result, whole or not at all.

    Raises:
        BadInputError: the disk refuses.
    """
    write_text(path_of(out, result.id), json.dumps(to_dict(result), indent=1, allow_nan=False) + "\n")


def load(out: Path, section_id: str, key: str) -> SectionResult | None:
    """The kept result if there is one, it can be read and it has this key."""
    try:
        found = from_dict(json.loads(path_of(out, section_id).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # nothing is lost: the section is evaluated again
    return found if found.key == key else None


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        BadInputError: the disk refuses.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error.strerror}") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in values.items()}
