"""A capture process with a device that lives faster than the clock: for the soak, in place of the real program.

``python microphone_fast_child.py SPEED BASE ORDER``: all its times are BASE and SPEED times what has passed since.
"""

from __future__ import annotations

import os
import select
import sys
import time

from monitor.audio.capture.child import die_with
from monitor.audio.capture.order import Order
from monitor.audio.capture.ring import BLOCK_S, SAMPLE, Writer

RATE_HZ = 48_000
QUEUE_S = 60.0
"""Of the device's time, so that a busy machine has a second to come by."""


def main(speed: float, base_s: float, order: Order) -> None:
    """Deliver noise on time, by the fast clock, until the parent lets go."""
    die_with(order.parent)
    ring = Writer(order.memory)
    block = ring.begin(RATE_HZ, order.channels, QUEUE_S)
    size = block * order.channels * SAMPLE
    noise = memoryview(bytes(value & 0b10111111 for value in os.urandom(size * 4)))  # no number beyond 2 in float32
    began_s, number = time.monotonic(), 0
    while not select.select([0], [], [], 0.01)[0]:
        now_s = time.monotonic()
        fast_ns = round((base_s + (now_s - base_s) * speed) * 1e9)
        ring.beat(fast_ns)
        due = int((now_s - began_s) * speed / BLOCK_S)
        for late in range(due - number, 0, -1):
            at = number % 4 * size
            arrived_ns = fast_ns - round((late - 1) * BLOCK_S * 1e9)
            ring.write(noise[at : at + size], block, arrived_ns, overrun=False)
            number += 1


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), Order.from_json(sys.argv[3]))
