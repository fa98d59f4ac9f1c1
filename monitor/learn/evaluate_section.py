"""Evaluate one section: train on its normal clips as `monitor train` does, score its test clips as the daemon does."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import monitor
from monitor.audio.recording import inspect_recording
from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import DAY_S, Budget
from monitor.detect.calibration import Calibration
from monitor.detect.verdict import VerdictState
from monitor.errors import BadInputError, RecordingError
from monitor.learn.evaluate_figures import Judged, auc, partial_auc, with_intervals
from monitor.learn.evaluate_layout import Clip, Section
from monitor.learn.evaluate_result import FORMAT, ClipResult, Promised, SectionResult, ViewFigures
from monitor.learn.fit import fit_machine
from monitor.learn.job import Job
from monitor.learn.precision import Precision
from monitor.learn.progress import Progress, ProgressCallback, silent
from monitor.learn.scoring import load_model, score_recordings
from monitor.memcae import preset as presets
from monitor.memcae.fusion import Role
from monitor.memcae.model import LEAST_SECONDS
from monitor.memcae.preset import Preset
from monitor.memcae.views import VIEWS

LONGEST_S = 60.0
"""A clip is one window; longer ones are no clips of the challenge (6 to 12 s) and no windows of the program."""

DECIDING = ("audio", "memcae", "detect", "learn")
"""Packages whose code decides what comes out."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How every section is evaluated."""

    preset: Preset
    out: Path
    """Where everything goes."""
    false_alarms: float = 0.1
    """Share of the normal clips that the threshold may exceed: the budget, in clips; 0.1 as the challenge's."""
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"

    @property
    def state_dir(self) -> Path:
        """Where the models are kept."""
        return self.out / "state"


def evaluate_section(
    section: Section, settings: Settings, key: str, progress: ProgressCallback = silent
) -> SectionResult:
    """Train, calibrate and score one section.

    Every clip is a recording and one window, whole. An alarm is a single clip above the threshold (rule 1 of 1).

    Args:
        section: what to train on and test.
        settings: how.
        key: from `section_key`.
        progress: told how far it is.

    Raises:
        RecordingError: no clip can be read, or one is too long to be a window.
        TrainingError, CalibrationError, ArtifactError: as `fit_machine`.
        KeyboardInterrupt: Ctrl-C; a half-trained model is not evaluated.
    """
    begun_s = time.monotonic()
    window_s = longest((*section.train, *section.test))
    job = Job(
        machine=section.id,
        preset=settings.preset,
        window_s=window_s,
        hop_s=window_s,
        budget=Budget("day", settings.false_alarms * DAY_S / window_s),
        rule=AlarmPolicy(raise_count=1, raise_window=1, clear_after_s=0.0),
        seed=settings.seed,
        device=settings.device,
        precision=settings.precision,
    )
    files = [clip.path for clip in section.train]
    report = fit_machine(job, files, state_dir=settings.state_dir, created_s=time.time(), progress=progress)
    if report.interrupted:
        raise KeyboardInterrupt
    trained_s = time.monotonic()
    problems = list(report.problems)
    clips = _score(section, settings, progress, problems)
    scored_s = time.monotonic()
    progress(Progress("resampling", 0, 1))
    figures = with_intervals(judge_clips(clips), settings.seed)
    progress(Progress("resampling", 1, 1))
    return SectionResult(
        key=key,
        machine=section.machine,
        section=section.name,
        version=report.version,
        n_train=len(report.recordings),
        audio_s=report.audio_s,
        window_s=window_s,
        threshold=report.calibration.threshold,
        method=report.calibration.method,
        promised=promised(report.calibration),
        clips=clips,
        figures=figures,
        views=view_figures(clips),
        train_s=trained_s - begun_s,
        score_s=scored_s - trained_s,
        problems=tuple(problems),
        warnings=report.warnings,
    )


def longest(clips: Sequence[Clip]) -> float:
    """Length of the longest readable clip, seconds, at least LEAST_SECONDS: what makes every clip one window.

    Raises:
        RecordingError: one is longer than LONGEST_S.
    """
    found = LEAST_SECONDS
    for clip in clips:
        try:
            seconds = inspect_recording(clip.path).duration_s
        except RecordingError:
            continue  # named where it is read
        if seconds > LONGEST_S:
            raise RecordingError(f"{clip.path}: lasts {seconds:.1f} s; a clip, judged whole, may last {LONGEST_S:g} s")
        found = max(found, seconds)
    return found


def _score(
    section: Section, settings: Settings, progress: ProgressCallback, problems: list[str]
) -> tuple[ClipResult, ...]:
    model = load_model(settings.state_dir, section.id, device=settings.device)
    by_path = {clip.path: clip for clip in section.test}

    def told() -> Iterator[Path]:
        for done, path in enumerate(by_path):
            progress(Progress("scoring", done, len(by_path)))
            yield path
        progress(Progress("scoring", len(by_path), len(by_path)))

    found = []
    for row in score_recordings(model, told(), skipped=problems.append):
        clip, window = by_path[row.recording], row.window
        if window.verdict == VerdictState.INVALID:
            problems.append(f"{clip.path}: could not be scored")
            continue
        alarm = window.verdict == VerdictState.ALARM
        found.append(ClipResult(clip.path.name, clip.domain, clip.label, window.value, alarm, dict(window.views)))
    if not found:
        raise RecordingError("\n".join(problems) or f"{section.id}: none of the test clips could be scored")
    return tuple(found)


def judge_clips(clips: Sequence[ClipResult]) -> Judged:
    """The clips whose label is known, as arrays; one of no named domain counts as source."""
    known = [clip for clip in clips if clip.label]
    return Judged(
        scores=np.array([clip.score for clip in known], dtype=np.float64),
        anomalous=np.array([clip.label == "anomaly" for clip in known], dtype=np.bool_),
        target=np.array([clip.domain == "target" for clip in known], dtype=np.bool_),
        alarms=np.array([clip.alarm for clip in known], dtype=np.bool_),
    )


def view_figures(clips: Sequence[ClipResult]) -> dict[str, ViewFigures]:
    """What each view alone would have given; an ablation for nothing."""
    known = [clip for clip in clips if clip.label]
    found = {}
    for view in known[0].views if known else ():
        good, bad = (
            np.array([clip.views[view] for clip in known if clip.label == label], dtype=np.float64)
            for label in ("normal", "anomaly")
        )
        found[view] = ViewFigures(auc(good, bad), partial_auc(good, bad))
    return found


def promised(calibration: Calibration) -> Promised:
    """What the calibration states, as a share of the normal clips instead of alarms per day."""
    clips = calibration.budget.period_s / calibration.hop_s
    stated = calibration.promise
    return Promised(stated.expected / clips, stated.low / clips, min(1.0, stated.high / clips))


def section_key(section: Section, settings: Settings) -> str:
    """Tells whether a finished result is still that of these clips, settings and this program.

    Raises:
        BadInputError: a clip cannot be read from the disk.
    """
    parts = {
        "format": FORMAT,
        "code": code_digest(),
        "preset": presets.to_dict(settings.preset),
        "seed": settings.seed,
        "precision": settings.precision,
        "false_alarms": settings.false_alarms,
        "train": [[clip.path.name, _digest(clip.path)] for clip in section.train],
        "test": [[clip.path.name, _digest(clip.path)] for clip in section.test],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def code_digest() -> str:
    """Of the program's version and the code that decides; the evaluation's own files are covered by FORMAT."""
    digest = hashlib.sha256(monitor.__version__.encode())
    root = Path(__file__).parents[1]
    for package in DECIDING:
        for path in sorted((root / package).rglob("*.py")):
            if not path.name.startswith("evaluate"):
                digest.update(f"{path.relative_to(root)}:{_digest(path)}\n".encode())
    return digest.hexdigest()


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error


def views_of(preset: Preset, views: Sequence[str]) -> Preset:
    """The preset with only these of its views, for an ablation; itself when none are named.

    Raises:
        BadInputError: not a view of the preset, or several without the one that the fusion is anchored to.
    """
    if not views:
        return preset
    kept = tuple(name for name in preset.views if name in views)
    if unknown := [name for name in views if name not in preset.views]:
        raise BadInputError(f"--views: {unknown[0]!r} is no view of preset {preset.name}: {', '.join(preset.views)}")
    name = "-".join((preset.name, *kept))
    if len(kept) == 1:
        return replace(preset, name=name, views=kept, fusion="plain")
    anchors = [each for each in preset.views if VIEWS[each].role is Role.ANCHOR]
    if not set(anchors) & set(kept):
        raise BadInputError(f"--views: several views need {', '.join(anchors)} among them, which the others lean on")
    return replace(preset, name=name, views=kept)
