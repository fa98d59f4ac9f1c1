"""Read one recording (WAV, FLAC, whatever libsndfile knows) in pieces, and name what is wrong with it in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.resample import StreamResampler
from monitor.audio.wav_header import read_wav_header
from monitor.counted import counted
from monitor.errors import RecordingError

RATE_RANGE_HZ = (8_000, 768_000)
"""Below 8 kHz most of what a model listens to is missing; 768 kHz is the fastest converter sold."""
PIECE_S = 1.0
"""Seconds decoded at a time: large enough for speed, small enough that a file of days needs no memory."""


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What the header of a readable recording says."""

    path: Path
    rate_hz: int
    channels: int
    frames: int
    """Samples per channel at ``rate_hz``."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames / self.rate_hz


def inspect_recording(path: Path) -> RecordingInfo:
    """Check what can be known without decoding: that the file is sound, complete (WAV) and of a usable rate.

    Raises:
        RecordingError: naming the file and the reason.
    """
    with _opened(path) as file:
        return RecordingInfo(path, file.samplerate, file.channels, file.frames)


def read_pieces(path: Path, channels: int | None = None) -> Iterator[Samples]:
    """Decode a recording in pieces of about a second, at ``MODEL_RATE_HZ``.

    Args:
        path: the file.
        channels: the first so many channels of it; None for all.

    Yields:
        Samples of shape [frames, channels], float32, full scale +-1 (a float file may go beyond).

    Raises:
        RecordingError: naming the file and the reason; also in the midst of it, when the file proves cut off or holds
            samples that are not finite numbers.
    """
    resampler = StreamResampler()
    with _opened(path) as file:
        if channels is not None and file.channels < channels:
            raise RecordingError(f"{path}: has {counted(file.channels, 'channel')}, but {channels} are needed")
        for samples, position in _decoded(path, file):
            block = AudioBlock(samples[:, :channels], file.samplerate, position / file.samplerate, gap=position == 0)
            yield from (ready.samples for ready in resampler.push(block))
        yield from (ready.samples for ready in resampler.flush())


def read_recording(path: Path | str, channel: int | None = None) -> Samples:
    """The whole of a recording at ``MODEL_RATE_HZ``.

    Args:
        path: the file.
        channel: index of the only channel wanted, from 0; None for all.

    Returns:
        Shape [frames, channels] (one channel if ``channel`` is given), float32, full scale +-1.

    Raises:
        RecordingError: naming the file and the reason.
    """
    path = Path(path)
    if channel is None:
        return np.concatenate(list(read_pieces(path)))
    return np.concatenate(list(read_channel(path, channel)))[:, None]


def read_channel(path: Path, channel: int) -> Iterator[Samples]:
    """Decode one channel of a recording in pieces of about a second, at ``MODEL_RATE_HZ``.

    Args:
        path: the file.
        channel: its index, from 0.

    Yields:
        Samples of shape [frames], float32, full scale +-1.

    Raises:
        RecordingError: as `read_pieces`, or when there is no such channel.
    """
    if (present := inspect_recording(path).channels) <= channel:
        raise RecordingError(f"{path}: has {counted(present, 'channel')}; there is no channel {channel + 1} (from 1)")
    for piece in read_pieces(path):
        yield piece[:, channel].copy()  # a copy: the other channels are let go


def verify_recording(path: Path) -> RecordingInfo:
    """Decode a recording from end to end without keeping it, so that nothing wrong with it is left to be found.

    Raises:
        RecordingError: naming the file and the reason.
    """
    with _opened(path) as file:
        for _ in _decoded(path, file):
            pass
        return RecordingInfo(path, file.samplerate, file.channels, file.frames)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    _check_file(path)
    try:
        file = soundfile.SoundFile(path)
    except soundfile.SoundFileError as error:
        raise RecordingError(f"{path}: is not a readable sound file ({_reason(error)})") from None
    except (TypeError, ValueError):  # soundfile guesses headerless formats (.raw) by suffix and then asks for a rate
        raise RecordingError(f"{path}: is not a readable sound file (no header)") from None
    with file:
        _check_rate(path, file.samplerate)
        if file.frames == 0:
            raise RecordingError(f"{path}: holds no samples")
        yield file


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise RecordingError(f"{path}: is a folder, not a recording")
        if path.stat().st_size == 0:
            raise RecordingError(f"{path}: is empty (0 bytes)")
        header = read_wav_header(path)
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read ({error.strerror or error})") from None
    if header is None:
        return
    if header.rate_hz is not None:
        _check_rate(path, header.rate_hz)
    if header.data_bytes is not None and header.present_bytes < header.data_bytes:
        share = header.present_bytes / header.data_bytes
        raise RecordingError(
            f"{path}: is cut off: its header promises {header.data_bytes} bytes of sound, "
            f"{header.present_bytes} are there ({share:.0%})"
        )


def _check_rate(path: Path, rate_hz: int) -> None:
    low, high = RATE_RANGE_HZ
    if not low <= rate_hz <= high:
        raise RecordingError(f"{path}: has a sample rate of {rate_hz} Hz; allowed are {low} to {high} Hz")


def _decoded(path: Path, file: soundfile.SoundFile) -> Iterator[tuple[Samples, int]]:
    """Pieces at the file's own rate, shape [frames, channels], each with its position in frames."""
    position = 0
    promised = file.frames
    while position < promised:
        piece = _decode(path, file, position)
        if piece.shape[0] == 0:
            raise RecordingError(f"{path}: is cut off: {_cut_off(position, promised, file.samplerate)}")
        _check_finite(path, piece, position, file.samplerate)
        yield piece, position
        position += piece.shape[0]


def _decode(path: Path, file: soundfile.SoundFile, position: int) -> Samples:
    try:
        piece: Samples = file.read(int(file.samplerate * PIECE_S), dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        where = _cut_off(position, file.frames, file.samplerate)
        raise RecordingError(f"{path}: is damaged or cut off: {where} ({_reason(error)})") from None
    return piece


def _cut_off(position: int, promised: int, rate_hz: int) -> str:
    return f"readable up to {position / rate_hz:.1f} s of {promised / rate_hz:.1f} s"


def _check_finite(path: Path, piece: Samples, position: int, rate_hz: int) -> None:
    finite = np.isfinite(piece)
    if finite.all():
        return
    frame, channel = np.argwhere(~finite)[0]
    value = piece[frame, channel]
    at_s = (position + int(frame)) / rate_hz
    raise RecordingError(f"{path}: holds a sample that is no number ({value}) at {at_s:.3f} s in channel {channel + 1}")


def _reason(error: Exception) -> str:
    text = getattr(error, "error_string", None) or str(error)
    return str(text).removeprefix("Error : ").rstrip(". ")
