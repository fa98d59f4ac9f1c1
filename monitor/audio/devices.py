"""The sound devices that PortAudio knows, and which of them a selector in the configuration means."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.errors import DeviceError

CARDS = Path("/proc/asound")
"""Where ALSA lists its cards: card0/id holds the name of the first, and so on."""
CARD_ID = "card-id:"
"""A selector that begins so names an ALSA card by its id, which outlives a reboot; its number does not."""
_HARDWARE = re.compile(r"\(hw:(\d+),(\d+)\)$")
"""How PortAudio ends the name of an ALSA hardware device: card and device number."""


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A device with an input."""

    selector: str
    """What to write after ``microphone:`` in the configuration."""
    name: str
    """What PortAudio calls it."""
    host_api: str
    """The sound system behind it, such as ALSA."""
    channels: int
    """Most input channels that it has."""
    default_rate_hz: int
    """Its native rate, as far as PortAudio knows."""
    index: int
    """PortAudio's number for it; changes when devices come and go."""


def portaudio() -> Any:  # noqa: ANN401  sounddevice ships no types
    """The sounddevice package; loading it starts PortAudio, so that is left until sound is wanted.

    Raises:
        DeviceError: PortAudio is not installed.
    """
    try:
        return importlib.import_module("sounddevice")
    except OSError as error:  # the package is there, the library is not
        raise DeviceError(f"PortAudio cannot be loaded ({error}); on Debian: apt install libportaudio2") from None


def list_devices() -> tuple[SoundDevice, ...]:
    """Every device with an input, in PortAudio's order.

    PortAudio looks for devices once, when it starts.

    Raises:
        DeviceError: PortAudio is not installed or fails.
    """
    sounddevice = portaudio()
    try:
        apis = [str(api["name"]) for api in sounddevice.query_hostapis()]
        found = [dict(device) for device in sounddevice.query_devices()]
    except sounddevice.PortAudioError as error:
        raise DeviceError(f"the sound devices cannot be listed: {error}") from None
    inputs = [device for device in found if device["max_input_channels"] > 0]
    names = Counter(str(device["name"]) for device in inputs)
    cards = card_ids(CARDS)
    return tuple(
        SoundDevice(
            selector=_selector(str(device["name"]), apis[device["hostapi"]], cards, unique=names[device["name"]] == 1),
            name=str(device["name"]),
            host_api=apis[device["hostapi"]],
            channels=int(device["max_input_channels"]),
            default_rate_hz=round(device["default_samplerate"]),
            index=int(device["index"]),
        )
        for device in inputs
    )


def find_device(selector: str, devices: Sequence[SoundDevice] | None = None) -> SoundDevice:
    """The one device that is meant.

    Args:
        selector: in this order: a selector or name as `list_devices` gives it; ``card-id:ID`` or
            ``card-id:ID,DEVICE``; any part of a name, in any case of letters, that only one device has.
        devices: what to choose from; None asks PortAudio.

    Raises:
        DeviceError: none or several are meant; lists the candidates.
    """
    devices = list_devices() if devices is None else devices
    wanted = selector.removesuffix(",0") if selector.startswith(CARD_ID) else selector
    for exact in (
        [device for device in devices if device.selector == wanted],
        [device for device in devices if device.name == wanted],
    ):
        if len(exact) == 1:
            return exact[0]
    if not wanted.strip() or wanted.startswith(CARD_ID):
        raise DeviceError(f"no sound device is {selector!r}; {_listed(devices)}")
    alike = [device for device in devices if wanted.casefold() in device.name.casefold()]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise DeviceError(f"{selector!r} could be any of {len(alike)} sound devices; {_listed(alike)}")
    raise DeviceError(f"no sound device is {selector!r}; {_listed(devices)}")


def card_ids(root: Path) -> dict[int, str]:
    """ALSA's card numbers and ids; empty where there is no ALSA."""
    ids = {}
    for path in root.glob("card[0-9]*/id"):
        try:
            ids[int(path.parent.name.removeprefix("card"))] = path.read_text().strip()
        except (OSError, ValueError):  # unplugged just now
            continue
    return ids


def _selector(name: str, host_api: str, cards: Mapping[int, str], *, unique: bool) -> str:
    hardware = _HARDWARE.search(name)
    if hardware and (card := cards.get(int(hardware[1]))):
        return f"{CARD_ID}{card}" if hardware[2] == "0" else f"{CARD_ID}{card},{hardware[2]}"
    return name if unique else f"{name} [{host_api}]"


def _listed(devices: Sequence[SoundDevice]) -> str:
    if not devices:
        return "there is no sound device with an input"
    entries = (
        f"{device.selector!r} ({device.channels} channel{'s' if device.channels != 1 else ''})" for device in devices
    )
    return f"there are {', '.join(entries)}"
