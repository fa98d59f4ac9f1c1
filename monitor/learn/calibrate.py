"""Thresholds anew from fresh normal recordings, without training: `recalibrate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from monitor.audio.source import MODEL_RATE_HZ
from monitor.counted import counted, first_names
from monitor.detect.calibration import Calibration, calibrate
from monitor.errors import CalibrationError
from monitor.learn import wording
from monitor.learn.dataset import Dataset, read_dataset
from monitor.learn.job import CalibrateJob
from monitor.learn.normal_seconds import normal_sound_of
from monitor.learn.normal_spectrum import normal_spectrum
from monitor.learn.progress import Progress, ProgressCallback, silent
from monitor.learn.report import RecalibrateReport
from monitor.learn.room import room_for
from monitor.learn.scoring import SoundModel, load_model
from monitor.memcae import artifact

MOST_ABOVE = 0.25
"""Share of fresh windows above the old threshold from which on they are not taken for normal sound unasked: drift moves
a level, and a quarter of the windows in alarm is what a fault looks like."""


NAMED = 5
"""Recordings named in one line."""


def recalibrate(
    job: CalibrateJob,
    recordings: Sequence[Path],
    *,
    state_dir: Path,
    created_s: float,
    progress: ProgressCallback = silent,
) -> RecalibrateReport:
    """Set the thresholds of the model in service from fresh normal recordings, and store them with it.

    Args:
        job: the machine and its settings.
        recordings: files of normal sound only. Those that the model was trained on are left out: it knows them, so
            that they score lower than anything it will hear.
        state_dir: the root of everything the program keeps.
        created_s: now, POSIX seconds.
        progress: told of each recording.

    Raises:
        ArtifactError: the machine has no model, or its files are damaged.
        RecordingError: no recording can be read.
        CalibrationError: the model was trained on all of them, they give no threshold, or the job does not accept that
            they score far above the old calibration, or are too little for a threshold that is expected to keep the
            budget, as the one in service is.
        MonitorError: more sound than is held in memory has no room under ``state_dir``.
    """
    model = load_model(state_dir, job.machine, device=job.device)
    with room_for(recordings, state_dir) as room:
        dataset = read_dataset(recordings, job.channel, progress, room)
        return _recalibrate(job, model, dataset, state_dir, created_s, progress)


def _recalibrate(
    job: CalibrateJob,
    model: SoundModel,
    dataset: Dataset,
    state_dir: Path,
    created_s: float,
    progress: ProgressCallback,
) -> RecalibrateReport:
    known = set(_learnt(state_dir, job.machine, model.version))
    fresh = [each for each in dataset.recordings if each.digest not in known]
    if not fresh:
        raise CalibrationError(
            f"{job.machine}: the model was trained on every one of the "
            f"{counted(len(dataset.recordings), 'recording')}; a threshold needs sound that it does not know"
        )
    scores = []
    for place, each in enumerate(fresh):
        progress(Progress("scoring", place, len(fresh)))
        scores.append(_values(model, each.samples, job.hop_s))
    progress(Progress("scoring", len(fresh), len(fresh)))
    old = model.calibration
    if old is not None and not job.accept:
        _refuse_strange(job.machine, old, scores)
    new = calibrate(
        scores,
        window_s=model.window_s,
        hop_s=job.hop_s,
        budget=job.budget,
        rule=job.rule,
        created_s=created_s,
        model_version=model.version,
        sound=normal_sound_of(each.samples for each in fresh),
    )
    if old is not None and not job.accept:
        _refuse_less(job.machine, old, new)
    artifact.save_calibration(state_dir, job.machine, new.to_dict(), model.version)
    seen = tuple(each.path for each in dataset.recordings if each.digest in known)
    return RecalibrateReport(
        machine=job.machine,
        version=model.version,
        folder=state_dir / "models" / job.machine / model.version,
        recordings=tuple(each.path for each in fresh),
        seconds=tuple(each.seconds for each in fresh),
        problems=dataset.problems,
        warnings=_left_out(seen),
        old=old,
        new=new,
        scores=tuple(scores),
        spectrum=normal_spectrum(fresh),
    )


def _left_out(seen: Sequence[Path]) -> tuple[str, ...]:
    """One line for the recordings that the model knows, if there are any."""
    if not seen:
        return ()
    names = first_names([path.name for path in seen], NAMED)
    return (f"left out, because the model was trained on them: {counted(len(seen), 'recording')} ({names})",)


def _learnt(state_dir: Path, machine: str, version: str) -> Sequence[str]:
    """Digests of the recordings that the version was trained on."""
    for info in artifact.list_versions(state_dir, machine):
        if info.version == version:
            return _digests(info.metadata.get("training", {}).get("recordings", ()))
    return ()


def _digests(recordings: Mapping[str, str] | Sequence[Mapping[str, str]]) -> Sequence[str]:
    """The digests in what is stored of a training; older models hold them by the files' names."""
    if isinstance(recordings, Mapping):
        return tuple(recordings.values())
    return tuple(each["digest"] for each in recordings)


def _values(model: SoundModel, samples: NDArray[np.float32], hop_s: float) -> NDArray[np.float64]:
    return np.array([window.value for window in model.score(samples, MODEL_RATE_HZ, hop_s)], dtype=np.float64)


def _refuse_strange(machine: str, old: Calibration, scores: Sequence[NDArray[np.float64]]) -> None:
    every = np.concatenate(scores)
    above = float(np.mean(every > old.threshold))
    if above > MOST_ABOVE:
        raise CalibrationError(
            f"{machine}: {above:.0%} of the fresh windows score above the old threshold {old.threshold:.3g} (median "
            f"{np.median(every):.3g}, normal was {old.location:.3g}): this may be a fault, or another set-up; "
            f"--accept takes it for normal (at most {MOST_ABOVE:.0%} pass without), `monitor train` learns it anew"
        )


def _refuse_less(machine: str, old: Calibration, new: Calibration) -> None:
    """A threshold that is expected to keep the budget is not replaced by one that is not, unless someone says so."""
    if not wording.breaks(new) or wording.breaks(old):
        return
    raise CalibrationError(
        f"{machine}: {new.audio_s / 60:.1f} minutes of fresh sound are too few to replace a threshold that stands on "
        f"{old.audio_s / 60:.1f}: it would go from {wording.level(old.threshold)} to {wording.level(new.threshold)}, "
        f"and {wording.number(new.promise.expected)} false alarms per {new.budget.per} would be expected where "
        f"{wording.asked(new.budget)} is asked for; record {wording.enough(new)}, or --accept takes it all the same"
    )
