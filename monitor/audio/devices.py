"""The sound devices that PortAudio knows, and which of them a selector in the configuration means."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitor.audio.cards import Card, find_card, names_a_card
from monitor.counted import counted
from monitor.errors import DeviceError

HARDWARE = re.compile(r"\(hw:(\d+),(\d+)\)$")
"""How PortAudio ends the name of an ALSA hardware device: card and device number."""
FULL_RATE_HZ = 48_000
"""What USB microphones convert at; another rate of a card that has this one is made from it."""


@dataclass(frozen=True, slots=True)
class SoundDevice:
    """A device with an input."""

    selector: str
    """What to write after ``microphone:`` in the configuration: the most exact one that there is."""
    name: str
    """What PortAudio calls it."""
    host_api: str
    """The sound system behind it, such as ALSA."""
    channels: int
    """Most input channels that it has."""
    native_rate_hz: int
    """The rate that it is captured at."""
    index: int
    """PortAudio's number for it; changes when devices come and go."""
    others: tuple[str, ...] = ()
    """Less exact selectors that mean it, as long as no other device is like it."""
    rates_hz: tuple[int, ...] = ()
    """Rates that it is known to have; empty where nothing says."""

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> SoundDevice:
        """The inverse of `dataclasses.asdict`, over JSON."""
        return cls(**{**found, "others": tuple(found["others"]), "rates_hz": tuple(found["rates_hz"])})


def describe_devices(
    devices: Sequence[Mapping[str, Any]], apis: Sequence[str], cards: Sequence[Card]
) -> tuple[SoundDevice, ...]:
    """Every device with an input, in PortAudio's order.

    Args:
        devices: as sounddevice gives them.
        apis: names of the sound systems, by number.
        cards: ALSA's.
    """
    inputs = [device for device in devices if device["max_input_channels"] > 0]
    names = Counter(str(device["name"]) for device in inputs)
    numbered = {card.number: card for card in cards}
    return tuple(_describe(device, apis[device["hostapi"]], numbered, names) for device in inputs)


def _describe(device: Mapping[str, Any], api: str, cards: Mapping[int, Card], names: Mapping[str, int]) -> SoundDevice:
    name = str(device["name"])
    selectors: tuple[str, ...] = (name if names[name] == 1 else f"{name} [{api}]",)
    rate_hz = round(device["default_samplerate"])
    rates_hz: tuple[int, ...] = ()
    hardware = HARDWARE.search(name)
    if hardware and (card := cards.get(int(hardware[1]))):
        selectors = card.selectors(int(hardware[2]))
        rates_hz = card.rates_hz
    if FULL_RATE_HZ in rates_hz:
        rate_hz = FULL_RATE_HZ
    return SoundDevice(
        selector=selectors[0],
        name=name,
        host_api=api,
        channels=int(device["max_input_channels"]),
        native_rate_hz=rate_hz,
        index=int(device["index"]),
        others=selectors[1:],
        rates_hz=rates_hz,
    )


def taken_devices(devices: Sequence[SoundDevice], cards: Sequence[Card]) -> tuple[tuple[str, str], ...]:
    """Selector and card's name of what records but PortAudio leaves out: it does so where it cannot open a device."""
    known = {device.selector for device in devices}
    found = [(card.selectors(number)[0], card.card_id) for card in cards for number in card.captures]
    return tuple((selector, name) for selector, name in found if selector not in known)


def find_device(selector: str, devices: Sequence[SoundDevice], cards: Sequence[Card]) -> SoundDevice:
    """The one device that is meant.

    Args:
        selector: in this order: one that names a card (``usb-path:``, ``usb:``, ``card-id:``); a selector or name as
            `describe_devices` gives it; any part of a name, in any case of letters, that only one device has.
        devices: what to choose from.
        cards: ALSA's.

    Raises:
        DeviceError: none or several are meant; lists the candidates.
    """
    if names_a_card(selector):
        return _of_card(selector, devices, cards)
    for exact in (
        [device for device in devices if device.selector == selector],
        [device for device in devices if device.name == selector],
    ):
        if len(exact) == 1:
            return exact[0]
    if not selector.strip():
        raise DeviceError(f"no sound device is {selector!r}; {_listed(devices)}")
    alike = [device for device in devices if selector.casefold() in device.name.casefold()]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise DeviceError(f"{selector!r} could be any of {len(alike)} sound devices; {_listed(alike)}")
    raise DeviceError(f"no sound device is {selector!r}; {_listed(devices)}")


def _of_card(selector: str, devices: Sequence[SoundDevice], cards: Sequence[Card]) -> SoundDevice:
    card, number = find_card(selector, cards)
    for device in devices:
        hardware = HARDWARE.search(device.name)
        if hardware and (int(hardware[1]), int(hardware[2])) == (card.number, number):
            return device
    if number not in card.captures:
        raise DeviceError(f"{selector!r} is sound card {card.card_id}, which records on {_numbers(card.captures)}")
    # PortAudio leaves out what it cannot open when it starts.
    raise DeviceError(f"{selector!r} is sound card {card.card_id}, which another program is using, or which is failing")


def _numbers(captures: Sequence[int]) -> str:
    return f"device {', '.join(map(str, captures))}" if captures else "no device"


def _listed(devices: Sequence[SoundDevice]) -> str:
    if not devices:
        return "there is no sound device with an input"
    entries = (f"{device.selector!r} ({counted(device.channels, 'channel')})" for device in devices)
    return f"there are {', '.join(entries)}"
