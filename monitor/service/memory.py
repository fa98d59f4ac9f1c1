"""What is known of every machine and must outlive a restart: detector and microphone states, and whether it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

from monitor.detect import microphone_alarm
from monitor.detect.alarm_state import AlarmState
from monitor.detect.microphone_alarm import MicrophoneState
from monitor.detect.pipeline import DetectorState
from monitor.detect.running import RunningState
from monitor.service.book import Key
from monitor.service.machines import Watched

_log = structlog.get_logger(__name__)

T = TypeVar("T")


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
        self.microphones: dict[str, MicrophoneState] = {}
        for machine, one in watched.items():
            detector = self._restored(DetectorState.from_dict, machine, _detector_key)
            self.detectors[machine] = detector or one.detector.initial()
            self.running[machine] = self._restored(RunningState.from_dict, machine, _running_key) or RunningState()
            microphone = self._restored(MicrophoneState.from_dict, machine, _microphone_key)
            self.microphones[machine] = microphone or microphone_alarm.initial(machine)

    @property
    def conditions(self) -> dict[Key, AlarmState]:
        """Every machine's alarms, as its detector has them."""
        alarms = [alarm for state in self.detectors.values() for alarm in (state.anomaly, state.drift)]
        alarms += [state.alarm for state in self.microphones.values()]
        return {(alarm.machine, alarm.kind): alarm for alarm in alarms}

    def states(self) -> dict[str, Any]:
        """All of it, in the form that is kept."""
        return {key: state for machine in self.detectors for key, state in self.states_of(machine).items()}

    def states_of(self, machine: str) -> dict[str, Any]:
        """One machine's, in the form that is kept."""
        return {
            _detector_key(machine): self.detectors[machine].to_dict(),
            _running_key(machine): self.running[machine].to_dict(),
            _microphone_key(machine): self.microphones[machine].to_dict(),
        }

    def _restored(self, read: Callable[[Mapping[str, object]], T], machine: str, key: Callable[[str], str]) -> T | None:
        stored = self.kept.get(key(machine))
        try:
            return None if stored is None else read(stored)
        except ValueError as error:
            _log.warning("kept state cannot be read; beginning anew", machine=machine, reason=str(error))
            return None


def keys_of(machine: str) -> tuple[str, ...]:
    """Where what is known of a machine is kept."""
    return _detector_key(machine), _running_key(machine), _microphone_key(machine)


def _detector_key(machine: str) -> str:
    return f"detector/{machine}"


def _running_key(machine: str) -> str:
    return f"running/{machine}"


def _microphone_key(machine: str) -> str:
    return f"microphone/{machine}"
