"""Bring sound of any rate to the model's, flat up to the last band that is looked at, alike however it is cut.

soxr's passband ends at 0.91 of half the lower rate: alone it would take 16 dB off 7750 Hz, and a model learnt from
files of 16 kHz would alarm at a microphone of 48 kHz. So soxr goes to twice the model's rate, and a half-band filter
takes the last step.
"""

from __future__ import annotations

import numpy as np
import soxr

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.stretch import follow

QUALITY = "HQ"
"""soxr's 20-bit setting: passband flat to 0.01 dB, what would alias is down by more than 120 dB."""

TWICE_HZ = 2 * MODEL_RATE_HZ
"""Where soxr stops: flat up to 14.6 kHz, or 0.91 of half a source's rate if that is less."""

REACH = 415
"""Samples at TWICE_HZ that the half-band filter sees to either side, 13 ms: Kaiser's formula for 100 dB over 250 Hz,
flat to 7875 Hz and -100 dB from 8125 Hz on. The network looks at every bin: half as long a filter moved the score of
normal sound by up to 2.3 where the threshold is 5.7, this one by 0.7. Odd, or the outermost coefficients are zeros."""

SIDES = (
    0.5 * np.sinc(np.arange(-REACH, REACH + 1, 2) / 2) * np.kaiser(2 * REACH + 1, 0.1102 * (100 - 8.7))[::2]
).astype(np.float32)
"""Every second coefficient, [REACH + 1]: of a half-band filter all others are 0, but for the middle one, 0.5.
Kaiser, "Nonrecursive digital filter design using the I0-sinh window function", 1974."""


def to_model_rate(samples: Samples, rate_hz: float) -> Samples:
    """The whole of a sound, [n, channels] at ``rate_hz`` (greater than 0), at ``MODEL_RATE_HZ``: [m, channels].

    The same as `StreamResampler` makes of it.
    """
    return samples if rate_hz == MODEL_RATE_HZ else _Converter(rate_hz, samples.shape[1]).convert(samples, last=True)


class StreamResampler:
    """Blocks of any one rate in, blocks at ``MODEL_RATE_HZ`` out, all channels alike.

    The filter holds back some milliseconds of audio until more comes; the end of a stretch (a gap, or `flush`) brings
    them out. Times are counted from the stretch's first sample, so they do not drift.
    """

    def __init__(self) -> None:
        self._converter: _Converter | None = None
        self._rate_hz = 0
        self._channels = 0
        self._origin_s = 0.0
        self._frames_in = 0
        self._frames_out = 0
        self._begins = False

    def push(self, block: AudioBlock) -> tuple[AudioBlock, ...]:
        """Take one block in; give what is ready, oldest first: what ended before a gap, then what follows it."""
        done: tuple[AudioBlock, ...] = ()
        if block.gap or self._rate_hz != block.rate_hz or self._channels != block.samples.shape[1]:
            done = self.flush()
            self._begin(block)
        self._origin_s = follow(self._origin_s, self._frames_in, self._rate_hz, block.start_s)
        self._frames_in += block.frames
        return done + self._give(self._convert(block.samples, last=False))

    def flush(self) -> tuple[AudioBlock, ...]:
        """End the stretch: give what the filter still holds; the next block begins a new stretch."""
        if self._rate_hz == 0:
            return ()
        rest = self._give(self._convert(np.zeros((0, self._channels), np.float32), last=True))
        self._rate_hz = 0
        return rest

    def _begin(self, block: AudioBlock) -> None:
        self._rate_hz = block.rate_hz
        self._channels = block.samples.shape[1]
        self._origin_s = block.start_s
        self._frames_in = self._frames_out = 0
        self._begins = True
        same = block.rate_hz == MODEL_RATE_HZ
        self._converter = None if same else _Converter(block.rate_hz, self._channels)

    def _convert(self, samples: Samples, *, last: bool) -> Samples:
        return samples if self._converter is None else self._converter.convert(samples, last=last)

    def _give(self, samples: Samples) -> tuple[AudioBlock, ...]:
        if samples.shape[0] == 0:
            return ()
        start_s = self._origin_s + self._frames_out / MODEL_RATE_HZ
        block = AudioBlock(samples, MODEL_RATE_HZ, start_s, gap=self._begins)
        self._begins = False
        self._frames_out += block.frames
        return (block,)


class _Converter:
    """One stretch of sound of another rate, piece by piece; the last piece brings out what the filters hold."""

    def __init__(self, rate_hz: float, channels: int) -> None:
        self._doubled = soxr.ResampleStream(rate_hz, TWICE_HZ, channels, dtype="float32", quality=QUALITY)
        self._silence = np.zeros((REACH, channels), np.float32)
        self._held = self._silence  # before the first sample

    def convert(self, samples: Samples, *, last: bool) -> Samples:
        doubled = self._doubled.resample_chunk(np.ascontiguousarray(samples), last=last).reshape(-1, samples.shape[1])
        held = np.concatenate([self._held, doubled, *([self._silence] if last else [])])
        ready = max(0, (len(held) - 2 * REACH + 1) // 2)
        self._held = held[2 * ready :]
        return _halved(held, ready)


def _halved(doubled: Samples, count: int) -> Samples:
    """Every second sample of [n, channels] from the REACH-th on, ``count`` of them, without what lies above."""
    if count == 0:
        return doubled[:0]
    around = doubled[: 2 * (count + REACH) : 2]
    halved: Samples = np.float32(0.5) * doubled[REACH::2][:count]
    for channel in range(doubled.shape[1]):
        halved[:, channel] += np.convolve(around[:, channel], SIDES, mode="valid")
    return halved
