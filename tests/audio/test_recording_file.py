"""A recording is read whole and right, or named with its reason in one line."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.audio.recording import inspect_recording, read_recording, verify_recording
from monitor.audio.recording_file import read_pieces
from monitor.audio.resample import to_model_rate
from monitor.errors import RecordingError
from tests.audio.sound_files import noise, wav_bytes, write


def empty(folder: Path) -> Path:
    path = folder / "empty.wav"
    path.touch()
    return path


def text(folder: Path) -> Path:
    path = folder / "text.wav"
    path.write_text("machine;date;remark\n" * 20)
    return path


def truncated_wav(folder: Path) -> Path:
    path = folder / "cut.wav"
    path.write_bytes(wav_bytes(b"\1\2" * 1000, promised=4000))
    return path


def truncated_flac(folder: Path) -> Path:
    path = write(folder / "cut.flac", noise(5))
    path.write_bytes(path.read_bytes()[:40_000])
    return path


def cut_in_header(folder: Path) -> Path:
    path = folder / "header.wav"
    path.write_bytes(wav_bytes(b"")[:30])
    return path


def zero_hertz(folder: Path) -> Path:
    path = folder / "zero.wav"
    path.write_bytes(wav_bytes(b"\1\2" * 1000, rate_hz=0))
    return path


def absurd_rate(folder: Path) -> Path:
    path = folder / "absurd.wav"
    path.write_bytes(wav_bytes(b"\1\2" * 1000, rate_hz=100))
    return path


def not_a_number(folder: Path) -> Path:
    samples = noise(3, channels=2)
    samples[40_000, 1] = np.nan
    return write(folder / "nan.wav", samples, subtype="FLOAT")


def infinite(folder: Path) -> Path:
    samples = noise(1)
    samples[8_000] = np.inf
    return write(folder / "inf.wav", samples, subtype="FLOAT")


def no_samples(folder: Path) -> Path:
    path = folder / "none.wav"
    path.write_bytes(wav_bytes(b""))
    return path


def missing(folder: Path) -> Path:
    return folder / "missing.wav"


def a_folder(folder: Path) -> Path:
    path = folder / "folder.wav"
    path.mkdir()
    return path


def headerless(folder: Path) -> Path:
    path = folder / "samples.raw"
    path.write_bytes(b"\1\2" * 1000)
    return path


BAD = [
    (empty, "is empty (0 bytes)"),
    (text, "is not a readable sound file"),
    (truncated_wav, "is cut off: its header promises 4000 bytes of sound, 2000 are there (50%)"),
    (truncated_flac, "is damaged or cut off: readable up to"),
    (cut_in_header, "is not a readable sound file"),
    (zero_hertz, "has a sample rate of 0 Hz; allowed are 8000 to 768000 Hz"),
    (absurd_rate, "has a sample rate of 100 Hz; allowed are 8000 to 768000 Hz"),
    (not_a_number, "holds a sample that is no number (nan) at 2.500 s in channel 2"),
    (infinite, "holds a sample that is no number (inf) at 0.500 s in channel 1"),
    (no_samples, "holds no samples"),
    (missing, "cannot be read (No such file or directory)"),
    (a_folder, "is a folder, not a recording"),
    (headerless, "is not a readable sound file"),
]


@pytest.mark.parametrize("use", [read_recording, verify_recording])
@pytest.mark.parametrize(("make", "reason"), BAD, ids=lambda value: getattr(value, "__name__", None))
def test_a_bad_file_is_named_with_its_reason_in_one_line(
    tmp_path: Path, make: Callable[[Path], Path], reason: str, use: Callable[[Path], object]
) -> None:
    path = make(tmp_path)

    with pytest.raises(RecordingError) as caught:
        use(path)

    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert reason in line
    assert "\n" not in line


def test_a_file_without_read_permission_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "secret.wav", noise(1))
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(RecordingError, match=r"cannot be read \(Permission denied\)"):
            read_recording(path)
    else:
        pytest.skip("this user may read everything")


@pytest.mark.parametrize(
    ("suffix", "subtype"), [("wav", "PCM_16"), ("wav", "FLOAT"), ("flac", "PCM_24"), ("wav", "PCM_U8")]
)
def test_samples_come_back_as_they_were_written(tmp_path: Path, suffix: str, subtype: str) -> None:
    samples = noise(1.5, channels=2)

    out = read_recording(write(tmp_path / f"a.{suffix}", samples, subtype=subtype))

    assert out.shape == samples.shape
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, samples, atol=0.01 if subtype == "PCM_U8" else 1e-4)


def test_three_channels_are_read_and_one_can_be_chosen(tmp_path: Path) -> None:
    samples = noise(1, channels=3)
    path = write(tmp_path / "three.wav", samples, subtype="FLOAT")

    np.testing.assert_array_equal(read_recording(path), samples)
    np.testing.assert_array_equal(read_recording(path, channel=2), samples[:, 2:])
    with pytest.raises(RecordingError, match=r"three\.wav: has 3 channels; there is no channel 4"):
        read_recording(path, channel=3)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_other_rates_are_brought_to_the_models(tmp_path: Path, rate_hz: int) -> None:
    samples = noise(2.3, rate_hz)

    out = read_recording(write(tmp_path / "a.wav", samples, rate_hz, subtype="FLOAT"))

    np.testing.assert_allclose(out, to_model_rate(samples, rate_hz), atol=1e-6)


@pytest.mark.parametrize("promised", [0xFFFFFFFF - 36, 0x7FFFF000])
def test_a_wav_that_was_streamed_without_a_known_length_is_read(tmp_path: Path, promised: int) -> None:
    path = tmp_path / "streamed.wav"
    path.write_bytes(wav_bytes(b"\1\2" * 1000, promised=promised))

    assert read_recording(path).shape == (1000, 1)


def test_an_info_says_length_rate_and_channels(tmp_path: Path) -> None:
    info = inspect_recording(write(tmp_path / "a.flac", noise(2, 48_000, 2), 48_000))

    assert (info.duration_s, info.rate_hz, info.channels) == (2.0, 48_000, 2)


def test_a_long_recording_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 16_000, 1) as file:
        for _ in range(600):
            file.write(np.zeros(16_000, np.float32))  # 38 MB of samples once decoded

    tracemalloc.start()
    frames = sum(piece.shape[0] for piece in read_pieces(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert frames == 600 * 16_000
    assert peak < 2_000_000
