"""The challenge's own baseline, written anew: an autoencoder of log-mel frames, by error and by Mahalanobis distance.

`python tests/bench/baseline.py [DATA_DIR] [--machines ToyCar1,ToyCar2] [--seed 13711] [--beside results.json ...]`

After the description of the DCASE 2023 to 2025 Task 2 baseline (N. Harada et al., "First-shot anomaly detection for
machine condition monitoring: a domain generalization baseline", EUSIPCO 2023): 128 mel bands, frames of 1024 samples
every 512, 5 frames in a vector, 640-128-128-128-128-8-128-128-128-128-640, Adam, 100 epochs of batches of 256. The same
figures as `monitor evaluate`; `--beside` sets its results.json next to them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor, nn

from monitor.audio.recording import read_recording
from monitor.audio.source import MODEL_RATE_HZ
from monitor.errors import MonitorError, RecordingError
from monitor.learn.evaluate_figures import FIGURES, Figure, Judged, with_intervals
from monitor.learn.evaluate_layout import Clip, Section, read_layout

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "dcase"
"""Looked at when no folder is named, so that `make bench` runs through where there is no data."""

MELS, N_FFT, HOP, FRAMES = 128, 1024, 512, 5
WIDTH, BOTTLENECK = 128, 8
BATCH, EPOCHS, RATE = 256, 100, 1e-3
HELD_OUT = 0.1
"""Share of the vectors that are not trained on; the challenge's code only watches them."""
DECISION = 0.9
"""The threshold is this quantile of a gamma law fitted to the training's batches: 10 % false alarms are meant."""
SEED = 13711
"""The challenge's."""

Scores: TypeAlias = NDArray[np.float64]


def slaney_mel(hertz: Tensor) -> Tensor:
    """Slaney's mel scale, librosa's default: linear to 1000 Hz (mel 15), then 27 steps to every factor of 6.4."""
    return torch.where(hertz < 1000, hertz * 3 / 200, 15 + 27 * (hertz.clamp_min(1e-9) / 1000).log() / math.log(6.4))


def slaney_hertz(mel: Tensor) -> Tensor:
    """The inverse of `slaney_mel`."""
    return torch.where(mel < 15, mel * 200 / 3, 1000 * ((mel - 15) * math.log(6.4) / 27).exp())


def mel_filters(bands: int = MELS, n_fft: int = N_FFT, rate_hz: float = MODEL_RATE_HZ) -> Tensor:
    """Triangles of equal area between equally spaced mels, 0 Hz to half the rate: [bands, bins], double precision."""
    top = slaney_mel(torch.tensor(rate_hz / 2, dtype=torch.float64))
    edges = slaney_hertz(torch.linspace(0, float(top), bands + 2, dtype=torch.float64))[:, None]
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[None] * rate_hz / n_fft
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return torch.minimum(rise, fall).clamp_min(0) * 2 / (edges[2:] - edges[:-2])


def vectors(samples: NDArray[np.float32], filters: Tensor) -> Tensor:
    """Log-mel frames of one clip, FRAMES stacked, in the filters' precision: [n] -> [V, FRAMES * MELS], decibels."""
    frames = torch.stft(
        torch.from_numpy(np.ascontiguousarray(samples)).to(filters.dtype),
        N_FFT,
        HOP,
        window=torch.hann_window(N_FFT, dtype=filters.dtype),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    power = filters @ frames.abs().square()
    log_mel = 10 * power.clamp_min(sys.float_info.epsilon).log10()
    return log_mel.T.unfold(0, FRAMES, 1).transpose(1, 2).reshape(-1, FRAMES * MELS).float()


def vectors_by_librosa(samples: NDArray[np.float32]) -> Tensor:
    """The same with the library that the challenge's own code takes, and by its steps; librosa must be there."""
    import librosa

    mel = librosa.feature.melspectrogram(
        y=samples, sr=MODEL_RATE_HZ, n_fft=N_FFT, hop_length=HOP, n_mels=MELS, power=2.0
    )
    log_mel = 10 * np.log10(np.maximum(mel, sys.float_info.epsilon))
    count = log_mel.shape[1] - FRAMES + 1
    stacked = np.zeros((count, FRAMES * MELS))
    for frame in range(FRAMES):
        stacked[:, frame * MELS : (frame + 1) * MELS] = log_mel[:, frame : frame + count].T
    return torch.from_numpy(stacked).float()


def network() -> nn.Sequential:
    """The autoencoder."""
    sizes = [FRAMES * MELS, *[WIDTH] * 4, BOTTLENECK, *[WIDTH] * 4]
    layers: list[nn.Module] = []
    for size, following in itertools.pairwise(sizes):
        layers += [nn.Linear(size, following), nn.BatchNorm1d(following, momentum=0.01, eps=1e-3), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], sizes[0]))


@dataclass(frozen=True, slots=True)
class Baseline:
    """A trained baseline, and the laws that its thresholds come from."""

    model: nn.Sequential
    precisions: tuple[Tensor, ...]
    """Inverse covariances of the residual, [MELS, MELS] each: of the source domain, and of the target where there is
    one; the nearer one counts ("selective")."""
    thresholds: Mapping[str, float]
    """By mode."""


def train(by_domain: Mapping[str, Tensor], epochs: int = EPOCHS, seed: int = SEED) -> Baseline:
    """Train on the vectors of each domain, [V, FRAMES * MELS]."""
    torch.manual_seed(seed)
    every = torch.cat(list(by_domain.values()))
    domains = torch.cat([torch.full((len(each),), i) for i, each in enumerate(by_domain.values())])
    order = torch.randperm(len(every))
    chosen = order[: len(every) - round(HELD_OUT * len(every))]
    model = network()
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    losses: list[float] = []
    for _ in range(epochs):
        model.train()
        losses = []
        for batch in _batches(chosen):
            loss = nn.functional.mse_loss(model(every[batch]), every[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(loss.item())
    model.eval()
    with torch.inference_mode():
        precisions = tuple(
            _precision(model, [every[batch[domains[batch] == i]] for batch in _batches(chosen)])
            for i in range(len(by_domain))
        )
        distances = [_distance(model, precisions, every[batch]) for batch in _batches(chosen)]
    return Baseline(model, precisions, {"MSE": _threshold(losses), "Mahalanobis": _threshold(distances)})


def _batches(places: Tensor) -> Iterator[Tensor]:
    """The places in a new random order, BATCH at a time; a single one left over would break batch normalisation."""
    shuffled = places[torch.randperm(len(places))]
    return (batch for batch in torch.split(shuffled, BATCH) if len(batch) > 1)


def _precision(model: nn.Sequential, batches: Sequence[Tensor]) -> Tensor:
    """Of the residuals, each batch about its own mean, the frames of a vector one by one, as the challenge's code."""
    total = torch.zeros(MELS, MELS, dtype=torch.float64)
    count = 0
    for batch in batches:
        if len(batch):
            residual = (batch - model(batch)).reshape(-1, MELS).double()
            residual = residual - residual.mean(dim=0)
            total += residual.T @ residual
            count += len(batch)
    precision: Tensor = torch.linalg.inv(total / (count - 1))
    return precision


def _distance(model: nn.Sequential, precisions: Sequence[Tensor], clip: Tensor) -> float:
    """Mahalanobis distance of the clip's mean residual.

    The challenge's code averages r_i' P r_j over all pairs of frames, not r_i' P r_i over the frames: the same number.
    """
    mean = (clip - model(clip)).reshape(-1, MELS).double().mean(dim=0)
    return min(float(mean @ precision @ mean) for precision in precisions)


def _threshold(values: Sequence[float]) -> float:
    return float(stats.gamma.ppf(DECISION, *stats.gamma.fit(values)))


@torch.inference_mode()
def score(baseline: Baseline, clip: Tensor) -> dict[str, float]:
    """The anomaly score of one clip's vectors in each mode."""
    error = nn.functional.mse_loss(baseline.model(clip), clip)
    return {"MSE": float(error), "Mahalanobis": _distance(baseline.model, baseline.precisions, clip)}


def evaluate(section: Section, epochs: int, seed: int) -> dict[str, dict[str, Figure]]:
    """The figures of one section, by mode."""
    filters = mel_filters()
    heard = {clip: vectors(_samples(clip), filters) for clip in section.train}
    by_domain = {
        domain: torch.cat(clips)
        for domain in ("source", "target")
        if (clips := [each for clip, each in heard.items() if (clip.domain or "source") == domain])
    }
    baseline = train(by_domain, epochs, seed)
    known = [clip for clip in section.test if clip.label]
    said = [score(baseline, vectors(_samples(clip), filters)) for clip in known]
    found: dict[str, dict[str, Figure]] = {}
    for mode, threshold in baseline.thresholds.items():
        scores: Scores = np.array([each[mode] for each in said])
        judged = Judged(
            scores=scores,
            anomalous=np.array([clip.label == "anomaly" for clip in known]),
            target=np.array([clip.domain == "target" for clip in known]),
            alarms=scores > threshold,
        )
        found[mode] = with_intervals(judged, 0)
    return found


def _samples(clip: Clip) -> NDArray[np.float32]:
    return read_recording(clip.path)[:, 0]


def beside(paths: Sequence[Path]) -> Iterator[tuple[str, str, dict[str, Figure]]]:
    """What `monitor evaluate` wrote: system, section and figures."""
    for path in paths:
        found = json.loads(path.read_text(encoding="utf-8"))
        for each in found["sections"]:
            numbers = {
                name: Figure(*(math.nan if figure[key] is None else figure[key] for key in ("value", "low", "high")))
                for name, figure in each["figures"].items()
            }
            yield f"monitor, {found['preset']['name']}", f"{each['machine']}_section_{each['section']}", numbers


def row(system: str, section: str, figures: Mapping[str, Figure]) -> str:
    """A line of the Markdown table."""
    cells = [
        "-"
        if math.isnan(figure.value)
        else f"{figure.value:.3f}" + ("" if math.isnan(figure.low) else f" [{figure.low:.3f}, {figure.high:.3f}]")
        for figure in (figures[name] for name in FIGURES)
    ]
    return f"| {' | '.join([section, system, *cells])} |"


def main() -> int:
    parser = argparse.ArgumentParser(description="The challenge's baseline, measured as monitor evaluate measures.")
    parser.add_argument("data_dir", type=Path, nargs="?", default=DATA, help="as of monitor evaluate")
    parser.add_argument("--machines", default="", help="only these, separated by commas")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--beside", type=Path, nargs="*", default=[], help="results.json of monitor evaluate")
    options = parser.parse_args()
    if options.data_dir == DATA and not DATA.is_dir():
        print(f"no data set in {DATA}: nothing to measure; name one")
        return 0
    try:
        layout = read_layout(options.data_dir, [name for name in options.machines.split(",") if name])
        print(f"| section | system | {' | '.join(FIGURES)} |")
        print("|---" * (len(FIGURES) + 2) + "|")
        for section in layout.sections:
            for mode, figures in evaluate(section, options.epochs, options.seed).items():
                print(row(f"challenge baseline, {mode}", section.id, figures), flush=True)
            for system, name, figures in beside(options.beside):
                if name == section.id:
                    print(row(system, name, figures), flush=True)
    except (MonitorError, RecordingError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
