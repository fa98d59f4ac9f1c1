"""What is known of every machine and must outlive a restart: detector states, and whether the machine runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from monitor.detect.alarm_state import AlarmState
from monitor.detect.pipeline import DetectorState
from monitor.detect.running import RunningState
from monitor.service.book import Key
from monitor.service.machines import Watched

_log = structlog.get_logger(__name__)


class Memory:
    """The states of all machines, on the inference thread.

    Args:
        watched: the machines.
        kept: states of an earlier run, by key; what cannot be read begins anew, and is named.
    """

    def __init__(self, watched: Mapping[str, Watched], kept: Mapping[str, Any]) -> None:
        self.kept = kept
        self.detectors: dict[str, DetectorState] = {}
        self.running: dict[str, RunningState] = {}
        for machine, one in watched.items():
            self.detectors[machine] = self._detector(machine) or one.detector.initial()
            self.running[machine] = self._runs(machine) or RunningState()

    @property
    def conditions(self) -> dict[Key, AlarmState]:
        """Every machine's alarms, as its detector has them."""
        alarms = (alarm for state in self.detectors.values() for alarm in (state.anomaly, state.drift))
        return {(alarm.machine, alarm.kind): alarm for alarm in alarms}

    def states(self) -> dict[str, Any]:
        """All of it, in the form that is kept."""
        detectors = {_detector_key(name): state.to_dict() for name, state in self.detectors.items()}
        return detectors | {_running_key(name): state.to_dict() for name, state in self.running.items()}

    def states_of(self, machine: str) -> dict[str, Any]:
        """One machine's, in the form that is kept."""
        return {
            _detector_key(machine): self.detectors[machine].to_dict(),
            _running_key(machine): self.running[machine].to_dict(),
        }

    def _detector(self, machine: str) -> DetectorState | None:
        stored = self.kept.get(_detector_key(machine))
        try:
            return None if stored is None else DetectorState.from_dict(stored)
        except ValueError as error:
            _log.warning("kept state cannot be read; beginning anew", machine=machine, reason=str(error))
            return None

    def _runs(self, machine: str) -> RunningState | None:
        stored = self.kept.get(_running_key(machine))
        try:
            return None if stored is None else RunningState.from_dict(stored)
        except ValueError as error:
            _log.warning("kept state cannot be read; beginning anew", machine=machine, reason=str(error))
            return None


def _detector_key(machine: str) -> str:
    return f"detector/{machine}"


def _running_key(machine: str) -> str:
    return f"running/{machine}"
