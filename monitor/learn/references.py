"""Scores of normal sound that the model was not fitted on: what a threshold may honestly be set by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monitor.learn.dataset import Recording, windows
from monitor.learn.varied import Varied
from monitor.memcae import explanation, fusion
from monitor.memcae.fusion import Reference
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import Preset
from monitor.memcae.views import VIEWS
from monitor.memcae.views.observation import Observation

BATCH = 8
"""Windows described in one pass: larger is no faster on a CPU and only takes memory."""

MOST_OUTLYING = 8
"""At most one recording in so many is taken for unlike all others (but one in a small set): more are no exception."""

OUTLYING = 10.0
"""A recording is unlike all others when its median lies so many of their robust deviations above theirs. With 8 to 12,
none of 250 choices of 8 from 12 recordings of a fan, set up anew on another day, gave a false or a missed alarm."""


ENOUGH_RECORDINGS = 24
"""From so many recordings on, a network that learnt from all of them finds unseen normal sound no stranger than those.
Measured: with 180 clips the two score alike (AUC .46), with 6 to 8 recordings unseen speeds and days stand out."""


@dataclass(frozen=True, slots=True)
class Described:
    """What the views see of windows."""

    views: Mapping[str, Tensor]
    """[W, d] per view."""
    levels: Tensor
    """[W, K], band levels, decibels."""


@torch.inference_mode()
def describe(
    network: MemCAE, preset: Preset, recording: Recording, window_s: float, hop_s: float, varied: int | None = None
) -> Described:
    """The windows of one recording as the preset's views see them through ``network``, in evaluation mode.

    Args:
        network: trained.
        preset: its views.
        recording: at least a window of it.
        window_s: length of a window.
        hop_s: from one to the next.
        varied: windows that had their turn before, for those to learn from (`monitor.learn.varied`); None is for
            windows as in service.
    """
    cut = windows(recording.samples, window_s, hop_s)
    seen = []
    for first in range(0, len(cut), BATCH):
        batch = torch.from_numpy(cut[first : first + BATCH].copy()).to(network.centre.device)
        if varied is None:
            found = Observation(batch, preset.spectrogram, network)
        else:
            found = Varied(batch, preset, network, varied + first)
        levels = explanation.band_levels(found.quiet_db, found.spec)
        seen.append(Described({name: VIEWS[name].describe(found) for name in preset.views}, levels))
    return join(seen)


def join(parts: Sequence[Described]) -> Described:
    """Several descriptions as one, in order."""
    views = {name: torch.cat([part.views[name] for part in parts]) for name in parts[0].views}
    return Described(views, torch.cat([part.levels for part in parts]))


def fit_views(preset: Preset, described: Sequence[Described]) -> dict[str, Mapping[str, Tensor]]:
    """What every view learns of normal recordings, by the view's name, in single precision."""
    fitted = {name: VIEWS[name].fit([each.views[name].double() for each in described]) for name in preset.views}
    return {name: {key: value.float() for key, value in known.items()} for name, known in fitted.items()}


def held_out_distances(
    preset: Preset,
    rounds: Sequence[tuple[int, ...]],
    learnt: Mapping[int, Described],
    judge: Callable[[int], Described],
) -> dict[int, Tensor]:
    """Every view's distance of held-out recordings from what the views learn of the others.

    Args:
        preset: its views.
        rounds: the recordings, by index, that are held out together.
        learnt: what may be learnt of each recording; those of a round are left out in it.
        judge: what the distances are of; asked once for every recording of every round, since all windows of a day
            would take hundreds of megabytes at once.

    Returns:
        [W, V] of each held-out recording, double precision, on the CPU.
    """
    found: dict[int, Tensor] = {}
    for held_out in rounds:
        known = fit_views(preset, [each for i, each in learnt.items() if i not in held_out])
        found |= {i: distances(preset, known, judge(i)) for i in held_out}
    return found


def distances(preset: Preset, fitted: Mapping[str, Mapping[str, Tensor]], described: Described) -> Tensor:
    """Every view's distance of the described windows: [W, V], double precision, on the CPU."""
    columns = [VIEWS[name].distance(fitted[name], described.views[name]) for name in preset.views]
    return torch.stack(columns, dim=1).double().cpu()


def doubt_network(preset: Preset, known: Reference, recordings: int) -> Reference:
    """The reference with the spread of what looks through the network widened, where it learnt from few recordings.

    The network saw even those that the views' statistics left out, so that its distances on them are too small.
    """
    doubt = max(1.0, ENOUGH_RECORDINGS / recordings)
    factors = torch.tensor([doubt if VIEWS[name].network else 1.0 for name in preset.views])
    return Reference(known.location, known.spread * factors.to(known.spread))


def fused(preset: Preset, found: Tensor, known: Reference) -> NDArray[np.float64]:
    """The scores of distances [W, V]: [W]."""
    comparable = found if preset.fusion == "plain" else fusion.values(found, known)
    roles = [VIEWS[name].role for name in preset.views]
    return np.asarray(fusion.fuse(comparable, roles, preset.fusion).numpy(), dtype=np.float64)


def temper(scores: Sequence[NDArray[np.float64]]) -> tuple[tuple[NDArray[np.float64], ...], tuple[int, ...]]:
    """Keep a recording that is unlike all others from setting the threshold alone.

    Held out, the only recording of its kind (another day, another place of the microphone) scores as a loud fault does,
    though the model knows its kind once it has learnt it too; and a threshold above it would be above every fault. So
    its scores count no more than as just unlike. The report says which recordings those are: they may not belong there.

    Args:
        scores: per recording, its windows' out-of-sample scores.

    Returns:
        The scores to set a threshold by, and the indices of the recordings unlike all others, ascending.
    """
    middles = np.array([np.median(each) for each in scores])
    order = np.argsort(middles)
    for count in range(max(1, len(scores) // MOST_OUTLYING), 0, -1):
        others = np.concatenate([scores[i] for i in order[:-count]] or [np.zeros(1)])
        middle = np.median(others)
        deviation = 1.4826 * float(np.median(np.abs(others - middle)))
        limit = max(middle + OUTLYING * deviation, others.max())
        if len(scores) > count and middles[order[-count]] > limit:
            outlying = tuple(sorted(int(i) for i in order[-count:]))
            return tuple(np.minimum(each, limit) if i in outlying else each for i, each in enumerate(scores)), outlying
    return tuple(scores), ()
