"""ALSA's sound cards as the kernel shows them, and what outlives a reboot: where a card is plugged in, what it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from monitor.errors import DeviceError

PROC = Path("/proc/asound")
"""Where ALSA lists its cards: card0/id holds the name of the first, card0/pcm0c is its first capture device."""
SYS = Path("/sys/class/sound")
"""Where the kernel shows what each card is plugged into: card0/device leads to its USB interface or PCI device."""

USB_PATH = "usb-path:"
"""A selector by the socket: ``usb-path:0000:00:14.0-1.4`` is port 4 of the hub on port 1 of controller 0000:00:14.0.
What is plugged in there is the microphone, whatever it is; the bus's own number would change with the start order."""
USB = "usb:"
"""A selector by the thing: ``usb:0d8c:0014:A1B2`` is vendor, product and, where it has one, serial number."""
CARD_ID = "card-id:"
"""A selector by ALSA's name for the card; of two alike, the first to be found is ``Device``, the other ``Device_1``."""
PREFIXES = (USB_PATH, USB, CARD_ID)
"""Most exact first."""


@dataclass(frozen=True, slots=True)
class Card:
    """A sound card that is plugged in now."""

    number: int
    """ALSA's; may be another after a reboot."""
    card_id: str
    usb_path: str | None = None
    """Its socket; None for a card that is not on USB."""
    usb: str | None = None
    """``vendor:product`` or ``vendor:product:serial``, hexadecimal as ``lsusb`` prints them."""
    captures: tuple[int, ...] = (0,)
    """Numbers of its devices that record."""
    rates_hz: tuple[int, ...] = ()
    """What it can record at; known of USB cards only."""

    def selectors(self, device: int) -> tuple[str, ...]:
        """Every selector that means one of its devices, most exact first."""
        names = (
            None if self.usb_path is None else USB_PATH + self.usb_path,
            None if self.usb is None else USB + self.usb,
            CARD_ID + self.card_id,
        )
        return tuple(name if device == 0 else f"{name},{device}" for name in names if name is not None)


def read_cards(proc: Path = PROC, sys: Path = SYS) -> tuple[Card, ...]:
    """Every sound card, by number; none where there is no ALSA."""
    cards = []
    for folder in proc.glob("card[0-9]*"):
        try:
            number = int(folder.name.removeprefix("card"))
            card_id = (folder / "id").read_text().strip()
        except (OSError, ValueError):  # unplugged just now
            continue
        usb_path, usb = _usb(sys / folder.name / "device")
        cards.append(Card(number, card_id, usb_path, usb, _captures(folder), _rates(folder)))
    return tuple(sorted(cards, key=lambda card: card.number))


def names_a_card(selector: str) -> bool:
    """Whether a selector means a card, and not PortAudio's name of a device."""
    return selector.startswith(PREFIXES)


def find_card(selector: str, cards: Sequence[Card]) -> tuple[Card, int]:
    """The one card that a selector means, and the number of its device.

    Args:
        selector: one that `names_a_card`; ``,N`` at its end is device N, otherwise 0.
        cards: what to choose from.

    Raises:
        DeviceError: none or several are meant; lists the candidates.
    """
    stem, _, device = selector.rpartition(",")
    wanted, number = (stem, int(device)) if stem and device.isdecimal() else (selector, 0)
    found = [card for card in cards if wanted in _names(card)]
    if len(found) == 1:
        return found[0], number
    if found:
        raise DeviceError(f"{selector!r} could be any of {len(found)} sound cards; {_listed(found)}")
    raise DeviceError(f"no sound card is {selector!r}; {_listed(cards)}")


def same_device(selector: str, cards: Sequence[Card]) -> str:
    """One selector for all that mean the same device of a card that is plugged in now; otherwise as it is written."""
    if not names_a_card(selector):
        return selector
    try:
        card, device = find_card(selector, cards)
    except DeviceError:
        return selector
    return card.selectors(device)[0]


def _names(card: Card) -> set[str]:
    """All that a card answers to: a serial number may be left out."""
    names = set(card.selectors(0))
    if card.usb is not None:
        names.add(USB + ":".join(card.usb.split(":")[:2]))
    return names


def _usb(device: Path) -> tuple[str | None, str | None]:
    """Socket and identity of what a card belongs to."""
    try:
        path = device.resolve(strict=True)
    except OSError:
        return None, None
    for folder in (path, *path.parents):
        if not (folder / "idVendor").is_file():
            continue
        root = next((above for above in folder.parents if re.fullmatch(r"usb\d+", above.name)), None)
        if root is None:
            return None, None
        ports = folder.name.partition("-")[2]  # 1-1.4: what is before the hyphen is the bus
        identity = [_text(folder / name) for name in ("idVendor", "idProduct", "serial")]
        return f"{root.parent.name}-{ports}", ":".join(filter(None, identity))
    return None, None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _captures(folder: Path) -> tuple[int, ...]:
    found = (re.fullmatch(r"pcm(\d+)c", entry.name) for entry in folder.glob("pcm*c"))
    return tuple(sorted(int(match[1]) for match in found if match))


def _rates(folder: Path) -> tuple[int, ...]:
    """The rates in the capture part of what ALSA's USB driver says of a card."""
    _, _, capture = _text(folder / "stream0").partition("Capture:")
    lists = re.findall(r"Rates: ([\d, ]+)", capture)
    return tuple(sorted({int(rate) for found in lists for rate in found.split(",") if rate.strip()}))


def _listed(cards: Sequence[Card]) -> str:
    recording = [card for card in cards if card.captures]
    if not recording:
        return "there is no sound card that records"
    return "there are " + ", ".join(f"{card.selectors(card.captures[0])[0]!r} ({card.card_id})" for card in recording)
