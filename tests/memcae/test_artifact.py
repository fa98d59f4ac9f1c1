from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from monitor.errors import ArtifactError
from monitor.memcae import artifact, tensorfile
from monitor.memcae.model import MachineModel
from tests.memcae.small import SMALL_PAPER, fitted, noise

CREATED_S = 1_700_000_000.0


def _save(state: Path, model: MachineModel, created_s: float = CREATED_S, calibration: object = None) -> str:
    return artifact.save_version(
        state,
        model.machine,
        model,
        created_s=created_s,
        code_version="1.2.3",
        training={"seed": 7},
        calibration=calibration,  # type: ignore[arg-type]
    )


def _model_file(state: Path, machine: str = "fan-1") -> Path:
    return state / "models" / machine / "current" / artifact.MODEL_FILE


def test_a_stored_model_scores_as_before(tmp_path: Path) -> None:
    model = fitted()
    version = _save(tmp_path, model)
    again = artifact.load_model(tmp_path, "fan-1")
    samples = noise(3, 2.0, seed=4)
    assert torch.equal(again.score_batch(samples).value, model.score_batch(samples).value)
    assert (again.machine, again.version, again.window_s, again.preset) == ("fan-1", version, 2.0, model.preset)


def test_a_version_tells_when_it_was_made_and_of_what(tmp_path: Path) -> None:
    _save(tmp_path, fitted())
    (info,) = artifact.list_versions(tmp_path, "fan-1")
    assert info.version.startswith("20231114T221320Z-")
    assert info.current
    assert not info.calibrated
    assert info.metadata["code_version"] == "1.2.3"
    assert info.metadata["training"] == {"seed": 7}
    assert info.metadata["preset"]["name"] == "default"


def test_a_new_version_is_in_service_and_the_old_one_stays(tmp_path: Path) -> None:
    old = _save(tmp_path, fitted())
    new = _save(tmp_path, fitted(seed=1), CREATED_S + 60)
    assert artifact.load_model(tmp_path, "fan-1").version == new
    assert [(info.version, info.current) for info in artifact.list_versions(tmp_path, "fan-1")] == [
        (old, False),
        (new, True),
    ]
    artifact.activate(tmp_path, "fan-1", old)
    assert artifact.load_model(tmp_path, "fan-1").version == old
    assert artifact.load_model(tmp_path, "fan-1", new).version == new


def test_the_link_survives_moving_the_state_directory(tmp_path: Path) -> None:
    version = _save(tmp_path / "here", fitted())
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert artifact.load_model(tmp_path / "there", "fan-1").version == version


def test_others_may_read_what_was_stored(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        _save(tmp_path, fitted(), calibration={"a": 1})
    finally:
        os.umask(before)
    folder = _model_file(tmp_path).parent
    assert folder.resolve().stat().st_mode & 0o055 == 0o055
    assert all(file.stat().st_mode & 0o044 == 0o044 for file in folder.iterdir())


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    _save(tmp_path, fitted())
    path = _model_file(tmp_path)
    whole = path.read_bytes()
    for length in (0, 4, 8, 300, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ArtifactError, match=r"model\.safetensors: cut off or damaged"):
            artifact.load_model(tmp_path, "fan-1")


def test_a_file_with_one_changed_byte_is_refused(tmp_path: Path) -> None:
    _save(tmp_path, fitted())
    path = _model_file(tmp_path)
    whole = bytearray(path.read_bytes())
    whole[-5] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ArtifactError, match=r"model\.safetensors: was altered"):
        artifact.load_model(tmp_path, "fan-1")


def test_changed_metadata_is_refused(tmp_path: Path) -> None:
    _save(tmp_path, fitted())
    path = _model_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'\\"window_s\\": 2.0', b'\\"window_s\\": 9.0'))
    with pytest.raises(ArtifactError, match="was altered"):
        artifact.load_model(tmp_path, "fan-1")


def test_safetensors_of_another_program_are_refused(tmp_path: Path) -> None:
    _save(tmp_path, fitted())
    _model_file(tmp_path).write_bytes(safetensors.torch.save({"x": torch.zeros(3)}))
    with pytest.raises(ArtifactError, match="no model of this program"):
        artifact.load_model(tmp_path, "fan-1")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("format", 99, "format 99"),
        ("machine", "pump-2", "machine 'pump-2'"),
        ("window_s", None, "float"),
        ("preset", {"name": "default"}, "missing or unknown field"),
    ],
)
def test_a_file_of_another_spec_is_refused(tmp_path: Path, key: str, value: object, reason: str) -> None:
    _save(tmp_path, fitted())
    path = _model_file(tmp_path)
    metadata, tensors = tensorfile.read(path)
    path.unlink()
    tensorfile.write(path, tensors, metadata | {key: value})
    with pytest.raises(ArtifactError, match=reason) as error:
        artifact.load_model(tmp_path, "fan-1")
    assert "model.safetensors" in str(error.value)


def test_tensors_that_do_not_fit_the_preset_are_refused(tmp_path: Path) -> None:
    _save(tmp_path, fitted())
    path = _model_file(tmp_path)
    metadata, _ = tensorfile.read(path)
    path.unlink()
    tensorfile.write(path, fitted(preset=SMALL_PAPER).tensors(), metadata)
    with pytest.raises(ArtifactError, match="does not fit its preset"):
        artifact.load_model(tmp_path, "fan-1")


def test_a_machine_without_a_model_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="monitor train pump-2"):
        artifact.load_model(tmp_path, "pump-2")
    assert artifact.list_versions(tmp_path, "pump-2") == ()


def test_a_version_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    version = _save(tmp_path, fitted())
    with pytest.raises(ArtifactError, match=f"'20200101T000000Z-00000000'; there are: {version}"):
        artifact.activate(tmp_path, "fan-1", "20200101T000000Z-00000000")
    with pytest.raises(ArtifactError, match="holds no version"):
        artifact.load_model(tmp_path, "fan-1", "20200101T000000Z-00000000")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="allowed are letters"):
        artifact.load_model(tmp_path, name)
    with pytest.raises(ArtifactError):
        artifact.activate(tmp_path, "fan-1", name)


def test_saving_the_same_version_twice_is_refused_and_leaves_the_first(tmp_path: Path) -> None:
    version = _save(tmp_path, fitted())
    with pytest.raises(ArtifactError, match="cannot be written"):
        _save(tmp_path, fitted())
    assert artifact.load_model(tmp_path, "fan-1").version == version
    assert {entry.name for entry in (tmp_path / "models" / "fan-1").iterdir()} == {version, "current"}


def test_the_same_model_made_twice_in_a_second_gets_two_names_in_order(tmp_path: Path) -> None:
    model = fitted()
    first = artifact.free_version_id(tmp_path, "fan-1", model, CREATED_S)
    model.version = first
    _save(tmp_path, model)
    second = artifact.free_version_id(tmp_path, "fan-1", model, CREATED_S)
    assert first == artifact.version_id(model, CREATED_S)
    assert second > first


def test_a_full_disk_leaves_no_half_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArtifactError, match="No space left on device"):
        _save(tmp_path, fitted())
    assert list((tmp_path / "models" / "fan-1").iterdir()) == []


def test_an_unreadable_version_is_listed_with_its_problem(tmp_path: Path) -> None:
    version = _save(tmp_path, fitted())
    _model_file(tmp_path).write_bytes(b"")
    (info,) = artifact.list_versions(tmp_path, "fan-1")
    assert info.version == version
    assert "cut off or damaged" in info.problem


def test_a_calibration_is_kept_with_its_model(tmp_path: Path) -> None:
    _save(tmp_path, fitted(), calibration={"threshold": 1.5})
    assert artifact.load_calibration(tmp_path, "fan-1") == {"threshold": 1.5}
    artifact.save_calibration(tmp_path, "fan-1", {"threshold": 2.5, "band": [1, 2]})
    assert artifact.load_calibration(tmp_path, "fan-1") == {"threshold": 2.5, "band": [1, 2]}
    assert artifact.list_versions(tmp_path, "fan-1")[0].calibrated


def test_a_model_without_calibration_has_none(tmp_path: Path) -> None:
    _save(tmp_path, fitted())
    assert artifact.load_calibration(tmp_path, "fan-1") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut off or damaged"),
        (b'{"calibration": {"threshold": 1.5}', "cut off or damaged"),
        (b'{"calibration": {"threshold": 9.5}, "sha256": "0"}', "was altered"),
        (b"[1]", "cut off or damaged"),
    ],
)
def test_a_damaged_calibration_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    _save(tmp_path, fitted(), calibration={"threshold": 1.5})
    path = _model_file(tmp_path).with_name(artifact.CALIBRATION_FILE)
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"calibration\.json: {reason}"):
        artifact.load_calibration(tmp_path, "fan-1")


def test_a_calibration_is_plain_json(tmp_path: Path) -> None:
    _save(tmp_path, fitted(), calibration={"threshold": 1.5})
    whole = json.loads(_model_file(tmp_path).with_name(artifact.CALIBRATION_FILE).read_text())
    assert whole["calibration"] == {"threshold": 1.5}


def test_a_folder_that_cannot_be_looked_into_is_told_as_any_unreadable_model(tmp_path: Path) -> None:
    too_long = tmp_path / ("x" * 300)  # refused by the file system to root too
    with pytest.raises(ArtifactError, match=r"cannot be read|has no model"):
        artifact.load_model(too_long, "fan-1")
