"""The calibration of one machine: its levels, what they promise, and how far that can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.detect.conformal import conformal_quantile
from monitor.detect.fields import (
    JsonObject,
    check_schema,
    get_bool,
    get_float,
    get_int,
    get_list,
    get_mapping,
    get_one_of,
    get_str,
)
from monitor.detect.levels import Levels
from monitor.detect.normal_sound import NormalSound
from monitor.detect.persistence import ShownRule, replay
from monitor.detect.promise import choose
from monitor.errors import CalibrationError

SCHEMA = 1

CONFORMAL = "conformal"
"""The threshold is an order statistic of what was recorded."""
TAIL = "tail"
"""The threshold lies beyond what was recorded, on a generalised Pareto tail."""

FEWEST_WINDOWS = 8
"""Below it there is not even a median to speak of; 80 s of sound are not too much to ask."""
MAD_TO_SD = 1.4826
"""Standard deviation over median absolute deviation of a normal law."""
LEAST_SPREAD = 1e-3
"""Of the scores' range or size: the spread of scores that are mostly equal."""
LEAST_HEIGHT = 0.1
"""Spreads from the median to the threshold at least, so that levels stay apart whatever the budget."""
MOST_ABOVE_CLEAR = 0.05
"""Share of the normal windows above the clear level, at most: an alarm ends when the machine is normal again, not when
it is only just not alarming."""


@dataclass(frozen=True, slots=True)
class Promise:
    """False alarms to be expected per period of the budget, at the calibrated threshold."""

    expected: float
    """Mean over all that the recordings leave open."""
    low: float
    """Lower end of the band."""
    high: float
    """Upper end of the band."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Levels of one machine from normal sound, in the unit of the score."""

    threshold: float
    warning_level: float
    clear_level: float
    location: float
    """Median of the normal scores."""
    spread: float
    """Robust standard deviation (from the median absolute deviation) of the normal scores, greater than 0."""
    peak: float
    """Highest level at which the rule would have raised an alarm during the normal recordings."""
    method: str
    """``conformal`` or ``tail``."""
    band: tuple[float, float]
    """Where the level that just meets the budget may lie, given what was recorded."""
    promise: Promise
    kept: bool
    """Whether the recordings suffice to promise the budget."""
    more_minutes: float
    """How much more normal sound it takes to promise the budget, about; 0 when it is kept."""
    shown_count: int
    """k of the rule as far as the recordings are long enough to show it: shorter ones count as a weaker rule."""
    n_windows: int
    n_recordings: int
    audio_s: float
    """Normal sound that the windows cover, seconds."""
    hop_s: float
    window_s: float
    budget: Budget
    rule: AlarmPolicy
    created_s: float
    """UTC, POSIX seconds."""
    model_version: str
    sound: NormalSound | None = None
    """How the normal recordings sound to the microphone's health; None in calibrations of before this was kept."""

    @property
    def levels(self) -> Levels:
        """The levels before any rolling."""
        return Levels(self.threshold, self.warning_level, self.clear_level)

    @property
    def headroom(self) -> float:
        """From the middle of the normal scores to the threshold, greater than 0."""
        return self.threshold - self.location

    @property
    def key(self) -> str:
        """Tells this calibration from any other of the machine."""
        return f"{self.model_version}@{self.created_s!r}"

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "threshold": self.threshold,
            "warning_level": self.warning_level,
            "clear_level": self.clear_level,
            "location": self.location,
            "spread": self.spread,
            "peak": self.peak,
            "method": self.method,
            "band": list(self.band),
            "promise": {"expected": self.promise.expected, "low": self.promise.low, "high": self.promise.high},
            "kept": self.kept,
            "more_minutes": self.more_minutes,
            "shown_count": self.shown_count,
            "n_windows": self.n_windows,
            "n_recordings": self.n_recordings,
            "audio_s": self.audio_s,
            "hop_s": self.hop_s,
            "window_s": self.window_s,
            "budget": self.budget.to_dict(),
            "rule": {
                "raise_count": self.rule.raise_count,
                "raise_window": self.rule.raise_window,
                "clear_after_s": self.rule.clear_after_s,
                "gap_s": self.rule.gap_s,
            },
            "created_s": self.created_s,
            "model_version": self.model_version,
            "sound": None if self.sound is None else self.sound.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Calibration:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "calibration", SCHEMA)
        promise, rule = get_mapping(data, "promise"), get_mapping(data, "rule")
        band = {str(place): value for place, value in enumerate(get_list(data, "band"))}
        calibration = cls(
            threshold=get_float(data, "threshold"),
            warning_level=get_float(data, "warning_level"),
            clear_level=get_float(data, "clear_level"),
            location=get_float(data, "location"),
            spread=_positive(data, "spread"),
            peak=get_float(data, "peak"),
            method=get_one_of(data, "method", (CONFORMAL, TAIL)),
            band=(get_float(band, "0"), get_float(band, "1")),
            promise=Promise(get_float(promise, "expected"), get_float(promise, "low"), get_float(promise, "high")),
            kept=get_bool(data, "kept"),
            more_minutes=get_float(data, "more_minutes"),
            shown_count=get_int(data, "shown_count"),
            n_windows=get_int(data, "n_windows"),
            n_recordings=get_int(data, "n_recordings"),
            audio_s=get_float(data, "audio_s"),
            hop_s=_positive(data, "hop_s"),
            window_s=_positive(data, "window_s"),
            budget=Budget.from_dict(get_mapping(data, "budget")),
            rule=AlarmPolicy(
                raise_count=get_int(rule, "raise_count"),
                raise_window=get_int(rule, "raise_window"),
                clear_after_s=get_float(rule, "clear_after_s"),
                gap_s=get_float(rule, "gap_s"),
            ),
            created_s=get_float(data, "created_s"),
            model_version=get_str(data, "model_version"),
            sound=None if data.get("sound") is None else NormalSound.from_dict(get_mapping(data, "sound")),
        )
        _ = calibration.levels  # refuses levels that are out of order
        return calibration


def _positive(data: Mapping[str, object], key: str) -> float:
    value = get_float(data, key)
    if value <= 0:
        raise ValueError(f"key {key!r} is {value!r}, expected a number greater than 0")
    return value


def calibrate(
    scores: Sequence[NDArray[np.float64]],
    *,
    window_s: float,
    hop_s: float,
    budget: Budget,
    rule: AlarmPolicy,
    created_s: float,
    model_version: str,
    sound: NormalSound | None = None,
) -> Calibration:
    """Set the levels from normal sound.

    Args:
        scores: per recording, the scores of its windows in order, shape [windows]; out of sample. Not finite: unknown.
        window_s: length of a window, seconds.
        hop_s: from the start of a window to that of the next, seconds.
        budget: false alarms that the operator puts up with.
        rule: by which alarms are raised.
        created_s: UTC, POSIX seconds.
        model_version: of the model that gave the scores.
        sound: how the recordings sound to the microphone's health.

    Raises:
        CalibrationError: there are too few windows with a finite score.
    """
    pieces = [piece for recording in scores for piece in _finite_stretches(recording)]
    windows = np.concatenate([*pieces, np.empty(0)])
    if len(windows) < FEWEST_WINDOWS:
        raise CalibrationError(
            f"only {len(windows)} windows of normal sound have a score, at least {FEWEST_WINDOWS} are needed: "
            f"record {math.ceil((FEWEST_WINDOWS - len(windows)) * max(hop_s, window_s))} s more"
        )
    location, spread = _location_spread(windows)
    overlap = max(1, math.ceil(window_s / hop_s * (1 - 1e-9)))
    heard = replay(pieces, rule.raise_count, rule.raise_window, overlap)
    full_rule = heard.rule == ShownRule(rule.raise_count, rule.raise_window)
    choice = choose(heard, budget, hop_s, spread=spread, full_rule=full_rule)
    threshold = max(choice.threshold, location + spread * LEAST_HEIGHT)
    warning = min(max(choice.warning, location), threshold)
    return Calibration(
        threshold=threshold,
        warning_level=warning,
        clear_level=min(_clear_level(windows, rule.clear_after_s, max(hop_s, window_s)), warning),
        location=location,
        spread=spread,
        peak=float(heard.peaks[-1]),
        method=choice.method,
        band=choice.band,
        promise=Promise(choice.expected, choice.low, choice.high),
        kept=choice.kept,
        more_minutes=choice.more_s / 60,
        shown_count=heard.rule.count,
        n_windows=len(windows),
        n_recordings=sum(1 for recording in scores if np.isfinite(recording).any()),
        audio_s=sum((len(piece) - 1) * min(hop_s, window_s) + window_s for piece in pieces),
        hop_s=hop_s,
        window_s=window_s,
        budget=budget,
        rule=rule,
        created_s=created_s,
        model_version=model_version,
        sound=sound,
    )


def _finite_stretches(scores: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The runs of finite scores: an unknown window breaks a recording, as lost audio does."""
    values = np.asarray(scores, dtype=np.float64)
    breaks = np.flatnonzero(~np.isfinite(values))
    return [run[np.isfinite(run)] for run in np.split(values, breaks) if np.isfinite(run).any()]


def _location_spread(windows: NDArray[np.float64]) -> tuple[float, float]:
    location = float(np.median(windows))
    deviation = MAD_TO_SD * float(np.median(np.abs(windows - location)))
    # Most scores may be equal (a silent machine); the levels must still be apart.
    return location, max(deviation, LEAST_SPREAD * max(float(np.ptp(windows)), abs(location), LEAST_SPREAD))


def _clear_level(windows: NDArray[np.float64], clear_after_s: float, independent_s: float) -> float:
    """A level below which normal sound stays for the whole of ``clear_after_s`` in most tries."""
    blocks = max(1.0, clear_after_s / independent_s)
    share = min(MOST_ABOVE_CLEAR, 0.5 / blocks)
    return min(conformal_quantile(windows, share), float(np.max(windows)))
