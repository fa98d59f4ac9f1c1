"""One machine's decisions as one pure step: score -> verdict -> transitions of its alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from monitor.detect import alarm, threshold
from monitor.detect.alarm import AlarmLevel, AlarmPolicy, AlarmState, Transition
from monitor.detect.calibration import Calibration
from monitor.detect.fields import JsonObject, check_schema, get_mapping
from monitor.detect.kinds import AlarmKind
from monitor.detect.levels import Levels
from monitor.detect.lifecycle import LifePolicy
from monitor.detect.microphone import MicrophonePolicy
from monitor.detect.running import RunningPolicy
from monitor.detect.threshold import RollingPolicy, RollingState
from monitor.detect.verdict import Verdict, VerdictState, judge
from monitor.detect.votes import Votes
from monitor.memcae.score import Score

SCHEMA = 1

PAUSE_HOPS = 3.0
"""Windows that may be missing before the counting of windows starts anew."""
DRIFT_POLICY = AlarmPolicy(raise_count=1, raise_window=1, clear_after_s=3600.0, normal_after_s=math.inf)
"""The levels move slowly and are smooth already: no counting, and an hour at or below the clear level. Just short of
the limit is no new normal state: it is about to drift again."""
DRIFT_LEVELS = Levels(threshold=0.999, warning=0.999, clear=0.9)
"""Of the share of the way to the limit; 0.999 is reached by sums of small steps that 1 may miss by rounding."""


@dataclass(frozen=True, slots=True)
class DetectorPolicy:
    """The rules of one machine."""

    alarm: AlarmPolicy = field(default_factory=AlarmPolicy)
    rolling: RollingPolicy = field(default_factory=RollingPolicy)
    life: LifePolicy = field(default_factory=LifePolicy)
    running: RunningPolicy = field(default_factory=RunningPolicy)
    microphone: MicrophonePolicy = field(default_factory=MicrophonePolicy)


@dataclass(frozen=True, slots=True)
class DetectorState:
    """Everything that must outlive a restart."""

    anomaly: AlarmState
    drift: AlarmState
    rolling: RollingState | None = None
    """None while the machine is not calibrated."""

    def to_dict(self) -> JsonObject:
        """As a JSON object; `from_dict` gives back the equal state."""
        return {
            "schema": SCHEMA,
            "anomaly": self.anomaly.to_dict(),
            "drift": self.drift.to_dict(),
            "rolling": None if self.rolling is None else self.rolling.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> DetectorState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "detector state", SCHEMA)
        rolling = data.get("rolling")
        return cls(
            anomaly=AlarmState.from_dict(get_mapping(data, "anomaly")),
            drift=AlarmState.from_dict(get_mapping(data, "drift")),
            rolling=None if rolling is None else RollingState.from_dict(get_mapping(data, "rolling")),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one window led to."""

    state: DetectorState
    verdict: Verdict
    transitions: tuple[Transition, ...]
    """Of the kinds `anomaly` and `drift`, in this order; mostly none."""


@dataclass(frozen=True, slots=True)
class MachineDetector:
    """One machine's rules and calibration; holds no state, so that replacing it on the fly is safe."""

    machine: str
    calibration: Calibration | None
    policy: DetectorPolicy = field(default_factory=DetectorPolicy)
    hop_s: float = 0.0
    """From one window to the next as configured now, which may be more than when it was calibrated; seconds."""

    def initial(self) -> DetectorState:
        """The state of a machine that was never listened to."""
        return DetectorState(
            anomaly=AlarmState(self.machine, AlarmKind.ANOMALY),
            drift=AlarmState(self.machine, AlarmKind.DRIFT),
            rolling=None if self.calibration is None else threshold.start(self.calibration),
        )

    def step(
        self, state: DetectorState, score: Score, now_s: float, *, audio_ok: bool = True, running: bool = True
    ) -> Outcome:
        """Judge one window and take it into account.

        Args:
            state: before the window; one of an older calibration keeps its alarms, and its levels start anew.
            score: of the window.
            now_s: UTC of the decision, POSIX seconds; pass ``score.end_s``, so that a replay gives the same.
            audio_ok: False while the microphone's health says that its sound cannot be trusted.
            running: False while the machine is off or starting up: it then neither alarms nor moves its levels.
        """
        state = self._for_this_calibration(state)
        calibration, rolling = self.calibration, state.rolling
        if calibration is None or rolling is None:
            verdict = judge(score, None, audio_ok=audio_ok, running=running)
            anomaly, changes = alarm.step(self.policy.alarm, state.anomaly, verdict, now_s)
            return Outcome(replace(state, anomaly=anomaly), verdict, changes)
        verdict = judge(score, threshold.levels(calibration, rolling), audio_ok=audio_ok, running=running)
        anomaly, changes = alarm.step(self._spaced(self.policy.alarm), state.anomaly, verdict, now_s)
        follow = verdict.state is VerdictState.NORMAL and anomaly.level is AlarmLevel.NORMAL
        rolling = threshold.step(self.policy.rolling, calibration, rolling, score.value, score.end_s, follow=follow)
        moved = threshold.moved(self.policy.rolling, calibration, rolling)
        drift = state.drift
        if drift.level is not AlarmLevel.NORMAL or moved > DRIFT_LEVELS.warning:  # else there is nothing to count
            drift_verdict = _drift_verdict(score, verdict, moved)
            drift, drift_changes = alarm.step(self._spaced(DRIFT_POLICY), drift, drift_verdict, now_s)
            changes += drift_changes
        return Outcome(DetectorState(anomaly, drift, rolling), verdict, changes)

    def _for_this_calibration(self, state: DetectorState) -> DetectorState:
        """Scores held against another calibration do not count for this one; the alarms stay as they are."""
        if self.calibration is None:
            return state if state.rolling is None else replace(state, rolling=None)
        if state.rolling is not None and state.rolling.calibration == self.calibration.key:
            return state
        return DetectorState(
            anomaly=replace(state.anomaly, votes=Votes()),
            drift=replace(state.drift, votes=Votes()),
            rolling=threshold.start(self.calibration),
        )

    def _spaced(self, policy: AlarmPolicy) -> AlarmPolicy:
        """With windows that are far apart on purpose, a pause is only what is longer still."""
        pause_s = PAUSE_HOPS * max(self.hop_s, 0.0 if self.calibration is None else self.calibration.hop_s)
        return policy if pause_s <= policy.gap_s else replace(policy, gap_s=pause_s)


def _drift_verdict(score: Score, verdict: Verdict, moved: float) -> Verdict:
    """How far the levels have moved, in the form that an alarm is decided on."""
    share = Score(score.machine, score.start_s, score.end_s, moved, lost=score.lost)
    return judge(share, DRIFT_LEVELS, audio_ok=verdict.known)
