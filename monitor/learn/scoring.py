"""Score sound with a stored model: from Python (`load_model`) and for `monitor score` (`score_recordings`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from monitor.audio.block import Samples
from monitor.audio.resample import to_model_rate
from monitor.audio.source import MODEL_RATE_HZ
from monitor.audio.windows import Window
from monitor.detect.calibration import Calibration
from monitor.detect.verdict import judge
from monitor.errors import ArtifactError, RecordingError
from monitor.learn.dataset import read, windows
from monitor.memcae import artifact
from monitor.memcae.fleet import Fleet
from monitor.memcae.model import LEAST_SECONDS, MachineModel
from monitor.memcae.score import Band

BATCH = 16
"""Windows cut and scored at a time, so that hours of sound take no more memory than minutes."""


@dataclass(frozen=True, slots=True)
class ScoredWindow:
    """What the model says of one window of sound."""

    start_s: float
    """Seconds from the beginning of the sound."""
    end_s: float
    value: float
    """The fused score; greater is more anomalous; NaN when the sound is not finite."""
    threshold: float | None
    """What the value is held against; None without a calibration."""
    verdict: str
    """`normal`, `warning`, `alarm`, `uncalibrated` or `invalid`."""
    views: Mapping[str, float]
    """Each view's value."""
    bands: tuple[Band, ...]
    """Frequency bands that stand out, the strongest first; may be empty."""


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A scored window of a recording."""

    recording: Path
    window: ScoredWindow


class SoundModel:
    """A machine's stored model with its calibration; made by `load_model`.

    Args:
        model: the model.
        calibration: None leaves every verdict at `uncalibrated`.
        hop_s: from one window to the next unless `score` is told otherwise, seconds.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.
    """

    def __init__(
        self, model: MachineModel, calibration: Calibration | None, hop_s: float, device: str = "auto"
    ) -> None:
        self.machine = model.machine
        self.version = model.version
        self.window_s = model.window_s
        self.hop_s = hop_s
        self.calibration = calibration
        self._fleet = Fleet({model.machine: model}, device)

    def score(self, samples: ArrayLike, rate_hz: float, hop_s: float | None = None) -> list[ScoredWindow]:
        """The windows of a sound, scored in order.

        Args:
            samples: [n], one channel, full scale +-1; at least LEAST_SECONDS. Shorter than a window is one window.
            rate_hz: samples per second; other rates than the model's are resampled.
            hop_s: from one window to the next, seconds; default: as in training.

        Raises:
            ValueError: not one channel, too short, or a rate that is not positive.
        """
        sound = _at_model_rate(samples, rate_hz)
        hop_s = self.hop_s if hop_s is None else hop_s
        cut = windows(sound, self.window_s, hop_s)
        starts = [place * hop_s for place in range(len(cut))]
        scored: list[ScoredWindow] = []
        for first in range(0, len(cut), BATCH):
            batch = slice(first, first + BATCH)
            scored += self._score(
                [
                    Window(self.machine, at, MODEL_RATE_HZ, 0, each)
                    for at, each in zip(starts[batch], cut[batch], strict=True)
                ]
            )
        return scored

    def _score(self, batch: list[Window]) -> list[ScoredWindow]:
        levels = None if self.calibration is None else self.calibration.levels
        verdicts = [judge(score, levels) for score in self._fleet.score(batch)]
        return [
            ScoredWindow(
                start_s=verdict.score.start_s,
                end_s=verdict.score.end_s,
                value=verdict.score.value,
                threshold=verdict.threshold,
                verdict=verdict.state.value,
                views=verdict.score.views,
                bands=verdict.score.bands,
            )
            for verdict in verdicts
        ]


def load_model(state_dir: Path | str, machine: str, version: str | None = None, *, device: str = "auto") -> SoundModel:
    """The stored model of ``machine`` with its calibration.

    Args:
        state_dir: where the program keeps its models (`state_dir` of the configuration).
        machine: the machine's id.
        version: default: the one in service.
        device: `auto`, `cpu`, `cuda`, `cuda:1`.

    Raises:
        ArtifactError: there is no model, or its files are cut off, altered, or of another format.
        DeviceError: there is no such device.
    """
    root = Path(state_dir)
    model = artifact.load_model(root, machine, version)
    stored = artifact.load_calibration(root, machine, model.version)
    try:
        calibration = None if stored is None else Calibration.from_dict(stored)
    except ValueError as error:
        folder = root / "models" / machine / model.version
        raise ArtifactError(f"{folder / artifact.CALIBRATION_FILE}: {error}") from error
    hop_s = model.window_s if calibration is None else calibration.hop_s
    return SoundModel(model, calibration, hop_s, device)


def score_recordings(
    model: SoundModel,
    recordings: Iterable[Path],
    *,
    hop_s: float | None = None,
    channel: int = 0,
    skipped: Callable[[str], None],
) -> Iterator[RecordingRow]:
    """The scored windows of each recording, in order; a recording shorter than a window is scored whole.

    Args:
        model: what scores.
        recordings: files.
        hop_s: as `SoundModel.score`.
        channel: index of the machine's channel in files of several, from 0.
        skipped: told of each file that cannot be read, in one line.
    """
    for path in recordings:
        try:
            sound = read(path, channel)
        except RecordingError as error:
            skipped(str(error))
            continue
        for window in model.score(sound.samples, MODEL_RATE_HZ, hop_s):
            yield RecordingRow(path, window)


def _at_model_rate(samples: ArrayLike, rate_hz: float) -> Samples:
    sound = np.ascontiguousarray(samples, dtype=np.float32)
    if sound.ndim != 1:
        raise ValueError(f"samples: expected one channel, shape [n], found shape {list(sound.shape)}")
    if not rate_hz > 0:
        raise ValueError(f"rate_hz: {rate_hz} is not greater than 0")
    sound = to_model_rate(sound[:, None], rate_hz)[:, 0]
    if len(sound) < LEAST_SECONDS * MODEL_RATE_HZ:
        raise ValueError(f"samples: last {len(sound) / MODEL_RATE_HZ:.2f} s; at least {LEAST_SECONDS:g} s are needed")
    return sound
