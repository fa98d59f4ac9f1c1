"""What a calibration means, in the words of a report: for the terminal and for the page alike."""

from __future__ import annotations

from typing import Final, NamedTuple

from monitor.counted import counted
from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.detect.calibration import CONFORMAL, Calibration
from monitor.detect.promise import CONFIDENCE, REACH

FEW_HOURS: Final = 90.0
"""Minutes up to which a time is said in minutes."""
FEW_DAYS: Final = 48.0
"""Hours up to which it is said in hours."""


class Fact(NamedTuple):
    """A row of the calibration's table."""

    name: str
    value: str
    meaning: str


def number(value: float) -> str:
    """A rate or a level to the digits that mean something: never an exponent."""
    if value == 0:
        return "0"
    if abs(value) < 0.01:
        return "less than 0.01" if value > 0 else "about 0"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.2g}"


def level(value: float) -> str:
    """A score as it stands in every report: three digits, never an exponent when it is large."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def duration(minutes: float) -> str:
    """``45 minutes``, ``14 hours`` or ``9 days``, to two digits: more is not known."""
    if minutes < FEW_HOURS:
        return _rounded(max(1.0, minutes), "minute")
    if minutes / 60 < FEW_DAYS:
        return _rounded(minutes / 60, "hour")
    return _rounded(minutes / 60 / 24, "day")


def _rounded(value: float, unit: str) -> str:
    whole = float(f"{value:.2g}")
    return f"{whole:g} {unit}" + ("" if whole == 1 else "s")


def asked(budget: Budget) -> str:
    """The budget in words."""
    plural = "" if budget.at_most == 1 else "s"
    return f"at most {budget.at_most:g} false alarm{plural} per {budget.per}"


def votes(rule: AlarmPolicy) -> str:
    """The rule in words."""
    return f"{rule.raise_count} of {rule.raise_window} windows over the threshold"


def levels(calibration: Calibration) -> str:
    """Where the levels lie against normal sound, one line."""
    c = calibration
    return (
        f"threshold {level(c.threshold)}, warning at {level(c.warning_level)}, clear below {level(c.clear_level)}; "
        f"normal sound scores {level(c.location)} +- {c.spread:.2g}"
    )


def method(calibration: Calibration) -> str:
    """Where the threshold comes from, one line."""
    if calibration.method == CONFORMAL:
        return "the threshold lies among the recorded scores (conformal quantile)"
    return "the threshold lies beyond what was recorded: it is estimated (generalised Pareto tail)"


def expectation(calibration: Calibration) -> str:
    """How many false alarms are to be expected against what was asked for, one line."""
    promise, budget = calibration.promise, calibration.budget
    return (
        f"false alarms to be expected: {number(promise.expected)} per {budget.per} "
        f"({CONFIDENCE:.0%} sure: {number(promise.low)} to {number(promise.high)}); asked for: {asked(budget)}"
    )


def outcome(calibration: Calibration, command: str) -> str:
    """Whether what was asked for is promised, and what to do where it is not.

    Args:
        calibration: the new one.
        command: what to run again once there is more sound, such as ``train``.
    """
    budget = calibration.budget
    if calibration.kept:
        return f"promised: {asked(budget)}; the recordings show it as surely as a whole {budget.per} without one would"
    recorded = f"{calibration.audio_s / 60:.1f} minutes of normal sound"
    if calibration.more_minutes <= 0:
        return (
            f"not promised: {recorded} leave open whether there will be {asked(budget)}: high scores come in bursts. "
            f"Record on other days, find out what the bursts are, and run `monitor {command}` again"
        )
    return (
        f"not promised: {recorded} are too few to be sure of {asked(budget)}. Record about "
        f"{duration(calibration.more_minutes)} more of normal sound, on several days and at every load, "
        f"and run `monitor {command}` again with the old and the new recordings together"
    )


def breaks(calibration: Calibration) -> bool:
    """Whether more false alarms are to be expected than were asked for, by the calibration's own estimate."""
    return calibration.promise.expected > calibration.budget.at_most


def enough(calibration: Calibration) -> str:
    """How much sound lets the threshold be set for the budget, about, in words."""
    return f"{duration(calibration.budget.seconds_per_alarm / REACH / 60)} in all"


def warning(calibration: Calibration) -> tuple[str, ...]:
    """Nothing, or the line that the threshold breaks what was asked for, and why it is not set higher."""
    if not breaks(calibration):
        return ()
    budget = calibration.budget
    told = (
        f"more false alarms are to be expected than you asked for: {number(calibration.promise.expected)} per "
        f"{budget.per}, not {asked(budget)}. {calibration.audio_s / 60:.1f} minutes of normal sound are too few: a "
        f"higher threshold would be a guess that misses faults. Record {enough(calibration)}"
    )
    return (told,)


def facts(calibration: Calibration) -> tuple[Fact, ...]:
    """The calibration's numbers, each with what it means in a line."""
    c = calibration
    per = c.budget.per
    low, high = c.band
    shown = ""
    if c.shown_count < c.rule.raise_count:
        shown = (
            f" The recordings are too short to show it whole: counted with {c.shown_count}, so that there will rather "
            "be fewer false alarms than stated."
        )
    return (
        Fact(
            "Threshold", level(c.threshold), f"A window that scores higher counts for an alarm. {_sentence(method(c))}"
        ),
        Fact(
            "Band of the threshold",
            f"{level(low)} to {level(high)}",
            "Where the level that just meets the budget may lie.",
        ),
        Fact("Warning level", level(c.warning_level), "Above it the machine shows a warning before there is an alarm."),
        Fact("Clear level", level(c.clear_level), f"An alarm ends after {c.rule.clear_after_s:g} s below it."),
        Fact("Normal score", f"{level(c.location)} ± {c.spread:.2g}", "Median of normal sound and its robust spread."),
        Fact(
            "Normal peak",
            level(c.peak),
            "Highest level at which the recordings would have raised an alarm by the rule.",
        ),
        Fact("Rule", f"{c.rule.raise_count} of {c.rule.raise_window}", f"An alarm takes {votes(c.rule)}.{shown}"),
        Fact("Asked for", f"{c.budget.at_most:g} per {per}", "The false alarms that the configuration puts up with."),
        Fact("Expected", f"{number(c.promise.expected)} per {per}", "False alarms to be expected at this threshold."),
        Fact(
            "Band of the promise",
            f"{number(c.promise.low)} to {number(c.promise.high)} per {per}",
            f"The true number lies in it with {CONFIDENCE:.0%} confidence, as far as the recordings are typical.",
        ),
        Fact("Promised", "yes" if c.kept else "no", "Whether the recordings suffice to be sure of what was asked for."),
        Fact(
            "More to record",
            "none" if c.kept or c.more_minutes <= 0 else f"about {duration(c.more_minutes)}",
            "Normal sound that is missing until it can be promised.",
        ),
        Fact("Windows", f"{c.n_windows}", f"Scored windows of {c.window_s:g} s, one every {c.hop_s:g} s."),
        Fact(
            "Normal sound",
            f"{c.audio_s / 60:.1f} minutes",
            f"What the calibration stands on, from {counted(c.n_recordings, 'recording')}, or parts of them.",
        ),
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
