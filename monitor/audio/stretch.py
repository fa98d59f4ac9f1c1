"""The time of a sample in a stretch: uninterrupted audio is timed by counting samples, not by its blocks' stamps."""

from __future__ import annotations

STEP_TOLERANCE_S = 0.001
"""A block's stamp this close to the counted time is rounding; beyond it its source has corrected its clock.
A float of POSIX seconds resolves 0.24 microseconds, and the finest hop in use is a hundred times longer."""


def follow(origin_s: float, position: int, rate_hz: int, start_s: float) -> float:
    """Where the stretch begins, given the stamp of a block inside it.

    Counting keeps the times independent of how the audio was cut into blocks; following a corrected stamp keeps
    years of audio at the source's clock (a sound card runs tens of ppm off: seconds in a day).

    Args:
        origin_s: UTC of the first sample of the stretch as known so far, POSIX seconds.
        position: samples of the stretch before the block.
        rate_hz: samples per second.
        start_s: UTC of the block's first sample as stamped by the source, POSIX seconds.

    Returns:
        ``origin_s`` unchanged, or the origin that makes the block begin at ``start_s``.
    """
    counted_s = origin_s + position / rate_hz
    if abs(start_s - counted_s) <= STEP_TOLERANCE_S:
        return origin_s
    return start_s - position / rate_hz
