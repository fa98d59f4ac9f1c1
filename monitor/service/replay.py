"""Recordings through the whole live path: the daemon's own start list, on other ears and with a memory of its own."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog

from monitor.audio.recording_file import inspect_recording
from monitor.audio.recording_set import find_recordings
from monitor.config import Config
from monitor.counted import counted
from monitor.detect.alarm import AlarmEvent, Transition
from monitor.detect.kinds import AlarmKind
from monitor.detect.verdict import VerdictState
from monitor.errors import BadInputError, RecordingError
from monitor.service.crew import Crew, ready_fleet
from monitor.service.daemon import Work, open_plant
from monitor.service.inference import Judged
from monitor.service.machines import watch
from monitor.service.sentences import band_words
from monitor.service.signals import stop_on_signals
from monitor.service.sources import replay_ears

_log = structlog.get_logger(__name__)

DATABASE = "replay.sqlite"
"""Apart from the daemon's, so that a replay neither moves a live threshold nor clears a live alarm."""
SUFFIX = "-replay"
"""What a replay's node is called after the daemon's."""
CONNECT_S = 5.0
"""How long a replay waits for the broker before it begins: scores are not kept for a broker that comes later."""


@dataclass
class Summary:
    """What one machine's replay came to."""

    windows: Counter[VerdictState]
    raised: int = 0


def replay(
    config: Config,
    recordings: Mapping[str, Sequence[str]],
    speed: float | None,
    say: Callable[[str], None] = print,
) -> dict[str, Summary]:
    """Hear ``recordings`` in place of the configured sources, until their end or a signal; nothing stays retained.

    Args:
        config: of the node; only the machines named in ``recordings`` are run.
        recordings: machine -> files, folders or patterns.
        speed: seconds of sound per second; None is as fast as it can be scored.
        say: takes a line for each transition and, at the end, for each machine.

    Raises:
        BadInputError: a machine is not configured, has no model, or no recording of one can be read.
    """
    files = {
        machine: _files(machine, patterns, getattr(config.machine(machine).source, "channel", 1))
        for machine, patterns in recordings.items()
    }
    watched = {machine: watch(config, machine) for machine in files}
    for one in watched.values():
        if one.problem is not None:
            raise BadInputError(one.problem)
        if one.warning is not None:
            _log.warning(one.warning)
    summaries = {machine: Summary(Counter()) for machine in files}

    def observe(judged: Judged) -> None:
        summary = summaries[judged.window.machine]
        summary.windows[judged.outcome.verdict.state] += 1
        for change in judged.outcome.transitions:
            summary.raised += change.kind is AlarmKind.ANOMALY and change.event is AlarmEvent.RAISED
            say(line(change))

    stop = threading.Event()
    with stop_on_signals(stop), contextlib.ExitStack() as stack:
        config.state_dir.mkdir(parents=True, exist_ok=True)
        apart = as_another_node(config)
        ears = replay_ears(config, files, speed)
        crew = Crew(watched, ears, ready_fleet(watched, config.device, stop.is_set))
        if stop.is_set():
            return summaries
        plant = open_plant(apart, crew, stack, DATABASE, fresh=True)
        if not plant.publisher.wait_connected(CONNECT_S):
            _log.warning("no broker: the replay goes on, its events stay in the outbox", host=config.mqtt.host)
        work = Work(plant, config, stop, observe)
        stack.callback(work.close)
        work.start()
        while not work.done.wait(1.0) and not stop.is_set():
            pass
    for machine, summary in summaries.items():
        say(summary_line(machine, summary))
    return summaries


def as_another_node(config: Config) -> Config:
    """The configuration under a name of its own: what is heard again must not pass for what is heard now.

    The daemon beside it keeps its topics, its numbers and its connection; Home Assistant and Sparkplug hosts, which
    remember every device for ever, hear nothing.
    """
    name = None if config.mqtt.client_id is None else f"{config.mqtt.client_id}{SUFFIX}"
    mqtt = config.mqtt.model_copy(update={"client_id": name, "home_assistant": None, "sparkplug": None})
    return config.model_copy(update={"node": f"{config.node}{SUFFIX}", "mqtt": mqtt})


def line(change: Transition) -> str:
    """A transition as one line: when in the sound, which machine, what happened, and how loud it was."""
    when = datetime.fromtimestamp(change.at_s, UTC).strftime("%H:%M:%S")
    evidence = change.evidence
    bands = band_words(evidence)
    score = f"score {evidence.score:.2f}, threshold {evidence.threshold:.2f}"
    return f"{when}  {change.machine}  {change.kind} {change.event}  {score}  {bands}".rstrip()


def summary_line(machine: str, summary: Summary) -> str:
    """One machine's replay as one line."""
    total = sum(summary.windows.values())
    parts = ", ".join(f"{count} {state}" for state, count in sorted(summary.windows.items()))
    raised = counted(summary.raised, "anomaly alarm")
    return f"{machine}: {counted(total, 'window')} ({parts or 'none'}), {raised} raised"


def _files(machine: str, patterns: Sequence[str], channels: int) -> tuple[Path, ...]:
    """The recordings that can be read: a source of none that can is opened again and again, as a microphone is."""
    found = find_recordings(patterns)
    problems = list(found.problems)
    files = []
    for path in found.files:
        try:
            present = inspect_recording(path).channels
        except RecordingError as error:
            problems.append(str(error))
            continue
        if present < channels:
            problems.append(f"{path}: has too few channels: {present} of {channels} needed")
        else:
            files.append(path)
    if not files:
        raise BadInputError(f"{machine}: no recordings: {'; '.join(problems)}")
    for problem in problems:
        _log.warning(problem, machine=machine)
    return tuple(files)
