"""The daemon on four virtual microphones, of which one is unplugged and plugged in again: what the broker hears."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import soundfile

from monitor.audio.simulated import render
from monitor.audio.source import MODEL_RATE_HZ
from tests.broker import Broker, Listener, listening
from tests.service.plant import KIND, LIFE_S, SEED, Daemon, train_quick, write_config, write_recordings
from tests.virtual_microphone import VirtualMicrophones, virtual_microphones

BASE = "monitor/test"
WINDOW_S, HOP_S = 4.0, 2.0
PATIENCE_S = 120.0
MACHINES = ("fan-1", "fan-2", "fan-3", "fan-4")
MICROPHONES = ("mic1", "mic2", "mic3", "mic4")
HEALTHY_S = 120
"""Of the machine's sound; it is played again and again."""


class Plant:
    """What the broker has heard of four machines."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Every alarm of one kind that was raised or cleared, in order."""
        found = [message.json for message in self._listener.on(f"{BASE}/event")]
        return [event for event in found if event["kind"] == kind and event["event"] in {"raised", "cleared"}]

    def wait(self, what: str, count: int) -> float:
        """Wait until the first machine's microphone alarm was raised or cleared ``count`` times; gives when."""

        def so(_listener: Listener) -> bool:
            mine = [event for event in self.events("microphone") if event["machine"] == MACHINES[0]]
            return len([event for event in mine if event["event"] == what]) >= count

        self._listener.wait_for(so, f"{what} {count}", PATIENCE_S)
        return time.monotonic()

    def wait_scored(self) -> None:
        """Wait until every machine has been judged."""
        self._listener.wait_for(lambda _: all(map(self.scores, MACHINES)), "a window of each machine", PATIENCE_S)

    def scores(self, machine: str) -> list[dict[str, Any]]:
        """Every window of a machine."""
        return [message.json for message in self._listener.on(f"{BASE}/machine/{machine}/score")]

    def missing(self, machine: str) -> int:
        """Windows of a machine that did not come, or with audio lost; only the first machine's are judged."""
        scores = self.scores(machine)
        starts = [datetime.fromisoformat(score["start"]).timestamp() for score in scores]
        steps = [round((after - before) / HOP_S) for before, after in itertools.pairwise(starts)]
        return sum(step - 1 for step in steps) + len([score for score in scores if score["lost"]])


def cycles(folder: Path, count: int, state: Path) -> tuple[list[float], list[float], dict[str, int], int, list[str]]:
    """Unplug and plug in so many times.

    Args:
        folder: for its files.
        count: how often.
        state: a state directory with a model of `fan-1`.

    Returns:
        How long the alarm took to come, and to go, each time; windows of each other machine, how many of them are
        missing in all, and what else was raised.
    """
    sound = folder / "healthy.wav"
    soundfile.write(sound, render(KIND, SEED, round((LIFE_S + 9e4) * MODEL_RATE_HZ), HEALTHY_S * MODEL_RATE_HZ), 16_000)
    for name in ("one", "three"):
        (folder / name).mkdir()
    machines = {
        machine: {"source": {"microphone": microphone}}
        for machine, microphone in zip(MACHINES, MICROPHONES, strict=True)
    }
    came, went = [], []
    with (
        virtual_microphones(folder / "three", *MICROPHONES[1:]) as three,
        virtual_microphones(folder / "one", MICROPHONES[0], also=three.alsa) as one,
        Broker(folder / "broker") as broker,
        listening(broker) as listener,
    ):
        _play(one, MICROPHONES[:1], sound)
        _play(three, MICROPHONES[1:], sound)
        config = write_config(folder / "m.yaml", state, broker.port, machines, window_s=WINDOW_S, hop_s=HOP_S)
        with Daemon(config, one.env) as daemon:
            plant = Plant(listener)
            plant.wait_scored()
            for number in range(1, count + 1):
                out_s = time.monotonic()
                one.unplug(MICROPHONES[0])
                came.append(plant.wait("raised", number) - out_s)
                in_s = time.monotonic()
                one.plug(MICROPHONES[0])
                _play(one, MICROPHONES[:1], sound)
                went.append(plant.wait("cleared", number) - in_s)
                if number % 5 == 0:
                    _play(three, MICROPHONES[1:], sound)
            daemon.terminate()
        windows = {machine: len(plant.scores(machine)) for machine in MACHINES[1:]}
        missing = sum(map(plant.missing, MACHINES[1:]))
        microphone = [e["machine"] for e in plant.events("microphone") if e["machine"] != MACHINES[0]]
        others = [event["machine"] for event in plant.events("anomaly")] + microphone
    return came, went, windows, missing, others


def trained(folder: Path) -> Path:
    """A state directory with a model of `fan-1`."""
    state = folder / "state"
    files = write_recordings(folder / "recordings", 8, 30)
    train_quick(state, MACHINES[0], files, WINDOW_S, HOP_S)
    return state


def _play(server: VirtualMicrophones, names: Sequence[str], sound: Path) -> None:
    for name in names:
        server.start_playing(name, sound)
