from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from monitor.audio.recording import read_recording
from monitor.audio.source import MODEL_RATE_HZ
from monitor.detect.alarm import AlarmEvent, AlarmPolicy
from monitor.detect.budget import Budget
from monitor.detect.calibration import calibrate
from monitor.detect.pipeline import MachineDetector
from monitor.errors import ArtifactError, RecordingError, TrainingError
from monitor.learn import fitting
from monitor.learn.dataset import Recording
from monitor.learn.fit import Job, fit_machine
from monitor.learn.progress import Progress
from monitor.learn.report import TrainReport, train_lines
from monitor.learn.scoring import SoundModel, load_model
from monitor.learn.session import file_stem
from monitor.learn.spectra import Spectra, bytes_per_s
from monitor.memcae import artifact
from monitor.memcae.preset import DEFAULT, PAPER, PRESETS
from monitor.memcae.score import Score
from tests.learn.machine import NOW_S, QUICK, job, record


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fit")


@pytest.fixture(scope="module")
def normal(folder: Path) -> list[Path]:
    return record(folder / "normal", 10)


@pytest.fixture(scope="module")
def report(folder: Path, normal: list[Path]) -> TrainReport:
    return fit_machine(job(), normal, state_dir=folder / "state", created_s=NOW_S)


@pytest.fixture(scope="module")
def model(folder: Path, report: TrainReport) -> SoundModel:
    return load_model(folder / "state", "fan-1", device="cpu")


def test_what_was_trained_is_stored_and_in_service(folder: Path, report: TrainReport, model: SoundModel) -> None:
    assert model.version == report.version
    assert report.folder == folder / "state" / "models" / "fan-1" / report.version
    assert model.calibration == report.calibration
    assert (model.window_s, model.hop_s) == (2.0, 1.0)


def test_the_file_says_what_the_model_was_made_of(folder: Path, report: TrainReport) -> None:
    (info,) = artifact.list_versions(folder / "state", "fan-1")
    training = info.metadata["training"]
    assert [each["name"] for each in training["recordings"]] == [path.name for path in report.recordings]
    assert training["seed"] == 0
    assert training["audio_s"] == pytest.approx(60.0)


def test_every_recording_has_out_of_sample_scores_for_each_window(report: TrainReport) -> None:
    assert [len(scores) for scores in report.scores] == [5] * 10
    assert all(np.isfinite(scores).all() for scores in report.scores)


def test_references_are_higher_than_scores_in_sample(
    report: TrainReport, model: SoundModel, normal: list[Path]
) -> None:
    in_sample = [window.value for path in normal for window in model.score(read_recording(path)[:, 0], 16_000)]
    assert np.median(np.concatenate(report.scores)) > np.median(in_sample)


def test_fresh_normal_sound_scores_as_the_references_do(folder: Path, report: TrainReport, model: SoundModel) -> None:
    fresh = record(folder / "fresh", 8, first=50)
    values = [window.value for path in fresh for window in model.score(read_recording(path)[:, 0], 16_000)]
    references = np.concatenate(report.scores)
    assert np.median(values) < np.quantile(references, 0.9)
    assert np.mean(np.array(values) > report.calibration.threshold) < 0.05


@pytest.mark.parametrize("fault", ["bearing", "squeal"])
def test_a_fault_scores_above_the_threshold(folder: Path, model: SoundModel, fault: str) -> None:
    for path in record(folder / fault, 3, fault=fault, first=70):
        verdicts = [window.verdict for window in model.score(read_recording(path)[:, 0], 16_000)]
        assert verdicts == ["alarm"] * len(verdicts)


def test_the_report_is_told_in_lines(report: TrainReport) -> None:
    lines = train_lines(report)
    assert report.version in lines[0]
    assert "10 recordings" in lines[1]
    assert any("false alarms" in line for line in lines)
    assert any("not promised" in line and "Record about" in line for line in lines), "a minute cannot promise a week"


def test_one_seed_gives_one_model(folder: Path, normal: list[Path], report: TrainReport) -> None:
    again = fit_machine(job(), normal, state_dir=folder / "again", created_s=NOW_S)
    assert again.version == report.version, "the version ends in the digest of all tensors"
    assert again.calibration == report.calibration


def test_ctrl_c_stores_the_network_so_far_and_says_so(tmp_path: Path, normal: list[Path]) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "training" and progress.done >= 10:
            raise KeyboardInterrupt

    report = fit_machine(job(), normal, state_dir=tmp_path, created_s=NOW_S, progress=stop)
    assert report.interrupted
    assert report.steps <= 10
    assert any("interrupted" in warning for warning in report.warnings)
    assert load_model(tmp_path, "fan-1").version == report.version


def test_one_long_recording_is_cut_into_parts_and_the_report_says_so(tmp_path: Path) -> None:
    (path,) = record(tmp_path, 1, seconds=40.0)
    report = fit_machine(job(), [path], state_dir=tmp_path / "state", created_s=NOW_S)
    assert len(report.scores) >= 8
    assert any("1 recording gave 8 parts" in warning for warning in report.warnings)


def test_recordings_of_one_session_only_are_told_and_those_of_two_are_not(tmp_path: Path) -> None:
    def warned(starts_s: list[float]) -> bool:
        files = record(tmp_path / f"{starts_s[-1]}", len(starts_s))
        named = [path.rename(path.with_stem(file_stem("fan-1", at))) for path, at in zip(files, starts_s, strict=True)]
        report = fit_machine(job(), named, state_dir=tmp_path / "state", created_s=NOW_S)
        return any("all 4 recordings are of one session" in warning for warning in report.warnings)

    assert warned([NOW_S, NOW_S + 6, NOW_S + 12, NOW_S + 18])
    assert not warned([NOW_S, NOW_S + 6, NOW_S + 86_400, NOW_S + 86_406])


def test_of_more_sound_than_fits_in_memory_the_network_learns_a_share_and_the_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = record(tmp_path / "normal", 6, seconds=60.0)
    monkeypatch.setattr(fitting, "MOST_HEARD_S", 180.0)
    told = [0.0]
    monkeypatch.setattr(fitting, "Spectra", _counting(told))
    report = fit_machine(job(), minutes, state_dir=tmp_path / "state", created_s=NOW_S)
    assert told == [180.0]
    assert any("learnt from 0.1 of 0.1 hours" in warning for warning in report.warnings)
    assert [len(scores) for scores in report.scores] == [59] * 6, "the threshold stands on all of it"


def test_a_preset_of_large_spectrograms_learns_less_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = record(tmp_path / "normal", 6, seconds=60.0)
    monkeypatch.setattr(fitting, "MOST_HEARD_BYTES", 180.5 * bytes_per_s(QUICK))
    told = [0.0]
    monkeypatch.setattr(fitting, "Spectra", _counting(told))
    fit_machine(job(), minutes, state_dir=tmp_path / "state", created_s=NOW_S)
    assert told == [180.0]


def test_an_hour_is_learnt_whole_by_every_preset() -> None:
    assert all(3600.0 * bytes_per_s(preset) <= fitting.MOST_HEARD_BYTES for preset in PRESETS.values())


def _counting(told: list[float]) -> Callable[..., Spectra]:
    def make(recordings: Sequence[Recording], *rest: Any) -> Spectra:
        told[0] = sum(each.seconds for each in recordings)
        return Spectra(recordings, *rest)

    return make


def test_a_model_of_many_recordings_is_no_larger_than_its_bound(
    tmp_path: Path, normal: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "MOST_OF_MANY", 8)
    report = fit_machine(job(), normal, state_dir=tmp_path, created_s=NOW_S)
    assert len(report.scores) == 10
    assert len(artifact.load_model(tmp_path, "fan-1").knowledge.views["recall"]["slots"]) == 8


def test_a_recording_unlike_all_others_moves_the_threshold_only_in_part(tmp_path: Path, normal: list[Path]) -> None:
    (odd,) = record(tmp_path, 1, fault="squeal", first=90)
    mixed = fit_machine(job(), [*normal, odd], state_dir=tmp_path / "state", created_s=NOW_S)
    assert mixed.outlying == (10,)
    assert any(odd.name in warning for warning in mixed.warnings)
    in_full = calibrate(
        mixed.scores,
        window_s=2.0,
        hop_s=1.0,
        budget=Budget(),
        rule=AlarmPolicy(),
        created_s=NOW_S,
        model_version=mixed.version,
    )
    assert mixed.calibration.threshold < 0.7 * in_full.threshold


def test_files_that_cannot_be_read_are_counted(tmp_path: Path, normal: list[Path]) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    report = fit_machine(job(), [*normal, broken], state_dir=tmp_path, created_s=NOW_S)
    assert len(report.problems) == 1
    assert "broken.wav" in report.problems[0]
    assert len(report.recordings) == 10


def test_nothing_is_stored_when_training_cannot_be_done(tmp_path: Path) -> None:
    (short,) = record(tmp_path / "normal", 1, seconds=3.0)
    with pytest.raises(TrainingError, match="too little"):
        fit_machine(job(), [short], state_dir=tmp_path / "state", created_s=NOW_S)
    with pytest.raises(RecordingError):
        fit_machine(job(), [tmp_path / "none.wav"], state_dir=tmp_path / "state", created_s=NOW_S)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("count", "seconds"), [(1, 14.0), (3, 5.0), (6, 2.5)])
def test_too_little_sound_is_told_once_before_training_with_the_files_that_were_skipped(
    tmp_path: Path, count: int, seconds: float
) -> None:
    few = record(tmp_path / "normal", count, seconds=seconds)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    heard: list[Progress] = []
    apart = replace(job(), hop_s=2.0)
    with pytest.raises(TrainingError, match=r"at least 8 windows of 2 s (.|\n)*skipped: .*broken\.wav"):
        fit_machine(apart, [*few, broken], state_dir=tmp_path / "state", created_s=NOW_S, progress=heard.append)
    assert {each.stage for each in heard} == {"reading"}


def test_sound_that_just_suffices_is_learnt(tmp_path: Path) -> None:
    files = record(tmp_path / "normal", 1, seconds=16.0)
    report = fit_machine(replace(job(), hop_s=2.0), files, state_dir=tmp_path / "state", created_s=NOW_S)
    assert report.calibration.n_windows == 8


def test_a_folder_that_cannot_be_written_is_told_before_training(tmp_path: Path, normal: list[Path]) -> None:
    (tmp_path / "state").write_text("a file, where a folder is wanted")
    heard: list[Progress] = []
    with pytest.raises(ArtifactError, match="cannot be written"):
        fit_machine(job(), normal, state_dir=tmp_path / "state", created_s=NOW_S, progress=heard.append)
    assert heard == []


def test_recordings_of_silence_are_named(tmp_path: Path, normal: list[Path]) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(10 * MODEL_RATE_HZ), MODEL_RATE_HZ)
    report = fit_machine(job(), [*normal, silence], state_dir=tmp_path, created_s=NOW_S)
    (told,) = [each for each in report.warnings if "no microphone" in each]
    assert told.startswith("1 of 11 recordings are under -80 dBFS")
    assert "silence.wav" in told


def test_the_papers_model_is_trained_and_scored_by_the_same_path(tmp_path: Path, normal: list[Path]) -> None:
    network = replace(PAPER.network, widths=(4, 8), slot_size=16, slots=20)
    quick = replace(PAPER, network=network, training=replace(PAPER.training, epochs=1.0, most_steps=4))
    report = fit_machine(replace(job(), preset=quick), normal, state_dir=tmp_path, created_s=NOW_S)
    assert report.memory is not None
    assert any("like no memory" in warning for warning in report.warnings) == report.memory.uniform
    assert len(report.scores) == 3, "only what the network never saw is a reference"
    model = load_model(tmp_path, "fan-1", device="cpu")
    (path,) = record(tmp_path, 1, first=60)
    window = model.score(read_recording(path)[:, 0], 16_000)[0]
    assert window.views == {"mse": pytest.approx(window.value)}


def test_the_quick_preset_is_the_default_but_for_its_size() -> None:
    assert QUICK.views == DEFAULT.views
    assert QUICK.fusion == DEFAULT.fusion


def _raises_alarm(model: SoundModel, path: Path) -> bool:
    detector = MachineDetector("fan", model.calibration)
    state = detector.initial()
    raised = False
    for window in model.score(read_recording(path)[:, 0], 16_000):
        score = Score("fan", window.start_s, window.end_s, window.value)
        outcome = detector.step(state, score, score.end_s)
        state = outcome.state
        raised |= any(each.event is AlarmEvent.RAISED for each in outcome.transitions)
    return raised


def test_a_real_fan_trained_on_eight_recordings_alarms_on_every_anomaly_and_on_no_other_normal(
    shared_data: Path, tmp_path: Path
) -> None:
    normal = sorted((shared_data / "recordings" / "fan" / "normal").glob("*.flac"))
    anomalies = sorted((shared_data / "recordings" / "fan" / "anomaly").glob("*.flac"))
    trained_on = [path for i, path in enumerate(normal) if i % 3 != 2]
    fan = Job("fan", DEFAULT, 10.0, 2.0, Budget(), AlarmPolicy(), device="cpu")
    fit_machine(fan, trained_on, state_dir=tmp_path, created_s=NOW_S)
    model = load_model(tmp_path, "fan", device="cpu")
    assert [path.name for path in normal if path not in trained_on and _raises_alarm(model, path)] == []
    assert [path.name for path in anomalies if not _raises_alarm(model, path)] == []
