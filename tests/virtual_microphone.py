"""Virtual microphones: a PulseAudio of the test's own, heard through real ALSA and real PortAudio.

PortAudio reads its environment when it starts, so what listens must be a subprocess with `VirtualMicrophones.env`::

    with virtual_microphones(tmp_path, "mic1") as microphones:
        daemon = subprocess.Popen([...], env=microphones.env)
        microphones.play("mic1", wav)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

NEEDED = ("pulseaudio", "pactl", "paplay", "pacat")
START_S = 20.0
"""PulseAudio is up within a second; a busy test machine gets more."""
EIGHT = "front-left,front-right,rear-left,rear-right,front-center,lfe,side-left,side-right"
"""ALSA's own order of eight channels: with any other, PulseAudio mixes them."""
MAPS = {1: "mono", 2: "front-left,front-right", 4: "front-left,front-right,rear-left,rear-right", 8: EIGHT}


@dataclass
class VirtualMicrophones:
    """A running sound server and the microphones plugged into it."""

    env: dict[str, str]
    """The environment for whatever is to hear these microphones (and only these)."""
    names: tuple[str, ...]
    """PortAudio's names of the microphones: selectors for the configuration."""
    rate_hz: int
    channels: int
    server: subprocess.Popen[bytes]
    """The sound server; stopping it (SIGSTOP) freezes every microphone."""
    _modules: dict[str, str] = field(default_factory=dict)
    _players: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def alsa(self) -> str:
        """These microphones for the ``also`` of another server's: heard in one environment, on a server of their own.

        PulseAudio hands the listeners of a microphone that is unplugged over to another of its own; hardware does not.
        """
        server = f"unix:{self.env['XDG_RUNTIME_DIR']}/pulse/native"
        return "\n".join(_device(name, f'server "{server}"') for name in self.names)

    def play(self, name: str, wav: Path) -> None:
        """Let a microphone hear a file, in real time, to its end."""
        subprocess.run(["paplay", f"--device={name}", str(wav)], env=self.env, check=True, timeout=600)

    def start_playing(self, name: str, wav: Path) -> subprocess.Popen[bytes]:
        """As `play`, without waiting; ended with the microphones."""
        player = subprocess.Popen(["paplay", f"--device={name}", str(wav)], env=self.env)
        self._players.append(player)
        return player

    def play_raw(self, name: str, raw: bytes) -> None:
        """As `play`, for interleaved 16-bit samples of all channels, sample for sample."""
        command = [
            "pacat",
            "--playback",
            f"--device={name}",
            "--format=s16le",
            f"--rate={self.rate_hz}",
            f"--channels={self.channels}",
            f"--channel-map={MAPS[self.channels]}",
        ]
        subprocess.run(command, input=raw, env=self.env, check=True, timeout=600)

    def plug(self, name: str) -> None:
        """Plug a microphone in."""
        layout = f"rate={self.rate_hz} channels={self.channels} channel_map={MAPS[self.channels]}"
        command = ["pactl", "load-module", "module-null-sink", f"sink_name={name}", *layout.split()]
        done = subprocess.run(command, env=self.env, check=True, capture_output=True, text=True, timeout=60)
        self._modules[name] = done.stdout.strip()

    def module(self, name: str) -> str:
        """The number by which ``pactl unload-module`` pulls a microphone out."""
        return self._modules[name]

    def unplug(self, name: str) -> None:
        """Pull a microphone out."""
        command = ["pactl", "unload-module", self._modules.pop(name)]
        subprocess.run(command, env=self.env, check=True, timeout=60)

    def stop_players(self) -> None:
        """End whatever still plays."""
        for player in self._players:
            player.terminate()
            player.wait()


def missing_programs() -> list[str]:
    """What is not installed of all that virtual microphones need."""
    return [program for program in NEEDED if shutil.which(program) is None]


@contextmanager
def virtual_microphones(
    folder: Path, *names: str, rate_hz: int = 16_000, channels: int = 1, also: str = ""
) -> Iterator[VirtualMicrophones]:
    """A sound server with these microphones; the test is skipped where PulseAudio is not installed.

    Args:
        folder: for its files.
        names: of the microphones; letters and digits.
        rate_hz: of the microphones.
        channels: 1, 2, 4 or 8.
        also: further devices, as ALSA's configuration has them.
    """
    if missing := missing_programs():
        pytest.skip(f"virtual microphones need {', '.join(missing)} (apt install pulseaudio pulseaudio-utils)")
    runtime = Path(tempfile.mkdtemp(prefix="mic-"))  # short: a socket's path may have 107 letters
    env = _environment(folder, runtime, names, also)
    server = _start(env, folder / "pulseaudio.log")
    microphones = VirtualMicrophones(env, names, rate_hz, channels, server)
    try:
        _wait_until_up(server, env, folder / "pulseaudio.log")
        for name in names:
            microphones.plug(name)
        yield microphones
    finally:
        microphones.stop_players()
        server.terminate()
        server.wait(timeout=START_S)
        shutil.rmtree(runtime, ignore_errors=True)


def _environment(folder: Path, runtime: Path, names: tuple[str, ...], also: str) -> dict[str, str]:
    devices = [_device(name) for name in names]
    asound = folder / "asound.conf"
    fallback = ["pcm.!default { type pulse }", "ctl.!default { type pulse }"]
    asound.write_text("\n".join(["</usr/share/alsa/alsa.conf>", *fallback, *devices, also, ""]))
    home = folder / "home"
    home.mkdir(exist_ok=True)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULSE_", "ALSA_", "XDG_"))}
    return {**kept, "XDG_RUNTIME_DIR": str(runtime), "ALSA_CONFIG_PATH": str(asound), "HOME": str(home)}


def _device(name: str, server: str = "") -> str:
    hint = f'hint.description "virtual microphone {name}"'
    return f'pcm.{name} {{ type pulse {server} device "{name}.monitor" {hint} }}'


def _start(env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = ["pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-n"]
    with log.open("wb") as out:
        return subprocess.Popen([*command, "-L", "module-native-protocol-unix"], env=env, stdout=out, stderr=out)


def _wait_until_up(server: subprocess.Popen[bytes], env: dict[str, str], log: Path) -> None:
    end_s = time.monotonic() + START_S
    while subprocess.run(["pactl", "info"], env=env, capture_output=True, check=False, timeout=60).returncode != 0:
        if server.poll() is not None or time.monotonic() > end_s:
            pytest.fail(f"PulseAudio did not start: {log.read_text()[-2000:]}")
        time.sleep(0.05)
