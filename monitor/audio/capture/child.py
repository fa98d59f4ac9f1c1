"""The capture process: one sound device into shared memory until its parent lets go of it.

``python -m monitor.audio.capture.child list`` prints the devices; with an order it captures. It loads neither numpy nor
torch, so that it starts at once and stays small.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from monitor.audio.capture.order import LIST, Order
from monitor.audio.capture.portaudio import present_devices, start_stream
from monitor.audio.capture.ring import Writer
from monitor.audio.cards import Card, read_cards
from monitor.audio.devices import HARDWARE, SoundDevice, find_device
from monitor.errors import DeviceError

BEAT_S = 0.25
"""How often it shows that it lives, and looks whether its device does."""
TURN_S = 3.0
"""Longest wait for other devices to be opened: one that hangs there must not hold this one up for long."""
LOOK_S = 0.02
"""Between two tries at the lock."""
PR_SET_PDEATHSIG = 1
"""prctl(2)."""


def main(argument: str) -> NoReturn:
    """List or capture; what fails is told where the parent looks, and the process always ends at once.

    PortAudio is not shut down: with a dead device that can take for ever.
    """
    if argument == LIST:
        _list()
    else:
        order = Order.from_json(argument)
        die_with(order.parent)
        ring = Writer(order.memory)
        try:
            capture(order, ring)
        except DeviceError as error:
            ring.fail(str(error))
        except BaseException as error:  # noqa: BLE001  the parent tells it
            ring.fail(f"microphone {order.selector}: the capture process failed: {error!r}")
    os._exit(0)


def capture(order: Order, ring: Writer) -> None:
    """Fill ``ring`` until the parent closes this process's standard input.

    Raises:
        DeviceError: no or no single such device, too few channels, it cannot be opened, or its stream has ended.
    """
    ring.beat(time.monotonic_ns())
    cards = read_cards()
    with one_at_a_time():
        device = find_device(order.selector, present_devices(), cards)
        if device.channels < order.channels:
            raise DeviceError(
                f"microphone {order.selector}: channel {order.channels} is needed, but the device has {device.channels}"
            )
        rate_hz = device.native_rate_hz if order.rate_hz is None else order.rate_hz
        stream = start_stream(order.selector, device, ring, rate_hz, order.channels)
    card = _card_of(device, cards)
    while not _parent_let_go():
        ring.beat(time.monotonic_ns())
        if card is not None and not _is_there(card):
            raise DeviceError(f"microphone {order.selector}: has been unplugged")
        if not stream.active:
            raise DeviceError(f"microphone {order.selector}: the stream has ended (device unplugged?)")
    stream.abort(ignore_errors=True)  # stopping would wait for buffers that a dead device never fills
    stream.close(ignore_errors=True)


@contextmanager
def one_at_a_time(limit_s: float = TURN_S) -> Iterator[bool]:
    """Wait until no other process of this installation opens a device; gives whether that was so within the limit.

    PortAudio opens every device of the PC when it starts: two that do so at once find each other's microphone busy.
    The lock is on this very file, so that none is left behind, and ends with its holder.
    """
    end_s = time.monotonic() + limit_s
    with Path(__file__).open("rb") as file:
        while not (alone := _lock(file.fileno())) and time.monotonic() < end_s:
            time.sleep(LOOK_S)
        yield alone


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def die_with(parent: int) -> None:
    """End when the thread that began this process does, even while PortAudio holds it or it is stopped."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended before this was asked for
        os._exit(0)


def _parent_let_go() -> bool:
    readable, _, _ = select.select([0], [], [], BEAT_S)
    return bool(readable)


def _card_of(device: SoundDevice, cards: tuple[Card, ...]) -> Card | None:
    hardware = HARDWARE.search(device.name)
    return next((card for card in cards if hardware and card.number == int(hardware[1])), None)


def _is_there(card: Card) -> bool:
    """Whether the very card is still plugged in; PortAudio's stream on one that is not may wait for ever."""
    return any((one.number, one.usb_path, one.usb) == (card.number, card.usb_path, card.usb) for one in read_cards())


def _list() -> None:
    try:
        found: Any = [asdict(device) for device in present_devices()]
    except DeviceError as error:
        found = {"error": str(error)}
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
