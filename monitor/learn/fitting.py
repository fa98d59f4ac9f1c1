"""Fit a model to recordings of normal sound, and score those recordings as if the model had never heard them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from monitor.learn import references
from monitor.learn.dataset import Recording, folds
from monitor.learn.excerpt import excerpt, fewer_windows
from monitor.learn.job import Job
from monitor.learn.memory_use import MemoryUse, measure, refuse_collapse
from monitor.learn.precision import Arithmetic, choose, processor_of
from monitor.learn.progress import Progress, ProgressCallback, silent
from monitor.learn.references import Described
from monitor.learn.spectra import Spectra, bytes_per_s
from monitor.learn.train import Plan, Trained, steps_for, train
from monitor.memcae import explanation, fusion
from monitor.memcae.fleet import choose_device
from monitor.memcae.fusion import Reference
from monitor.memcae.model import Knowledge, MachineModel
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import Preset

FIT_OVERLAP = 2
"""Windows that the statistics are fitted on begin a window's length over this apart; closer ones count the same sound
again, and the shrinkage, which believes them independent, would come out too weak."""

MOST_WINDOWS = 256
"""Windows that the statistics are fitted on, about, evenly spread: more told no more apart, and each costs memory."""

MOST_OF_MANY = 1024
"""Windows that the statistics are fitted on at most, where each of many recordings gives one: a data set of the field
has 990 recordings of one window for each machine, and a week of minutes, 10 080, would make a model ten times as large
and slow."""

MOST_HEARD_S = 4 * 3600.0
"""Sound that the network is trained on at most, seconds: a training of the default preset draws no more than 2.6 hours
of crops. Its spectrograms at three speeds take 49 kB a second, 0.7 GB in all."""

MOST_HEARD_BYTES = 1.5e9
"""Spectrograms that the network is trained on at most, bytes: `paper`, with eight times as many columns, takes
390 kB a second and hears an hour; with as much again for a step of its training, that is what a PC of 4 GB has."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model that is not stored yet, and what is known of it."""

    model: MachineModel
    trained: Trained
    memory: MemoryUse | None
    """None for a network without a memory."""
    held_out: tuple[int, ...]
    """Indices of the recordings that `scores` are of, ascending."""
    scores: tuple[NDArray[np.float64], ...]
    """Out-of-sample scores of the windows of each of them, in order."""
    heard_s: float
    """Sound that the network was trained on or stopped by, seconds: all there was, or what fits in memory."""


def fit(job: Job, recordings: Sequence[Recording], progress: ProgressCallback = silent) -> Fitted:
    """Fit the network and the views to ``recordings``, which are held out whole for the references.

    Raises:
        TrainingError: the loss diverged, or the memory collapsed.
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
    """
    training = job.preset.training
    rounds = rounds_of(job.preset, len(recordings))
    unseen = rounds[0] if training.references == "held-out" else ()
    learn = tuple(i for i in range(len(recordings)) if i not in unseen)
    trained, use, heard_s = _train(job, [recordings[i] for i in learn], [recordings[i] for i in unseen], progress)
    learnt = fewer_windows(_learnt(job, trained.network, recordings, learn, progress), MOST_OF_MANY, job.seed)
    judge = _judge(job, trained.network, recordings, sum(map(len, rounds)), progress)
    distances = references.held_out_distances(job.preset, rounds, learnt, judge)
    held_out = tuple(sorted(distances))
    scale = fusion.reference(torch.cat([distances[i] for i in held_out]))
    if training.references == "shared":
        scale = references.doubt_network(job.preset, scale, len(recordings))
    scores = tuple(references.fused(job.preset, distances[i], scale) for i in held_out)
    model = _model(job, trained.network, list(learnt.values()), scale)
    return Fitted(model, trained, use, held_out, scores, heard_s)


def arithmetic_of(job: Job) -> Arithmetic:
    """What the network will be trained in.

    Raises:
        DeviceError: there is no such device here, or it does not compute in the precision that was asked for.
    """
    return choose(job.precision, processor_of(choose_device(job.device)))


def rounds_of(preset: Preset, count: int) -> tuple[tuple[int, ...], ...]:
    """Which of ``count`` recordings are held out together, and scored; all together, those that the threshold is of."""
    rounds = folds(count, preset.training.folds)
    return rounds[:1] if preset.training.references == "held-out" else rounds


def _train(
    job: Job, learn: Sequence[Recording], unseen: Sequence[Recording], progress: ProgressCallback
) -> tuple[Trained, MemoryUse | None, float]:
    """The network, how its memory is used, and how many seconds of sound it was shown."""
    most_s = min(MOST_HEARD_S, MOST_HEARD_BYTES / bytes_per_s(job.preset))
    share = most_s / sum(recording.seconds for recording in (*learn, *unseen))
    learn, unseen = excerpt(learn, share, job.seed), excerpt(unseen, share, job.seed)
    heard = (*learn, *unseen)
    device = choose_device(job.device)
    spectra = Spectra(heard, job.preset, job.window_s, device)
    known, held_out = tuple(range(len(learn))), tuple(range(len(learn), len(heard)))
    steps = steps_for(spectra.columns(known), spectra.crop, job.preset)
    plan = Plan(known, held_out, steps, job.seed, arithmetic_of(job))
    trained = train(spectra, plan, job.preset, device, progress)
    use = measure(trained.network, spectra.held_out(known))
    refuse_collapse(use)
    return trained, use, sum(recording.seconds for recording in heard)


def _learnt(
    job: Job, network: MemCAE, recordings: Sequence[Recording], chosen: Sequence[int], progress: ProgressCallback
) -> dict[int, Described]:
    """What may be learnt of each of the chosen recordings: windows far enough apart."""
    seconds = sum(recording.seconds for recording in recordings)
    apart = max(job.window_s / FIT_OVERLAP, seconds / MOST_WINDOWS)
    found: dict[int, Described] = {}
    turn = 0
    for place, i in enumerate(chosen):
        progress(Progress("listening", place, len(chosen)))
        found[i] = references.describe(network, job.preset, recordings[i], job.window_s, apart, turn)
        turn += len(found[i].levels)
    progress(Progress("listening", len(chosen), len(chosen)))
    return found


def _judge(
    job: Job, network: MemCAE, recordings: Sequence[Recording], count: int, progress: ProgressCallback
) -> Callable[[int], Described]:
    """Gives the windows of a recording as in service, of ``count`` recordings in all."""
    done = 0

    def judge(i: int) -> Described:
        nonlocal done
        progress(Progress("judging", done, count))
        found = references.describe(network, job.preset, recordings[i], job.window_s, job.hop_s)
        done += 1
        progress(Progress("judging", done, count))
        return found

    return judge


def _model(job: Job, network: MemCAE, learnt: Sequence[Described], scale: Reference) -> MachineModel:
    device = network.centre.device
    known = Knowledge(
        references.fit_views(job.preset, learnt),
        Reference(scale.location.float().to(device), scale.spread.float().to(device)),
        explanation.normal_levels(torch.cat([each.levels for each in learnt])),
    )
    return MachineModel(job.machine, "", job.preset, job.window_s, network, known)
