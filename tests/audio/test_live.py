"""Network streams and standard input: sample for sample, without waiting, and told when they fail."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from monitor.audio.address import without_credentials
from monitor.audio.block import AudioBlock, Samples
from monitor.audio.live import LiveSource
from monitor.audio.pcm import FORMATS, PcmFormat, pcm_source
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.stream import stream_source
from monitor.config.source import PCM_FORMATS
from monitor.errors import DeviceError
from tests.sound_server import http_server, rtsp_server

SECRET = "s3cret"


def noise(seconds: float, channels: int = 1, rate_hz: int = MODEL_RATE_HZ) -> Samples:
    values = np.random.default_rng(3).integers(-9000, 9000, (round(seconds * rate_hz), channels))
    return (values / 32_768).astype(np.float32)


def hear(source: LiveSource, limit_s: float = 30.0) -> tuple[list[AudioBlock], str]:
    """Everything until it fails, and why it does; no read may wait."""
    blocks: list[AudioBlock] = []
    end_s = time.monotonic() + limit_s
    source.open(0.0)
    while time.monotonic() < end_s:
        begun_s = time.monotonic()
        try:
            blocks += source.read(0.0)
        except DeviceError as error:
            source.close()
            return blocks, str(error)
        assert time.monotonic() - begun_s < 1.0
        time.sleep(0.01)
    pytest.fail("it neither ended nor failed")


def joined(blocks: list[AudioBlock]) -> Samples:
    return np.concatenate([block.samples for block in blocks])


def test_an_http_stream_is_heard_sample_for_sample_and_dated_now(tmp_path: Path) -> None:
    sound = noise(3)
    soundfile.write(tmp_path / "sound.wav", sound, MODEL_RATE_HZ)
    with http_server(tmp_path) as port:
        blocks, reason = hear(stream_source(f"http://127.0.0.1:{port}/sound.wav", 1))
    np.testing.assert_array_equal(joined(blocks), sound)
    assert [block.gap for block in blocks] == [True, *[False] * (len(blocks) - 1)]
    assert abs(blocks[-1].end_s - time.time()) < 10
    assert reason.endswith("has ended")


def test_a_compressed_stereo_stream_at_another_rate_comes_at_the_models_rate(tmp_path: Path) -> None:
    time_s = np.arange(3 * 48_000) / 48_000
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time_s)
    soundfile.write(tmp_path / "sound.ogg", np.stack([0 * tone, tone], axis=1), 48_000)
    with http_server(tmp_path) as port:
        blocks, _ = hear(stream_source(f"http://127.0.0.1:{port}/sound.ogg", 2))
    heard = joined(blocks)
    assert len(heard) == pytest.approx(3 * MODEL_RATE_HZ, rel=0.02)
    middle = heard[MODEL_RATE_HZ : 2 * MODEL_RATE_HZ]
    assert np.abs(middle[:, 0]).max() < 0.02
    assert np.sqrt(np.mean(middle[:, 1] ** 2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.02)


def test_an_rtsp_stream_is_heard_sample_for_sample() -> None:
    sound = noise(2)[:, 0]
    with rtsp_server(sound) as port:
        blocks, reason = hear(stream_source(f"rtsp://user:{SECRET}@127.0.0.1:{port}/plant", 1))
    heard = joined(blocks)[:, 0]
    assert len(heard) >= 0.95 * len(sound)  # a listener that was cut off may lose the last packets
    np.testing.assert_allclose(heard, sound[: len(heard)], atol=2 / 32_768)
    assert SECRET not in reason


@pytest.mark.parametrize("path", ["nothing.wav", "text.wav"])
def test_what_cannot_be_read_says_so_without_its_password(path: str, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound")
    with http_server(tmp_path) as port:
        blocks, reason = hear(stream_source(f"http://user:{SECRET}@127.0.0.1:{port}/{path}?key={SECRET}", 1))
    assert not blocks
    assert reason.startswith(f"stream http://127.0.0.1:{port}/{path}: cannot be read (")
    assert SECRET not in reason


def test_a_refused_connection_is_a_fault_of_the_device() -> None:
    _, reason = hear(stream_source(f"http://user:{SECRET}@127.0.0.1:9/x", 1))
    assert reason == "stream http://127.0.0.1:9/x: cannot be read (Connection refused)"


def test_a_server_that_says_nothing_keeps_nobody_waiting_and_is_let_go(tmp_path: Path) -> None:
    with http_server(tmp_path) as port:
        source = stream_source(f"http://127.0.0.1:{port}/silent", 1)
        before = threading.active_count()
        source.open(0.0)
        begun_s = time.monotonic()
        for _ in range(20):
            assert source.read(0.0) == []
        source.close()
        assert time.monotonic() - begun_s < 2.0
        assert source.read(0.0) == ()
    assert threading.active_count() <= before + 1  # ends by itself once its read does


def test_a_channel_that_a_stream_lacks_is_named(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "sound.wav", noise(1), MODEL_RATE_HZ)
    with http_server(tmp_path) as port:
        _, reason = hear(stream_source(f"http://127.0.0.1:{port}/sound.wav", 2))
    assert "channel 2 is needed, but there are 1 channels" in reason


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("s16le", lambda sound: np.round(sound * 32_768).astype("<i2")),
        ("s32le", lambda sound: np.round(sound * 2.0**31).astype("<i4")),
        ("f32le", lambda sound: sound.astype("<f4")),
    ],
)
def test_raw_samples_are_heard_whatever_pieces_they_come_in(name: str, encode: Callable[[Samples], object]) -> None:
    sound = noise(1.5, channels=2)
    data = np.asarray(encode(sound)).tobytes()
    reader, writer = os.pipe()

    def write() -> None:
        with os.fdopen(writer, "wb", buffering=0) as pipe:
            for first in range(0, len(data), 1777):  # no whole number of samples
                pipe.write(data[first : first + 1777])

    threading.Thread(target=write, daemon=True).start()
    blocks, reason = hear(pcm_source(PcmFormat(MODEL_RATE_HZ, 2, name), 2, reader))
    os.close(reader)
    np.testing.assert_array_equal(joined(blocks), sound)
    assert reason == "standard input: has ended"


def test_after_a_stall_in_the_middle_of_a_sample_raw_samples_are_not_read_shifted() -> None:
    sound = noise(0.5, channels=2)
    data = np.round(sound * 32_768).astype("<i2").tobytes()
    reader, writer = os.pipe()
    source = pcm_source(PcmFormat(MODEL_RATE_HZ, 2, "s16le"), 2, reader)
    blocks = []
    for part in (data[:4001], data[4001:]):
        source.open(0.0)
        os.write(writer, part)
        whole = len(part) // 4  # samples per channel
        blocks.append(_heard(source, whole))
        source.close()
        _wait_until_let_go("standard input")
    os.close(writer)
    os.close(reader)
    np.testing.assert_array_equal(np.concatenate(blocks), sound)


def test_a_stream_that_goes_on_with_pictures_only_is_let_go(tmp_path: Path) -> None:
    pipe = tmp_path / "camera"
    os.mkfifo(pipe)
    gone = threading.Event()
    camera = threading.Thread(target=_film, args=(pipe, gone), daemon=True)
    camera.start()
    source = stream_source(str(pipe), 1)
    source.open(0.0)
    _heard(source, MODEL_RATE_HZ)  # all that there is
    source.close()
    try:
        _wait_until_let_go("stream")
    finally:
        gone.set()
        camera.join(10.0)


def _heard(source: LiveSource, samples: int, limit_s: float = 30.0) -> Samples:
    """What an open source brings, at least so many samples."""
    blocks: list[AudioBlock] = []
    end_s = time.monotonic() + limit_s
    while sum(block.frames for block in blocks) < samples:
        assert time.monotonic() < end_s, "it brings too little"
        blocks += source.read(0.0)
        time.sleep(0.01)
    return joined(blocks)


def _wait_until_let_go(name: str, limit_s: float = 10.0) -> None:
    end_s = time.monotonic() + limit_s
    while any(thread.name.startswith(f"reads {name}") for thread in threading.enumerate()):
        assert time.monotonic() < end_s, "its thread lives on"
        time.sleep(0.01)


def _film(pipe: Path, gone: threading.Event) -> None:
    """A camera whose sound breaks off after a second, and whose pictures go on until nobody looks."""
    over = suppress(OSError, av.FFmpegError)
    with over, pipe.open("wb", buffering=0) as file, av.open(file, "w", format="matroska") as container:
        pictures = container.add_stream("mjpeg", rate=25)
        pictures.width, pictures.height, pictures.pix_fmt = 32, 32, "yuvj420p"
        sound = container.add_stream("pcm_s16le", rate=MODEL_RATE_HZ, layout="mono")
        for number in itertools.count():
            if gone.wait(0.002):
                return
            if number < 25:
                samples = np.zeros((1, MODEL_RATE_HZ // 25), np.int16)
                heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                heard.sample_rate, heard.pts = MODEL_RATE_HZ, number * samples.size
                container.mux(sound.encode(heard))
            picture = av.VideoFrame(32, 32, "yuvj420p")
            picture.pts = number
            container.mux(pictures.encode(picture))


def test_a_stream_that_is_far_ahead_of_time_is_slowed_down_and_loses_nothing(tmp_path: Path) -> None:
    sound = noise(7)
    soundfile.write(tmp_path / "sound.wav", sound, MODEL_RATE_HZ)
    with http_server(tmp_path) as port:
        begun_s = time.monotonic()
        blocks, _ = hear(stream_source(f"http://127.0.0.1:{port}/sound.wav", 1))
    assert time.monotonic() - begun_s > 1.8  # seven seconds, of which five come at once
    np.testing.assert_array_equal(joined(blocks), sound)


def test_what_the_configuration_allows_is_what_can_be_read() -> None:
    assert tuple(FORMATS) == PCM_FORMATS


def test_an_address_is_printed_without_user_password_and_query() -> None:
    assert without_credentials("rtsp://u:p@cam/a?key=1") == "rtsp://cam/a"
    assert without_credentials("http://cam:8000/a@b") == "http://cam:8000/a@b"
