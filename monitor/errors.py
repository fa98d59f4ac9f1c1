"""The exception tree: what can go wrong by someone's doing, and the exit code that says so.

Anything that is not a :class:`MonitorError` is a bug and keeps its traceback.
"""

from __future__ import annotations


class MonitorError(Exception):
    """Something that a user can act on; its text is the one line they read."""

    exit_code = 1


class BadInputError(MonitorError):
    """A file, value or name that the user gave cannot be used."""

    exit_code = 2


class ConfigurationError(BadInputError):
    """The configuration cannot be used.

    Args:
        problems: every problem found, one line each, naming file, line, key, value and range.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class RecordingError(BadInputError):
    """A recording cannot be read; names the file and the reason."""


class ArtifactError(BadInputError):
    """A model or calibration on disk is missing, cut off, altered or of another spec."""


class TrainingError(BadInputError):
    """Training cannot give a usable model (too little sound, memory collapse)."""


class CalibrationError(BadInputError):
    """A threshold cannot be had, or was refused (too few windows, scores far above the old ones)."""


class DeviceError(MonitorError):
    """A sound or compute device is missing or failed."""
