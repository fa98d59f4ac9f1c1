"""Bring the blocks of a source to the model's rate with soxr, as one continuous stream however they are cut."""

from __future__ import annotations

import numpy as np
import soxr

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.stretch import follow

QUALITY = "HQ"
"""soxr's 20-bit setting: passband flat to 0.01 dB, what would alias is down by more than 120 dB, and 60 times
cheaper than the spectrogram that follows."""


class StreamResampler:
    """Blocks of any one rate in, blocks at ``MODEL_RATE_HZ`` out, all channels alike.

    The filter holds back some milliseconds of audio until more comes; the end of a stretch (a gap, or `flush`) brings
    them out. Times are counted from the stretch's first sample, so they do not drift.
    """

    def __init__(self) -> None:
        self._stream: soxr.ResampleStream | None = None
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
        self._stream = (
            None
            if same
            else soxr.ResampleStream(block.rate_hz, MODEL_RATE_HZ, self._channels, dtype="float32", quality=QUALITY)
        )

    def _convert(self, samples: Samples, *, last: bool) -> Samples:
        if self._stream is None:
            return samples
        converted: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples), last=last)
        return converted.reshape(-1, self._channels)

    def _give(self, samples: Samples) -> tuple[AudioBlock, ...]:
        if samples.shape[0] == 0:
            return ()
        start_s = self._origin_s + self._frames_out / MODEL_RATE_HZ
        block = AudioBlock(samples, MODEL_RATE_HZ, start_s, gap=self._begins)
        self._begins = False
        self._frames_out += block.frames
        return (block,)
