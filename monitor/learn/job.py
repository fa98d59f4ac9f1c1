"""The settings of a training and of a calibration."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.learn.precision import Precision
from monitor.memcae.preset import Preset


@dataclass(frozen=True, slots=True)
class Job:
    """The settings of one training."""

    machine: str
    preset: Preset
    window_s: float
    """Length of the windows that will be scored, seconds."""
    hop_s: float
    """From one window to the next in service, seconds: what the alarm rule counts."""
    budget: Budget
    """False alarms that the operator puts up with."""
    rule: AlarmPolicy
    """By which alarms are raised."""
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    channel: int = 0
    """Index of the machine's channel in recordings of several, from 0."""


@dataclass(frozen=True, slots=True)
class CalibrateJob:
    """The settings of one calibration without training."""

    machine: str
    hop_s: float
    """From one window to the next in service, seconds: what the alarm rule counts."""
    budget: Budget
    """False alarms that the operator puts up with."""
    rule: AlarmPolicy
    """By which alarms are raised."""
    accept: bool = False
    """Take recordings though they score far above the old calibration, or are too few to keep the budget as it does."""
    device: str = "auto"
    channel: int = 0
    """Index of the machine's channel in recordings of several, from 0."""
