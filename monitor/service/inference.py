"""The one thread's work: hear, cut into windows, score, judge, tell; it owns every state, so nothing is locked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from monitor.audio.level import rms_dbfs
from monitor.audio.windows import Window
from monitor.detect import group, running
from monitor.detect.kinds import AlarmKind
from monitor.detect.pipeline import Outcome
from monitor.memcae.fleet import Fleet
from monitor.memcae.score import Score
from monitor.service.book import AlarmBook
from monitor.service.desk import Desk, Outlet
from monitor.service.ears import NOTHING, Ear
from monitor.service.fetching import TURN_S
from monitor.service.lifetime import alive
from monitor.service.machines import Watched
from monitor.service.memory import Memory
from monitor.service.microphones import Microphones
from monitor.service.reports import Counts, Reporter

_log = structlog.get_logger(__name__)


class ClipStore(Protocol):
    """Where the sound of an alarm is kept."""

    def keep(self, window: Window, alarm_id: str) -> str | None:
        """Store the window; gives the clip's name, None when it could not be kept."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """One window's way through the daemon, for whoever watches (`monitor replay`)."""

    window: Window
    outcome: Outcome


class Inference:
    """Everything between a source and the broker, one turn at a time.

    Args:
        ears: the sources.
        watched: the machines on them, each with its detector.
        fleet: the models, all on one device.
        memory: what is known of the machines, and from an earlier run of their alarms.
        reporter: makes the payloads.
        outlet: takes them.
        clips: keeps the sound of alarms; None keeps none.
        clock: the wall clock, UTC, POSIX seconds.
    """

    def __init__(
        self,
        ears: Sequence[Ear],
        watched: Mapping[str, Watched],
        fleet: Fleet,
        memory: Memory,
        reporter: Reporter,
        outlet: Outlet,
        clips: ClipStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ears = tuple(ears)
        self._watched = dict(watched)
        self._fleet = fleet
        self._memory = memory
        self._book = AlarmBook(memory.conditions, memory.kept, clock())
        for name, one in watched.items():
            self._book.set_policy(name, one.detector.policy.life)
        self.desk = Desk(self._book, self._watched, reporter, outlet, memory.kept, clock)
        self._microphones = Microphones(self._watched, memory, self.desk, self._tell_availability)
        self._sound_s = 0.0
        self._reporter = reporter
        self._outlet = outlet
        self._clips = clips
        self._clock = clock
        self._scored = 0
        self._lost = 0
        self._lag_s = 0.0
        self._rest_s = TURN_S

    @property
    def finished(self) -> bool:
        """True when no source will ever bring sound again."""
        return all(ear.finished for ear in self._ears)

    @property
    def rest_s(self) -> float:
        """From the beginning of the last turn to the next one's, at most, seconds; 0 when more sound may be there."""
        return self._rest_s

    @property
    def watched(self) -> Mapping[str, Watched]:
        """The machines, with the models and calibrations in service."""
        return dict(self._watched)

    def counts(self) -> Counts:
        """What has been done since the start; begins the lag anew."""
        counts = Counts(self._scored, self._lost, self._lag_s)
        self._lag_s = 0.0
        return counts

    def announce(self, heard: Collection[str] = ()) -> None:
        """Say what every machine's state is before the first window: availability, and the alarms that never were.

        Args:
            heard: machines that a process listened to until a moment ago: what was told of them holds until it changes.
        """
        now_s = self._clock()
        for ear in self._ears:
            for machine in ear.machines:
                if machine not in heard:
                    self._outlet.send(self._reporter.availability(machine, "not heard yet", now_s))
        self.desk.announce()

    def turn(self) -> tuple[Judged, ...]:
        """Hear what has become due, and judge every window that it completed."""
        self.desk.turn(self._sound_s)
        heard_at_s = self._clock()
        windows: list[Window] = []
        self._rest_s = TURN_S
        for ear in self._ears:
            heard = ear.hear(heard_at_s)
            if heard is NOTHING:
                continue
            self._rest_s = min(self._rest_s, heard.rest_s)
            self._microphones.hear(ear, heard, heard_at_s)
            windows.extend(heard.windows)
        if not windows:
            return ()
        scores = self._fleet.score(windows)
        judged = []
        for window, score in zip(windows, scores, strict=True):
            judged.append(Judged(window, self._judge(window, score)))
        self._lag_s = max(self._lag_s, self._clock() - heard_at_s)
        return tuple(judged)

    def replace(self, watched: Watched) -> None:
        """Put another model or calibration of one machine in service; its alarms go on, no other machine is touched."""
        machine = watched.machine
        self._watched[machine] = watched
        self._book.set_policy(machine, watched.detector.policy.life)
        if watched.model is None:
            self._fleet.remove(machine)
        else:
            self._fleet.replace(machine, watched.model)

    def save(self) -> None:
        """Write every detector's state, so that rolling thresholds outlive a restart."""
        self._keep(ended=False)

    def close(self) -> None:
        """Let go of every source and save what was learnt since the last time."""
        for ear in self._ears:
            ear.close()
        self._keep(ended=True)

    def _keep(self, *, ended: bool) -> None:
        self._outlet.publish_events((), (), {**self._memory.states(), **alive(self._clock(), ended=ended)})

    def _judge(self, window: Window, score: Score) -> Outcome:
        watched = self._watched[window.machine]
        runs = self._runs(watched, window)
        trusted = self._microphones.trusted(window)
        before = self._memory.detectors[window.machine]
        outcome = watched.detector.step(before, score, score.end_s, audio_ok=trusted, running=runs)
        self._memory.detectors[window.machine] = outcome.state
        self._scored += not window.lost
        self._lost += window.lost
        now_s = self._clock()
        model = None if watched.model is None else watched.model.version
        self._outlet.send(self._reporter.score(outcome.verdict, model, now_s))
        if outcome.transitions:
            self._tell_transitions(watched, window, outcome)
        return outcome

    def _runs(self, watched: Watched, window: Window) -> bool:
        """Whether the machine runs, by the level of the window; told where that changes."""
        machine, policy = window.machine, watched.detector.policy.running
        self._sound_s = group.sound_time(self._sound_s, window.end_s)
        level = math.nan if window.lost or policy.off_below_dbfs is None else rms_dbfs(window.samples)
        state = running.step(policy, self._memory.running[machine], level, window.end_s, window.end_s - window.start_s)
        self._memory.running[machine] = state
        self.desk.running(machine, state.why_not)
        return state.why_not is None

    def _tell_transitions(self, watched: Watched, window: Window, outcome: Outcome) -> None:
        changes = []
        for change in outcome.transitions:
            clip = self._clips.keep(window, change.alarm_id) if self._clips is not None and change.active else None
            state = outcome.state.anomaly if change.kind is AlarmKind.ANOMALY else outcome.state.drift
            changes.append((state, change.event, clip))
        self.desk.conditions(changes, window.end_s, self._memory.states_of(watched.machine))

    def _tell_availability(self, machine: str, reason: str | None) -> None:
        self._outlet.send(self._reporter.availability(machine, reason, self._clock()))
