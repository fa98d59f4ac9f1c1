"""Every machine's microphone: whether its sound can be trusted, its alarm, and whether the machine counts as heard."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from monitor.audio.health import Second
from monitor.audio.windows import Window
from monitor.detect import microphone, microphone_alarm
from monitor.detect.finding import Finding
from monitor.detect.life import SuppressedBy
from monitor.detect.normal_sound import NormalSound
from monitor.service.desk import Desk
from monitor.service.ears import Ear, Heard
from monitor.service.machines import Watched
from monitor.service.memory import Memory

_log = structlog.get_logger(__name__)


class Microphones:
    """Lives on the inference thread.

    Args:
        watched: the machines as they are now.
        memory: their states.
        desk: takes what happens to the alarms.
        tell: publishes a machine's availability: why it cannot be heard or judged, None that it can.
    """

    def __init__(
        self,
        watched: Mapping[str, Watched],
        memory: Memory,
        desk: Desk,
        tell: Callable[[str, str | None], None],
    ) -> None:
        self._watched = watched
        self._memory = memory
        self._desk = desk
        self._tell = tell
        self._deaf: dict[str, str | None] = {}
        """Why a machine is not heard, as it was told last."""

    def hear(self, ear: Ear, heard: Heard, now_s: float) -> None:
        """Take one turn of a source into account.

        Args:
            ear: the source.
            heard: what it brought.
            now_s: the wall clock, UTC, POSIX seconds.
        """
        for problem in heard.problems:
            _log.warning(problem, source=ear.name, machines=list(ear.machines))
        if heard.opened:
            _log.info("sound comes in", source=ear.name, machines=list(ear.machines))
        if heard.fault is not None:
            _log.warning("no sound: " + heard.fault, source=ear.name, machines=list(ear.machines))
        for machine in ear.machines:
            self._judge(machine, ear.channel(machine), heard, now_s)
            self._tell_availability(machine, ear, heard)

    def trusted(self, window: Window) -> bool:
        """Whether a window's sound may be judged."""
        return not microphone_alarm.spoils(self._memory.microphones[window.machine], window.start_s, window.end_s)

    def _judge(self, machine: str, channel: int, heard: Heard, now_s: float) -> None:
        policy = self._watched[machine].detector.policy.microphone
        missing = self._missing(machine, heard)
        if missing:
            self._listen(machine, missing, heard.since_s, now_s)
        at_pace = not microphone.judge_pace(policy, heard.pace)
        for second in heard.seconds:
            if second.channel != channel:
                continue
            findings = microphone.judge_second(
                policy, second, self._normal(machine), running=self._runs(machine, second)
            )
            if findings or at_pace:  # at a wrong pace, good seconds are no sign of health, and it has been counted
                self._listen(machine, findings, second.end_s - second.start_s, second.end_s)

    def _missing(self, machine: str, heard: Heard) -> tuple[Finding, ...]:
        """What is wrong with how sound comes in, whatever it sounds like."""
        policy = self._watched[machine].detector.policy.microphone
        if heard.failing is not None:
            return microphone.judge_device(policy, heard.failing)
        return microphone.judge_silence(policy, heard.starved_s) + microphone.judge_pace(policy, heard.pace)

    def _listen(self, machine: str, findings: tuple[Finding, ...], lasted_s: float, end_s: float) -> None:
        state, event = microphone_alarm.listen(self._memory.microphones[machine], findings, lasted_s, end_s)
        self._memory.microphones[machine] = state
        if event is not None:
            self._desk.conditions([(state.alarm, event, None)], end_s, self._memory.states_of(machine))

    def _tell_availability(self, machine: str, ear: Ear, heard: Heard) -> None:
        """Say so where it has changed whether the machine is heard, and keep its other alarm silent while it is not."""
        state = self._memory.microphones[machine]
        reason = self._deaf.get(machine)
        if ear.finished:
            reason = "the recordings have ended"
        elif heard.failing is not None:
            reason = heard.failing
        elif state.alarm.active:
            reason = "; ".join(found.detail for found in state.findings or state.alarm.findings)
        elif heard.opened or heard.seconds:
            watched = self._watched[machine]
            reason = watched.problem if watched.model is None else None  # heard, but by nobody who could judge it
        if machine in self._deaf and reason == self._deaf[machine]:
            return
        if machine not in self._deaf and reason is None and not heard.opened:
            return
        self._deaf[machine] = reason
        self._tell(machine, reason)
        failing = heard.failing is not None or state.alarm.active
        self._desk.suppress(machine, SuppressedBy.MICROPHONE, on=failing)

    def _normal(self, machine: str) -> NormalSound | None:
        calibration = self._watched[machine].calibration
        return None if calibration is None else calibration.sound

    def _runs(self, machine: str, second: Second) -> bool:
        """Whether the machine has to sound like itself: not while it is off, by the level of this very second."""
        off_below = self._watched[machine].detector.policy.running.off_below_dbfs
        if off_below is not None and second.level_dbfs < off_below:
            return False
        return self._memory.running[machine].why_not is None
