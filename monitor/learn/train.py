"""Train one network on some recordings while others, held out, tell when to stop."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from monitor.errors import TrainingError
from monitor.learn.band_task import move_bands
from monitor.learn.precision import Arithmetic, arithmetic
from monitor.learn.progress import Progress, ProgressCallback
from monitor.learn.spectra import Spectra
from monitor.memcae.memory import entropy
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import Preset, TrainingSpec

CHECKS = 40
"""Looks at the held-out loss in a training, evenly spaced: enough to stop in time, few enough to cost little."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train on, for how long, and in what arithmetic."""

    learn: tuple[int, ...]
    """Recordings to learn from, by their index."""
    held_out: tuple[int, ...]
    """Recordings to stop by; empty trains all ``steps``."""
    steps: int
    """Gradient steps at most."""
    seed: int
    arithmetic: Arithmetic = "float32"
    """Of the gradient steps; statistics and held-out losses are in single precision whatever it is."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A network as it was at its best."""

    network: MemCAE
    steps: int
    """Gradient steps after which it was kept."""
    losses: tuple[tuple[int, float, float], ...]
    """Per check: steps done, training loss since the last check, held-out loss (NaN without held-out recordings)."""
    interrupted: bool
    """Whether Ctrl-C ended the training."""
    arithmetic: Arithmetic
    """Of its gradient steps."""

    @property
    def loss(self) -> float:
        """Held-out loss of what was kept; without held-out recordings the last training loss."""
        held_out = [each for _, _, each in self.losses if not math.isnan(each)]
        return min(held_out) if held_out else self.losses[-1][1]


def steps_for(columns: int, crop: int, preset: Preset) -> int:
    """Gradient steps of a whole training on so many spectrogram columns."""
    training = preset.training
    epoch = max(1, math.ceil(columns / (crop * training.batch)))
    steps = max(math.ceil(training.epochs * epoch), training.least_steps)
    return min(steps, training.most_steps) if training.most_steps else steps


def train(spectra: Spectra, plan: Plan, preset: Preset, device: torch.device, progress: ProgressCallback) -> Trained:
    """Train a fresh network; the same arguments on the same machine give the same network.

    Ctrl-C ends it early with the best so far; before the first check there is none, and it goes on to the caller.

    Raises:
        TrainingError: the loss is not finite.
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
    """
    with _seeded(plan.seed, device):
        network = MemCAE(preset.network, preset.spectrogram.bins).to(device)
        if preset.spectrogram.standardise:
            network.set_statistics(*spectra.statistics(plan.learn))
        run = _Run(spectra, plan, preset, network)
        interrupted = False
        try:
            for done in run.checks():
                _, loss, held_out = run.losses[-1]
                progress(Progress("training", done, plan.steps, loss, None if math.isnan(held_out) else held_out))
        except KeyboardInterrupt:
            if not run.losses:
                raise
            interrupted = True
        return run.best(interrupted=interrupted)


class _Run:
    """One training under way: the network, its optimiser, and the best state so far."""

    def __init__(self, spectra: Spectra, plan: Plan, preset: Preset, network: MemCAE) -> None:
        self.spectra, self.plan, self.training, self.network = spectra, plan, preset.training, network
        self.losses: list[tuple[int, float, float]] = []
        self._random = np.random.default_rng(plan.seed)
        self._optimiser = torch.optim.Adam(network.parameters(), lr=preset.training.learning_rate)
        self._held_out = spectra.held_out(plan.held_out)
        self._kept: dict[str, Tensor] = {}
        self._kept_steps = 0

    def checks(self) -> Iterator[int]:
        """Train; yield the steps done after each check."""
        every = max(1, math.ceil(self.plan.steps / CHECKS))
        for done in range(0, self.plan.steps, every):
            count = min(every, self.plan.steps - done)
            self._check(done + count, self._steps(count))
            yield done + count
            if self._stale():
                return

    def best(self, *, interrupted: bool) -> Trained:
        """The network as it was at its best."""
        self.network.load_state_dict(self._kept)
        return Trained(self.network.eval(), self._kept_steps, tuple(self.losses), interrupted, self.plan.arithmetic)

    def _steps(self, count: int) -> float:
        """Take ``count`` gradient steps; their mean loss."""
        self.network.train()
        total = torch.zeros((), device=self.network.centre.device)
        for _ in range(count):
            crops = self.spectra.draw(self.plan.learn, self.training.batch, self._random)
            with arithmetic(self.plan.arithmetic, crops.device):
                loss = loss_of(self.network, crops, self.training, self._random)
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self._optimiser.step()
            total += loss.detach()
        return float(total) / count

    def _check(self, steps: int, loss: float) -> None:
        if not math.isfinite(loss):
            raise TrainingError(f"training diverged: the loss became {loss} after {steps} steps")
        held_out = held_out_loss(self.network, self._held_out, self.training)
        if math.isnan(held_out) or held_out <= min((each for *_, each in self.losses), default=math.inf):
            self._kept = {name: value.clone() for name, value in self.network.state_dict().items()}
            self._kept_steps = steps
        self.losses.append((steps, loss, held_out))

    def _stale(self) -> bool:
        """Whether the held-out loss has not improved for as many checks as the preset is patient."""
        since = sum(steps > self._kept_steps for steps, *_ in self.losses)
        return bool(self._held_out) and 0 < self.training.patience <= since


def loss_of(network: MemCAE, crops: Tensor, training: TrainingSpec, random: np.random.Generator) -> Tensor:
    """What training makes small, for spectrograms [B, F, T].

    The mean squared error of the reconstruction where there is a decoder (with the addressing entropy where the preset
    asks for it), and the cross-entropy of the head's answers where there is a head.

    With both, the encoder learns from the head alone, and memory and decoder learn to bring back the sound as it was
    before a band was moved: asked with an unusual latent, they must answer with usual sound. (Measured: pulled on by
    the reconstruction as well, the encoder's own view loses up to 2 % pAUC.)
    """
    target = wanted = network.standardise(crops)
    classes = None
    if network.head is not None:
        target, classes = move_bands(target, network.spec.asked_bands, random)
    latent = network.layers(target)[-1]
    loss = torch.zeros((), device=crops.device)
    if classes is not None:
        loss = loss + functional.cross_entropy(network.answers(latent), classes)
        latent = latent.detach()
    if network.decoder is not None:
        reconstruction, weights = network.reconstruct(target, latent)
        loss = loss + functional.mse_loss(reconstruction, wanted)
        if weights is not None and training.entropy_weight:
            loss = loss + training.entropy_weight * entropy(weights)
    return loss


@torch.inference_mode()
def held_out_loss(network: MemCAE, pieces: Sequence[Tensor], training: TrainingSpec) -> float:
    """The loss over spectrograms [F, T] of any length, each weighed by its length; NaN when there are none."""
    network.eval()
    same = np.random.default_rng(0)  # the same questions at every check
    total = sum(float(loss_of(network, piece[None], training, same)) * piece.shape[1] for piece in pieces)
    columns = sum(piece.shape[1] for piece in pieces)
    return total / columns if columns else math.nan


@contextlib.contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's random numbers begin at ``seed`` inside and are as before after."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
