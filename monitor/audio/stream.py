"""Sound over the network: RTSP cameras and IP microphones, HTTP audio, anything that FFmpeg reads, through PyAV."""

from __future__ import annotations

from typing import Any

import numpy as np

from monitor.audio.address import without_credentials
from monitor.audio.live import OPEN_S, STALL_S, Feed, LiveSource
from monitor.errors import DeviceError


def stream_source(url: str, channels: int) -> LiveSource:
    """The source of a network stream.

    Args:
        url: its address.
        channels: how many are needed, counted from the first.
    """
    return LiveSource(f"stream {without_credentials(url)}", channels, lambda feed: _read(url, feed))


def _read(url: str, feed: Feed) -> None:
    """Decode until told to stop.

    Raises:
        DeviceError: PyAV is not installed, the stream cannot be opened or has failed, or it has no sound.
    """
    try:
        import av  # noqa: PLC0415  an optional dependency, and slow to load
        from av.audio.resampler import AudioResampler  # noqa: PLC0415
    except ImportError:
        raise DeviceError("streams need PyAV: `pip install factory-sound-monitor[stream]`") from None
    # Over TCP a camera's sound has no holes that nobody is told of; UDP loses packets silently.
    options = {"rtsp_transport": "tcp"} if url.startswith("rtsp") else {}
    try:
        with av.open(url, options=options, timeout=(OPEN_S, STALL_S)) as container:
            if not container.streams.audio:
                raise DeviceError("has no sound")
            resampler = AudioResampler(format="fltp")
            sound = container.streams.audio[0]
            for packet in container.demux():  # of every stream: a camera whose sound has died goes on sending pictures
                if feed.stop.is_set():
                    return
                if packet.stream.index != sound.index:
                    continue
                for frame in sound.decode(packet):
                    for plain in resampler.resample(frame):
                        feed.put(_samples(plain), int(plain.sample_rate))
    except OSError as error:  # FFmpeg's errors are among them; their own text holds the address with its password
        raise DeviceError(f"cannot be read ({error.strerror or type(error).__name__})") from None


def _samples(frame: Any) -> np.ndarray[Any, np.dtype[np.float32]]:  # noqa: ANN401  a frame of planar floats
    return np.ascontiguousarray(frame.to_ndarray().T, dtype=np.float32)
