"""From recordings of normal sound to a stored, calibrated model: `fit_machine`."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import monitor
from monitor.audio.level import rms_dbfs
from monitor.counted import counted, first_names
from monitor.detect.calibration import FEWEST_WINDOWS, calibrate
from monitor.learn import references
from monitor.learn.dataset import Dataset, Recording, count_windows, parts, read_dataset, too_little
from monitor.learn.fitting import Fitted, arithmetic_of, fit, rounds_of
from monitor.learn.job import Job
from monitor.learn.memory_use import MemoryUse
from monitor.learn.normal_seconds import normal_sound_of
from monitor.learn.normal_spectrum import normal_spectrum
from monitor.learn.progress import ProgressCallback, silent
from monitor.learn.record import QUIET_DBFS
from monitor.learn.report import TrainReport
from monitor.learn.room import room_for
from monitor.learn.session import of_one_session
from monitor.memcae import artifact

__all__ = ["Job", "fit_machine"]

NAMED = 5
"""Files named in one warning."""


def fit_machine(
    job: Job, recordings: Sequence[Path], *, state_dir: Path, created_s: float, progress: ProgressCallback = silent
) -> TrainReport:
    """Train, calibrate and store a model of one machine's normal sound, and put it in service.

    Args:
        job: the machine and its settings.
        recordings: files of normal sound only.
        state_dir: the root of everything the program keeps.
        created_s: now, POSIX seconds.
        progress: told how far it is, many times.

    Raises:
        RecordingError: no recording can be read.
        DeviceError: there is no such device here, or it does not compute in the precision that was asked for.
        TrainingError: there is too little sound (before any training), the loss diverged, or the memory collapsed.
        CalibrationError: the scores give no threshold.
        ArtifactError: the model cannot be stored.
        MonitorError: more sound than is held in memory has no room under ``state_dir``.
        KeyboardInterrupt: Ctrl-C came before there was anything to keep; later, the best so far is stored.
    """
    artifact.refuse_unwritable(state_dir, job.machine)
    arithmetic_of(job)  # refused now, not after an hour of reading
    with room_for(recordings, state_dir) as room:
        return _fit(job, read_dataset(recordings, job.channel, progress, room), state_dir, created_s, progress)


def _fit(job: Job, dataset: Dataset, state_dir: Path, created_s: float, progress: ProgressCallback) -> TrainReport:
    units = parts(dataset, job.window_s)
    _refuse_too_little(job, dataset, units)
    fitted = fit(job, units, progress)
    tempered, outlying = references.temper(fitted.scores)
    model = fitted.model
    model.version = artifact.free_version_id(state_dir, job.machine, model, created_s)
    calibration = calibrate(
        tempered,
        window_s=job.window_s,
        hop_s=job.hop_s,
        budget=job.budget,
        rule=job.rule,
        created_s=created_s,
        model_version=model.version,
        sound=normal_sound_of(each.samples for each in dataset.recordings),
    )
    artifact.save_version(
        state_dir,
        job.machine,
        model,
        created_s=created_s,
        code_version=monitor.__version__,
        training=_training(job, dataset, fitted),
        calibration=calibration.to_dict(),
    )
    return TrainReport(
        machine=job.machine,
        version=model.version,
        folder=state_dir / "models" / job.machine / model.version,
        preset=job.preset.name,
        recordings=tuple(each.path for each in dataset.recordings),
        seconds=tuple(each.seconds for each in dataset.recordings),
        problems=dataset.problems,
        warnings=_warnings(dataset, units, fitted, outlying),
        audio_s=dataset.seconds,
        steps=fitted.trained.steps,
        precision=fitted.trained.arithmetic,
        loss=fitted.trained.loss,
        losses=fitted.trained.losses,
        interrupted=fitted.trained.interrupted,
        memory=fitted.memory,
        scores=fitted.scores,
        sources=_sources(dataset, units, fitted.held_out),
        outlying=outlying,
        spectrum=normal_spectrum(dataset.recordings),
        calibration=calibration,
    )


def _refuse_too_little(job: Job, dataset: Dataset, units: Sequence[Recording]) -> None:
    """What a calibration could not be had of after the training is told before it."""
    scored = [i for held_out in rounds_of(job.preset, len(units)) for i in held_out]
    missing = FEWEST_WINDOWS - sum(count_windows(units[i], job.window_s, job.hop_s) for i in scored)
    if missing > 0:
        raise too_little(dataset, job.window_s, missing * max(job.window_s, job.hop_s) * len(units) / len(scored))


def _training(job: Job, dataset: Dataset, fitted: Fitted) -> dict[str, Any]:
    """What is stored of the training with the model, JSON-ready."""
    digests = sorted(each.digest for each in dataset.recordings)
    trained = fitted.trained
    return {
        "digest": hashlib.sha256("".join(digests).encode()).hexdigest(),
        "recordings": [{"name": each.path.name, "digest": each.digest} for each in dataset.recordings],
        "audio_s": dataset.seconds,
        "hop_s": job.hop_s,
        "seed": job.seed,
        "precision": trained.arithmetic,
        "steps": trained.steps,
        "loss": trained.loss,
        "losses": [[steps, loss, None if math.isnan(unseen) else unseen] for steps, loss, unseen in trained.losses],
        "interrupted": trained.interrupted,
        "memory": None if fitted.memory is None else _figures(fitted.memory),
        "torch": str(torch.__version__),
    }


def _figures(use: MemoryUse) -> dict[str, Any]:
    """The memory's figures without the thousands of shares that they are made of."""
    return {name: value for name, value in dataclasses.asdict(use).items() if name != "shares"}


def _sources(dataset: Dataset, units: Sequence[Recording], held_out: Sequence[int]) -> tuple[int, ...]:
    """Which recording each of the scored units is of."""
    places = {each.path: place for place, each in enumerate(dataset.recordings)}
    return tuple(places[units[i].path] for i in held_out)


def _warnings(dataset: Dataset, units: Sequence[Recording], fitted: Fitted, outlying: Sequence[int]) -> tuple[str, ...]:
    warnings = []
    if fitted.trained.interrupted:
        warnings.append("interrupted: the network so far was kept; train again for the whole of it")
    if fitted.heard_s < dataset.seconds - 1:  # parts leave out less than a second
        warnings.append(
            f"the network learnt from {fitted.heard_s / 3600:.1f} of {dataset.seconds / 3600:.1f} hours, drawn evenly "
            "over all recordings: more does not fit in memory; the threshold stands on all of them"
        )
    if fitted.memory is not None and fitted.memory.uniform:
        warnings.append(
            f"the memory mixes {fitted.memory.per_query:.0f} of its {fitted.memory.slots} slots into every answer: it "
            "acts almost like no memory at all"
        )
    if len(units) > len(dataset.recordings):
        warnings.append(
            f"{counted(len(dataset.recordings), 'recording')} gave {len(units)} parts, to hold some out: parts of one "
            "recording are alike, so that the threshold may be too low; record on several days"
        )
    elif of_one_session([each.path for each in dataset.recordings], [each.seconds for each in dataset.recordings]):
        warnings.append(
            f"all {len(dataset.recordings)} recordings are of one session: neighbouring minutes are alike, so that the "
            "threshold may be too low and alarms more often false than promised; record on several days"
        )
    quiet = [each.path.name for each in dataset.recordings if rms_dbfs(each.samples) < QUIET_DBFS]
    if quiet:
        warnings.append(
            f"{len(quiet)} of {len(dataset.recordings)} recordings are under {QUIET_DBFS:g} dBFS, as if no microphone "
            f"were connected: {first_names(quiet, NAMED)}; if that is not the machine, record anew and train again"
        )
    for place in outlying:
        unlike = units[fitted.held_out[place]]
        warnings.append(
            f"{unlike.path.name} is unlike all other recordings: the model learnt it, but it moves the threshold "
            "only in part; record more under its conditions if they are normal, or leave it out if not"
        )
    return tuple(warnings)
