from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.errors import ArtifactError, CalibrationError
from monitor.learn import room
from monitor.learn.calibrate import recalibrate
from monitor.learn.fit import fit_machine
from monitor.learn.job import CalibrateJob
from monitor.learn.report import TrainReport, recalibrate_lines
from monitor.learn.scoring import load_model
from monitor.memcae import artifact
from tests.learn.machine import NOW_S, job, record

JOB = CalibrateJob("fan-1", 1.0, Budget(), AlarmPolicy(), device="cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], TrainReport]:
    folder = tmp_path_factory.mktemp("calibrate")
    normal = record(folder / "normal", 8)
    return folder, normal, fit_machine(job(), normal, state_dir=folder / "state", created_s=NOW_S)


def test_fresh_recordings_set_new_thresholds_for_the_same_model(trained: tuple[Path, list[Path], TrainReport]) -> None:
    folder, _, before = trained
    fresh = record(folder / "fresh", 6, first=40)
    report = recalibrate(JOB, fresh, state_dir=folder / "state", created_s=NOW_S + 60)
    assert report.old == before.calibration
    assert report.new.created_s == NOW_S + 60
    assert report.new.n_recordings == 6
    stored = load_model(folder / "state", "fan-1", device="cpu")
    assert stored.version == before.version
    assert stored.calibration == report.new
    assert any("->" in line for line in recalibrate_lines(report))


def test_thresholds_from_sound_in_a_file_are_those_from_sound_in_memory(
    trained: tuple[Path, list[Path], TrainReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, _ = trained
    fresh = record(folder / "much", 4, first=52)
    held = recalibrate(JOB, fresh, state_dir=folder / "state", created_s=NOW_S)
    monkeypatch.setattr(room, "MOST_IN_MEMORY_S", 10.0)
    kept = recalibrate(JOB, fresh, state_dir=folder / "state", created_s=NOW_S)
    assert (kept.new, kept.spectrum) == (held.new, held.spectrum)


def test_recordings_that_the_model_knows_are_left_out(trained: tuple[Path, list[Path], TrainReport]) -> None:
    folder, normal, _ = trained
    fresh = record(folder / "more", 4, first=45)
    report = recalibrate(JOB, [*normal[:2], *fresh], state_dir=folder / "state", created_s=NOW_S)
    assert report.recordings == tuple(fresh)
    assert report.warnings == (
        "left out, because the model was trained on them: 2 recordings (normal-00.flac, normal-01.flac)",
    )
    with pytest.raises(CalibrationError, match="trained on every one"):
        recalibrate(JOB, normal, state_dir=folder / "state", created_s=NOW_S)


def test_recordings_of_several_days_are_known_though_they_share_their_names(tmp_path: Path) -> None:
    days = [path for day in range(3) for path in record(tmp_path / f"day{day}", 2, first=10 * day)]
    same_names = [path.rename(path.with_name(f"normal_{i % 2}.flac")) for i, path in enumerate(days)]
    fit_machine(job(), same_names, state_dir=tmp_path / "state", created_s=NOW_S)
    with pytest.raises(CalibrationError, match="trained on every one of the 6 recordings"):
        recalibrate(JOB, same_names, state_dir=tmp_path / "state", created_s=NOW_S)


def test_the_recordings_of_a_model_that_holds_them_by_name_are_known_too(
    trained: tuple[Path, list[Path], TrainReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, normal, _ = trained
    (info,) = artifact.list_versions(folder / "state", "fan-1")
    training = info.metadata["training"]
    by_name = {each["name"]: each["digest"] for each in training["recordings"]}
    older = replace(info, metadata={**info.metadata, "training": {**training, "recordings": by_name}})
    monkeypatch.setattr(artifact, "list_versions", lambda *_: (older,))
    with pytest.raises(CalibrationError, match="trained on every one"):
        recalibrate(JOB, normal, state_dir=folder / "state", created_s=NOW_S)


def test_sound_far_above_the_old_calibration_is_refused_unless_accepted(
    trained: tuple[Path, list[Path], TrainReport],
) -> None:
    folder, _, _ = trained
    strange = record(folder / "strange", 5, fault="squeal", first=60)
    before = load_model(folder / "state", "fan-1", device="cpu").calibration
    with pytest.raises(CalibrationError, match=r"\d+% of the fresh windows score above.*--accept"):
        recalibrate(JOB, strange, state_dir=folder / "state", created_s=NOW_S)
    assert load_model(folder / "state", "fan-1", device="cpu").calibration == before
    report = recalibrate(replace(JOB, accept=True), strange, state_dir=folder / "state", created_s=NOW_S)
    assert before is not None
    assert report.new.threshold > before.threshold


def test_a_threshold_that_is_expected_to_keep_the_budget_is_not_replaced_by_one_that_is_not_unless_accepted(
    trained: tuple[Path, list[Path], TrainReport],
) -> None:
    folder, _, _ = trained
    long = record(folder / "long", 4, seconds=120.0, first=80)
    recalibrate(replace(JOB, accept=True), long, state_dir=folder / "state", created_s=NOW_S)
    before = load_model(folder / "state", "fan-1", device="cpu").calibration
    assert before is not None
    assert before.promise.expected <= before.budget.at_most
    few = record(folder / "few", 3, seconds=8.0, first=70)
    with pytest.raises(CalibrationError, match=r"too few to replace a threshold that stands on 8\.0: .*--accept"):
        recalibrate(JOB, few, state_dir=folder / "state", created_s=NOW_S)
    assert load_model(folder / "state", "fan-1", device="cpu").calibration == before
    report = recalibrate(replace(JOB, accept=True), few, state_dir=folder / "state", created_s=NOW_S)
    assert load_model(folder / "state", "fan-1", device="cpu").calibration == report.new
    assert any(line.startswith("WARNING: more false alarms") for line in recalibrate_lines(report))


def test_a_machine_without_a_model_cannot_be_calibrated(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="no model yet"):
        recalibrate(JOB, [], state_dir=tmp_path, created_s=NOW_S)
