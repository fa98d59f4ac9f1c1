"""`monitor evaluate` on a tiny data set of simulated sound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitor.cli import main
from monitor.memcae.artifact import list_versions
from tests.learn.dcase_folder import QUICK, write_machine


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dcase")
    write_machine(root, "fan", suffix="flac", test="")
    return root


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.memcae.preset.PRESETS", {"default": QUICK})


def test_figures_go_to_stdout_and_files_to_the_folder_and_a_second_run_resumes(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path
) -> None:
    arguments = ["evaluate", str(data), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert shown.out.split()[:6] == ["section", "AUC", "source", "target", "pAUC", "hmean"]
    assert max(len(line.rstrip()) for line in shown.out.splitlines()) <= 80
    assert "fan_section_00: training" in shown.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "anomaly_score_fan_section_00_test.csv",
        "decision_result_fan_section_00_test.csv",
        "pictures",
        "results.json",
        "results.md",
        "sections",
        "state",
    ]
    assert len(json.loads((tmp_path / "out" / "results.json").read_text())["sections"]) == 1
    assert main(arguments) == 0
    again = capsys.readouterr()
    assert again.out == shown.out
    assert "training" not in again.err
    assert "1 sections were finished before; --fresh does them again" in again.err


def test_the_precision_of_the_trainings_stands_in_the_results(data: Path, tmp_path: Path) -> None:
    for asked, used in (("auto", "float32"), ("bfloat16", "bfloat16")):
        arguments = ["evaluate", str(data), "--out", str(tmp_path), "--device", "cpu", "--precision", asked]
        assert main(arguments) == 0
        assert json.loads((tmp_path / "results.json").read_text())["precision"] == used
        (stored, *_) = sorted((tmp_path / "state/models").glob("*/current"))
        (info,) = [each for each in list_versions(tmp_path / "state", stored.parent.name) if each.current]
        assert info.metadata["training"]["precision"] == used


def test_results_go_to_a_folder_named_by_preset_and_views(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(data / "fan"), "--views", "rhythm", "--device", "cpu"]) == 0
    assert (tmp_path / "evaluation" / "default-rhythm" / "results.md").is_file()
    assert "hmean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: no such folder"),
        (["{data}", "--machines", "fan,pump"], "there is no 'pump'; there are: fan"),
        (["{data}", "--preset", "best"], "--preset: 'best' is none of default"),
        (["{data}", "--views", "colour"], "--views: 'colour' is no view of preset default"),
        (["{data}", "--device", "tpu"], "device: 'tpu' is none of auto, cpu"),
        (["{data}", "--precision", "half"], "--precision: 'half' is none of auto, float32, bfloat16"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], data: Path, arguments: list[str], message: str
) -> None:
    assert main(["evaluate", *(argument.format(data=data) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_jobs_out_of_range_are_refused(data: Path) -> None:
    assert main(["evaluate", str(data), "--jobs", "0"]) == 2


def test_a_data_set_of_which_nothing_can_be_read_fails_naming_the_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name in ("train/section_00_source_train_normal_0000_x.wav", "test/section_00_source_test_normal_0000_x.wav"):
        path = tmp_path / "fan" / name
        path.parent.mkdir(parents=True)
        path.write_text("no sound")
    assert main(["evaluate", str(tmp_path), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 2
    assert "section_00_source_train_normal_0000_x.wav: is not a readable sound file" in capsys.readouterr().err
