"""Where each machine's sound comes from: is it there. Nothing is listened to, so that a daemon keeps its devices."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from monitor.audio.capture.process import list_devices
from monitor.audio.cards import find_card, names_a_card, read_cards
from monitor.audio.devices import SoundDevice, find_device
from monitor.audio.recording_file import inspect_recording
from monitor.audio.recording_set import find_recordings
from monitor.config import Config, MicrophoneSource, RecordingSource, StreamSource
from monitor.counted import counted
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.errors import ConfigurationError, DeviceError, RecordingError
from monitor.service.sources import describe

CONNECT_S = 3.0
"""A camera in the plant's own network answers within milliseconds."""
LIST_S = 6.0
"""PortAudio lists the devices of a plant PC within one or two seconds."""
PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""Each scheme's own port (RFC 7826, RFC 9110)."""
DEVICES = "monitor devices shows what to write after microphone:"


class Sources:
    """The checks of all machines' sources; what they share is looked up once.

    Args:
        config: of the node.
        running: a daemon may hold the devices now.
    """

    def __init__(self, config: Config, *, running: bool) -> None:
        self._config = config
        self._running = running
        self._devices: Sequence[SoundDevice] | DeviceError | None = None
        self._hosts: dict[tuple[str, int], str | None] = {}

    def examine(self, machine: str) -> Finding:
        """Whether the machine's source is there."""
        name, source = f"{machine} source", self._config.machine(machine).source
        if isinstance(source, MicrophoneSource):
            return self._microphone(name, source)
        if isinstance(source, RecordingSource):
            return _recordings(name, source)
        if isinstance(source, StreamSource):
            return self._stream(name, source)
        return ok(name, describe(source))

    def _microphone(self, name: str, source: MicrophoneSource) -> Finding:
        selector = source.microphone
        try:
            if names_a_card(selector):
                return _card(name, selector)
            found = find_device(selector, self._listed(), read_cards())
        except DeviceError as error:
            if self._running and not names_a_card(selector):
                told = f"{selector!r} is not listed; a device that the daemon listens to may be missing from the list"
                return note(name, told, "monitor alarms list shows whether it is heard")
            return fail(name, str(error), f"plug it in; {DEVICES}")
        if source.channel > found.channels:
            told = f"{found.name!r} has {found.channels} channels, {source.channel} is configured"
            return fail(name, told, "correct the machine's channel")
        return ok(name, f"{selector} is there ({found.channels} channels)")

    def _listed(self) -> Sequence[SoundDevice]:
        """PortAudio's devices, listed once.

        Raises:
            DeviceError: they cannot be listed, which is not tried again for the next machine.
        """
        if self._devices is None:
            try:
                self._devices = list_devices(LIST_S)
            except DeviceError as error:
                self._devices = error
        if isinstance(self._devices, DeviceError):
            raise self._devices
        return self._devices

    def _stream(self, name: str, source: StreamSource) -> Finding:
        try:
            self._config.stream_address(source)
        except ConfigurationError as error:
            return fail(name, str(error), "write the password into the file, readable by the service's user")
        address = urlsplit(source.stream)
        where = (address.hostname or "", address.port or PORTS[address.scheme.lower()])
        if where not in self._hosts:
            self._hosts[where] = unreachable(*where)
        problem = self._hosts[where]
        if problem is not None:
            told = f"{describe(source)}: {where[0]} port {where[1]} cannot be reached: {problem}"
            return fail(name, told, f"is the device on, and its address right? ping {where[0]}")
        return ok(name, f"{describe(source)}: {where[0]} port {where[1]} takes connections")


def _card(name: str, selector: str) -> Finding:
    """A card as the kernel shows it: no device is opened.

    Raises:
        DeviceError: there is no such card.
    """
    card, number = find_card(selector, read_cards())
    if number in card.captures:
        return ok(name, f"{selector} is there ({card.card_id})")
    return fail(name, f"{selector!r} is {card.card_id}, which does not record on device {number}", DEVICES)


def unreachable(host: str, port: int) -> str | None:
    """Why no connection comes about; None when one does. It is closed at once."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S):
            return None
    except TimeoutError:
        return f"no answer within {CONNECT_S:g} s"
    except OSError as error:
        return error.strerror or str(error)


def _recordings(name: str, source: RecordingSource) -> Finding:
    """Whether the files are there, and the first can be read; the daemon tells of each one that cannot."""
    found = find_recordings(source.recording)
    if not found.files or found.problems:
        told = "; ".join(found.problems) or f"{', '.join(source.recording)}: no recordings"
        return fail(name, told, "correct the machine's recording, or bring the files (is a share mounted?)")
    try:
        first = inspect_recording(found.files[0])
    except RecordingError as error:
        return fail(name, str(error), "replace the file, or let the service's user read it")
    if source.channel > first.channels:
        told = f"{first.path} has {first.channels} channels, {source.channel} is configured"
        return fail(name, told, "correct the machine's channel")
    count = len(found.files)
    return ok(name, f"{counted(count, 'recording')}, from {first.path}")
