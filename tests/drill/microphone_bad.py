"""Microphones of the running daemon go bad, each in its own way, and good again: what the broker hears of each."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.resample import StreamResampler
from monitor.audio.simulated import render
from monitor.audio.source import MODEL_RATE_HZ
from monitor.detect.finding import MicrophoneFault
from monitor.memcae.artifact import load_calibration, load_model, save_version
from tests.bad_sound import BAD
from tests.broker import Broker, Listener, listening
from tests.drill.microphone_daemon import BASE, HOP_S, PATIENCE_S, WINDOW_S
from tests.service.plant import KIND, LIFE_S, SEED, Daemon, train_quick, write_config, write_recordings
from tests.virtual_microphone import MAPS, VirtualMicrophones, virtual_microphones

FAULTS = {fault: fault.name.lower() for fault in BAD if fault is not MicrophoneFault.HUM}
"""Each has a microphone and a machine of this name. Whether hum is told depends on how much of it the machine makes
itself: that is for recordings, tests/service/test_microphones.py."""
WELL = "well"
"""A microphone that stays good."""
PAIR = "pair"
"""A device of two channels that come to have the same sound; a machine on each."""
TWINS = ("twin-1", "twin-2")
SOUND_S = 60
"""It is repeated."""
RATE_HZ = 44_100
"""Of the microphones: what PortAudio takes for their own rate. From another, the sound server's resampling would take
away more of the top octave."""
BLOCK = RATE_HZ // 10
AHEAD_S = 1.0
"""So far ahead the sound is handed to the sound server: a busy machine must not break it off."""
HELD_S = 6.0
"""So long it stays bad after the last alarm: three more windows, which is what an anomaly takes to be raised."""


@dataclass
class Heard:
    """What came of it."""

    raised_s: dict[str, float]
    """By machine, the longest time from going bad to its alarm."""
    cleared_s: dict[str, float]
    """By machine, the longest time from being good again to the end of its alarm."""
    wrong: list[str]
    """Alarms of a microphone that do not say what is wrong with it, or that came unasked."""
    others: list[str]
    """Every other alarm and warning of a machine whose microphone is bad, by machine and kind."""
    well_windows: int
    """Of the microphone that stays good."""
    well_bad: int
    """Of these, those that could not be judged."""

    def good(self, limit_s: float) -> bool:
        """Whether each was told rightly and in time, and nothing else was."""
        times = [*self.raised_s.values(), *self.cleared_s.values()]
        return max(times) < limit_s and not self.wrong and not self.others and self.well_windows > self.well_bad == 0

    def __str__(self) -> str:
        told = ", ".join(f"{machine} {seconds:.1f} s" for machine, seconds in self.raised_s.items())
        return (
            f"alarm within: {told}; all over within {max(self.cleared_s.values()):.1f} s; wrong verdicts: "
            f"{', '.join(self.wrong) or 'none'}; other alarms: {', '.join(self.others) or 'none'}; of {WELL}, "
            f"{self.well_windows - self.well_bad} of {self.well_windows} windows could be judged"
        )


def go_bad(folder: Path, count: int) -> Heard:
    """Let every microphone but one go bad and good again so many times.

    Args:
        folder: for its files.
        count: how often.
    """
    machines = (*FAULTS.values(), WELL, *TWINS)
    state = _trained(folder, machines)
    for name in ("mono", "stereo"):
        (folder / name).mkdir()
    with (
        virtual_microphones(folder / "mono", *FAULTS.values(), WELL, rate_hz=RATE_HZ) as mono,
        virtual_microphones(folder / "stereo", PAIR, rate_hz=RATE_HZ, channels=2, also=mono.alsa) as stereo,
        Broker(folder / "broker") as broker,
        listening(broker) as listener,
    ):
        sources: dict[str, Any] = {name: {"source": {"microphone": name}} for name in machines if name not in TWINS}
        sources |= {name: {"source": {"microphone": PAIR, "channel": n}} for n, name in enumerate(TWINS, 1)}
        config = write_config(folder / "m.yaml", state, broker.port, sources, window_s=WINDOW_S, hop_s=HOP_S)
        with closing(Stage(mono, stereo)) as stage, Daemon(config, stereo.env) as daemon:
            listener.wait_for(
                lambda _: all(_scores(listener, machine) for machine in machines), "a window of each", PATIENCE_S
            )
            raised, cleared = zip(*(_round(listener, stage, number) for number in range(1, count + 1)), strict=True)
            daemon.terminate()
        well = [score["verdict"] for score in _scores(listener, WELL)]
        return Heard(_longest(raised), _longest(cleared), *_judged(listener), len(well), well.count("invalid"))


class Stage:
    """What the microphones hear, without a break where good turns bad.

    Args:
        mono: a microphone for each of ``FAULTS``, and ``WELL``.
        stereo: ``PAIR``.
    """

    def __init__(self, mono: VirtualMicrophones, stereo: VirtualMicrophones) -> None:
        one, other = (_sound(number) for number in range(2))
        two, same = np.stack([one, other], axis=1), np.stack([one, one], axis=1)
        bad = {name: BAD[fault](one) for fault, name in FAULTS.items()} | {WELL: one}
        self._sounds = {name: (_played(one), _played(sound)) for name, sound in bad.items()}
        self._sounds |= {PAIR: (_played(two), _played(same))}
        servers = {name: stereo if name == PAIR else mono for name in self._sounds}
        self._players = {name: _player(server, name) for name, server in servers.items()}
        self._bad = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._feed, daemon=True)
        self._thread.start()

    def turn(self, *, bad: bool) -> float:
        """Let each but the one hear what a bad microphone makes of it, or none; gives when, monotonic seconds."""
        self._bad = bad
        return time.monotonic() + AHEAD_S

    def close(self) -> None:
        """End."""
        self._stop.set()
        for player in self._players.values():  # first: the thread may wait for one of them
            player.kill()
        self._thread.join()
        for player in self._players.values():
            player.communicate()

    def _feed(self) -> None:
        begun_s, blocks = time.monotonic(), 0
        with suppress(BrokenPipeError):  # closed
            while not self._stop.wait(0.02):
                while blocks * BLOCK / RATE_HZ < time.monotonic() - begun_s + AHEAD_S:
                    self._write(blocks * BLOCK % (SOUND_S * RATE_HZ))
                    blocks += 1

    def _write(self, at: int) -> None:
        for name, sounds in self._sounds.items():
            stdin = self._players[name].stdin
            assert stdin is not None
            stdin.write(sounds[self._bad][at : at + BLOCK].tobytes())


def _player(server: VirtualMicrophones, name: str) -> subprocess.Popen[bytes]:
    layout = [f"--rate={server.rate_hz}", f"--channels={server.channels}", f"--channel-map={MAPS[server.channels]}"]
    command = ["pacat", "--playback", f"--device={name}", "--format=float32le", "--latency-msec=100", *layout]
    return subprocess.Popen(command, bufsize=0, env=server.env, stdin=subprocess.PIPE)


def _round(listener: Listener, stage: Stage, number: int) -> tuple[dict[str, float], dict[str, float]]:
    """Bad and good again, for the ``number``-th time; how long each alarm took to come, and to go."""
    raised = _times(listener, "raised", number, stage.turn(bad=True))
    time.sleep(HELD_S)
    return raised, _times(listener, "cleared", number, stage.turn(bad=False))


def _times(listener: Listener, what: str, count: int, begun_s: float) -> dict[str, float]:
    """Wait until every microphone's alarm was raised, or cleared, ``count`` times; seconds since ``begun_s``."""
    times: dict[str, float] = {}

    def all_told(_listener: Listener) -> bool:
        for machine in {*FAULTS.values(), *TWINS} - times.keys():
            mine = [
                e for e in _events(listener) if (e["machine"], e["kind"], e["event"]) == (machine, "microphone", what)
            ]
            if len(mine) >= count:
                times[machine] = time.monotonic() - begun_s
        return len(times) == len(FAULTS) + len(TWINS)

    listener.wait_for(all_told, f"{what} {count}", PATIENCE_S)
    return times


def _judged(listener: Listener) -> tuple[list[str], list[str]]:
    """Alarms of a microphone that are not of its fault, and all others that were raised or warned of."""
    expected = {name: fault for fault, name in FAULTS.items()} | dict.fromkeys(TWINS, MicrophoneFault.TWIN)
    wrong, others = [], []
    for event in _events(listener):
        if event["event"] not in {"raised", "warning"}:
            continue
        name = f"{event['machine']} {event['kind']}"
        if event["kind"] != "microphone":
            # The good one is there to be judged whatever goes on beside it. How well is not asked of a model that has
            # learnt for seconds; of a bad one no alarm may come, however that model judges.
            if event["machine"] != WELL:
                others.append(name)
        elif expected.get(event["machine"]) not in {finding["fault"] for finding in event["findings"]}:
            wrong.append(f"{name}: {event['detail']}")
    return wrong, others


def _events(listener: Listener) -> list[dict[str, Any]]:
    return [message.json for message in listener.on(f"{BASE}/event")]


def _scores(listener: Listener, machine: str) -> list[dict[str, Any]]:
    return [message.json for message in listener.on(f"{BASE}/machine/{machine}/score")]


def _longest(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {machine: max(times[machine] for times in rounds) for machine in sorted(rounds[0])}


def _trained(folder: Path, machines: Sequence[str]) -> Path:
    """A state directory with the same model for every machine, of what its microphone makes of the sound."""
    state = folder / "state"
    files = write_recordings(folder / "recordings", 8, 30)
    for path in files:
        sound = _played(soundfile.read(path, dtype="float32", always_2d=True)[0])
        heard = StreamResampler().push(AudioBlock(sound, RATE_HZ, 0.0, gap=True))
        soundfile.write(path, np.concatenate([block.samples for block in heard]), MODEL_RATE_HZ)
    train_quick(state, machines[0], files, WINDOW_S, HOP_S)
    model, calibration = load_model(state, machines[0]), load_calibration(state, machines[0])
    for machine in machines[1:]:
        save_version(
            state, machine, model, created_s=time.time(), code_version="drill", training={}, calibration=calibration
        )
    return state


def _sound(number: int) -> Samples:
    """A healthy machine, float32 [n], at the model's rate: another part of its life each time."""
    return render(KIND, SEED, round((LIFE_S + 9e4 + 1e3 * number) * MODEL_RATE_HZ), SOUND_S * MODEL_RATE_HZ)


def _played(sound: Samples) -> Samples:
    """At the microphones' rate, float32 little-endian."""
    return np.asarray(soxr.resample(sound, MODEL_RATE_HZ, RATE_HZ), dtype="<f4")
