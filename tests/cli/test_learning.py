"""From recordings to scores on the command line: record, train, models, score; on a model that is hardly trained."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.cli import main
from monitor.memcae.artifact import list_versions
from monitor.memcae.preset import DEFAULT

QUICK = replace(DEFAULT, training=replace(DEFAULT.training, epochs=1, least_steps=10, most_steps=10, folds=2))
"""Enough to go all the way in seconds; nobody looks at how well it detects."""

CONFIG = """
node: test
state_dir: state
device: cpu
window_s: 2
hop_s: 2
machines:
  rig: {source: {simulated: fan, seed: 3}}
"""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose machine has recordings and a model; made by the commands themselves."""
    folder = tmp_path_factory.mktemp("plant")
    (folder / "monitor.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("monitor.memcae.preset.PRESETS", {"default": QUICK})
        patch.setenv("MONITOR_CONFIG", str(folder / "monitor.yaml"))
        assert main(["record", "rig", "--minutes", "2"]) == 0
        assert main(["train", "rig", str(folder / "state/recordings/rig")]) == 0
    return folder


@pytest.fixture(autouse=True)
def _configured(plant: Path, monkeypatch: pytest.MonkeyPatch, _no_configuration_of_this_machine: None) -> None:
    monkeypatch.setenv("MONITOR_CONFIG", str(plant / "monitor.yaml"))


def recordings(plant: Path) -> list[str]:
    return [str(path) for path in sorted((plant / "state/recordings/rig").glob("*.flac"))]


def scored(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["score", "rig", *arguments, "--json"]) == 0
    rows: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return rows


def test_score_gives_one_row_per_window_as_a_json_array(capsys: pytest.CaptureFixture[str], plant: Path) -> None:
    first = recordings(plant)[0]
    rows = scored(capsys, first)
    assert [row["start_s"] for row in rows] == list(range(0, 60, 2))
    assert list(rows[0]) == ["recording", "start_s", "score", "threshold", "verdict", "views"]
    assert {row["recording"] for row in rows} == {first}
    assert all(isinstance(row["score"], float) and row["threshold"] is not None for row in rows)
    views = rows[0]["views"]
    assert isinstance(views, dict)
    assert set(views) == set(DEFAULT.views)


def test_the_hop_can_be_chosen(capsys: pytest.CaptureFixture[str], plant: Path) -> None:
    rows = scored(capsys, recordings(plant)[0], "--hop-s", "10")
    assert [row["start_s"] for row in rows] == [0, 10, 20, 30, 40, 50]


def test_csv_and_table_hold_the_same_rows(capsys: pytest.CaptureFixture[str], plant: Path) -> None:
    first = recordings(plant)[0]
    assert main(["score", "rig", first, "--csv"]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(rows) == 30
    assert json.loads(rows[0]["views"])
    assert main(["score", "rig", first]) == 0
    shown = capsys.readouterr()
    assert shown.out.count(first) == 30
    assert shown.err.startswith("30 windows of 1 recording, ")


def test_a_recording_that_cannot_be_read_is_named_and_the_others_are_scored(
    capsys: pytest.CaptureFixture[str], plant: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "text.wav"
    bad.write_text("this is no sound")
    assert main(["score", "rig", str(bad), recordings(plant)[0]]) == 0
    shown = capsys.readouterr()
    assert f"monitor: skipped: {bad}" in shown.err
    assert "1 skipped" in shown.err
    assert main(["score", "rig", str(bad)]) == 2
    assert capsys.readouterr().err.startswith(f"monitor: error: {bad}")


def test_fresh_recordings_calibrate_anew_and_those_learnt_from_do_not(
    capsys: pytest.CaptureFixture[str], plant: Path, tmp_path: Path
) -> None:
    assert main(["calibrate", "rig", *recordings(plant)]) == 2
    assert "the model was trained on every one of the" in capsys.readouterr().err
    assert main(["record", "rig", "--minutes", "1", "--out", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["calibrate", "rig", str(tmp_path), "--accept"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("rig: calibrated anew on 1 recording, 30 windows")
    assert "threshold " in told
    assert "false alarms to be expected" in told
    _, _, page = told.splitlines()[-1].partition("report with pictures: ")
    assert "The calibration in numbers" in Path(page).read_text()
    assert (plant / "state/models/rig/current/report.html").is_file(), "the training wrote one, too"


def test_models_are_listed_and_put_into_service(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--json"]) == 0
    (model,) = json.loads(capsys.readouterr().out)
    assert (model["machine"], model["in_service"], model["calibrated"]) == ("rig", True, True)
    assert main(["models", "activate", "rig", model["version"]]) == 0
    assert capsys.readouterr().out == f"rig: {model['version']} is in service\n"
    assert main(["models", "activate", "rig", "20200101T000000Z-00000000"]) == 2
    assert "20200101T000000Z-00000000" in capsys.readouterr().err


def test_a_missing_and_a_cut_off_model_are_one_clear_line(
    capsys: pytest.CaptureFixture[str], plant: Path, tmp_path: Path
) -> None:
    assert main(["score", "rig", recordings(plant)[0], "--state-dir", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (original,) = (plant / "state/models/rig/current").resolve().glob("*.safetensors")
    copy = tmp_path / "models/rig/v1"
    copy.mkdir(parents=True)
    (copy / original.name).write_bytes(original.read_bytes()[:1000])
    (tmp_path / "models/rig/current").symlink_to("v1")
    assert main(["score", "rig", recordings(plant)[0], "--state-dir", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert str(copy / original.name) in error


def _precision(state_dir: Path) -> str:
    """What the machine's models say that they were trained in."""
    (found,) = {str(each.metadata["training"]["precision"]) for each in list_versions(state_dir, "rig")}
    return found


def test_a_model_trained_in_mixed_precision_says_so_and_scores(
    capsys: pytest.CaptureFixture[str], plant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.memcae.preset.PRESETS", {"default": QUICK})
    where = ["--state-dir", str(tmp_path)]
    assert main(["train", "rig", *recordings(plant), *where, "--precision", "bfloat16"]) == 0
    assert "10 steps in bfloat16, loss" in capsys.readouterr().out
    assert "10 steps in bfloat16, loss" in (tmp_path / "models/rig/current/report.html").read_text()
    assert (_precision(tmp_path), _precision(plant / "state")) == ("bfloat16", "float32")
    assert len(scored(capsys, recordings(plant)[0], *where)) == 30


def test_a_precision_that_there_is_not_is_one_clear_line(capsys: pytest.CaptureFixture[str], plant: Path) -> None:
    assert main(["train", "rig", *recordings(plant), "--precision", "float16"]) == 2
    assert capsys.readouterr().err == ("monitor: error: --precision: 'float16' is none of auto, float32, bfloat16\n")


def test_train_all_trains_every_machine_that_has_recordings_and_names_the_others(
    capsys: pytest.CaptureFixture[str], plant: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.memcae.preset.PRESETS", {"default": QUICK})
    config = tmp_path / "plant.yaml"
    config.write_text(CONFIG + "  rig-2: {source: {simulated: fan, seed: 4}}\n")
    arguments = ["train-all", "--config", str(config), "--recordings", str(plant / "state/recordings")]
    assert main([*arguments, "--precision", "bfloat16"]) == 0
    told = capsys.readouterr()
    assert "1 of 1 machines have a new model in service" in told.out
    assert _precision(tmp_path / "state") == "bfloat16"
    assert "skipped: rig-2: no recordings in" in told.err
    assert (tmp_path / "state/models/rig/current").exists()
    assert main([*arguments, "--missing"]) == 0
    assert "every machine with recordings has a model" in capsys.readouterr().err
    assert main([*arguments, "rig-2"]) == 2
    assert "no recordings of rig-2" in capsys.readouterr().err
    assert main([*arguments, "rig-9"]) == 2
    assert "rig-9" in capsys.readouterr().err
