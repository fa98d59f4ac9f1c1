"""What the challenge's folders and file names mean, from 2020 to 2025."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import BadInputError
from monitor.learn.evaluate_layout import parse, read_layout


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("name", "section", "domain", "label", "attributes"),
    [
        ("normal_id_01_00000012.wav", "01", "source", "normal", ""),  # 2020
        ("anomaly_id_06_00000000.wav", "06", "source", "anomaly", ""),
        ("id_05_00000003.wav", "05", "source", "", ""),  # 2020, evaluation
        ("section_00_source_train_normal_0000_strength_1_ambient.wav", "00", "source", "normal", "strength_1_ambient"),
        ("section_03_target_test_0001.wav", "03", "target", "", ""),  # 2021, evaluation
        ("section_02_target_test_anomaly_0049_car_A1.wav", "02", "target", "anomaly", "car_A1"),  # 2022
        ("section_00_0004.wav", "00", "", "", ""),  # 2022 to 2025, evaluation
        ("section_00_test_0004.wav", "00", "", "", ""),
        ("section_00_source_normal_0001_noAttribute.flac", "00", "source", "normal", ""),  # `test` missing
        ("section_00_source_test_normal_0000_.wav", "00", "source", "normal", ""),
        ("section_00_target_train_normal_0009_noAttribute.FLAC", "00", "target", "normal", ""),
    ],
)
def test_a_name_says_section_domain_label_and_attributes(
    name: str, section: str, domain: str, label: str, attributes: str
) -> None:
    clip = parse(Path(name))
    assert clip is not None
    assert (clip.section, clip.domain, clip.label, clip.attributes) == (section, domain, label, attributes)


@pytest.mark.parametrize("name", ["a.wav", "section_00.wav", "normal_00.wav", "section_xx_source_test_normal_0.wav"])
def test_other_names_say_nothing(name: str) -> None:
    assert parse(Path(name)) is None


def test_a_folder_may_be_one_machine_or_hold_several_however_deep(tmp_path: Path) -> None:
    for machine in ("fan", "pump"):
        touch(tmp_path / "dev_data" / "raw" / machine, "train/section_00_source_train_normal_0000_x.wav")
        touch(tmp_path / "dev_data" / "raw" / machine, "test/section_00_source_test_normal_0000_x.wav")
    assert [each.id for each in read_layout(tmp_path).sections] == ["fan_section_00", "pump_section_00"]
    assert [each.id for each in read_layout(tmp_path / "dev_data/raw/fan").sections] == ["fan_section_00"]
    assert [each.machine for each in read_layout(tmp_path, ["pump"]).sections] == ["pump"]


def test_every_id_of_2020_is_a_section_with_its_own_clips(tmp_path: Path) -> None:
    touch(tmp_path / "ToyCar", *(f"train/normal_id_0{k}_00000000.wav" for k in (1, 2)))
    touch(tmp_path / "ToyCar", *(f"test/{n}_id_0{k}_00000000.wav" for k in (1, 2) for n in ("normal", "anomaly")))
    sections = read_layout(tmp_path).sections
    assert [section.name for section in sections] == ["01", "02"]
    assert [clip.path.name for clip in sections[1].test] == ["anomaly_id_02_00000000.wav", "normal_id_02_00000000.wav"]


def test_the_two_test_folders_of_2021_are_one_test(tmp_path: Path) -> None:
    touch(tmp_path / "fan", "train/section_00_source_train_normal_0000_x.wav")
    touch(tmp_path / "fan", "source_test/section_00_source_test_normal_0000_x.wav")
    touch(tmp_path / "fan", "target_test/section_00_target_test_anomaly_0000_x.wav")
    (section,) = read_layout(tmp_path).sections
    assert [clip.domain for clip in section.test] == ["source", "target"]


def test_renamed_test_clips_stand_for_those_without_labels(tmp_path: Path) -> None:
    touch(tmp_path / "fan", "train/section_00_source_train_normal_0000_x.wav", "test/section_00_0000.wav")
    touch(tmp_path / "fan", "test_rename/section_00_source_test_anomaly_0000_x.wav")
    (section,) = read_layout(tmp_path).sections
    assert [clip.label for clip in section.test] == ["anomaly"]


def test_supplemental_sound_and_anomalies_to_train_on_and_other_files_are_left_out_and_named(tmp_path: Path) -> None:
    touch(tmp_path / "fan", "supplemental/section_00_machine_0001_.wav", "attributes_00.csv", "test/readme.wav")
    touch(tmp_path / "fan", "train/section_00_source_train_normal_0000_x.wav")
    touch(tmp_path / "fan", "train/section_00_source_train_anomaly_0001_x.wav")
    touch(tmp_path / "fan", "test/section_00_source_test_normal_0000_x.wav", "test/section_01_source_test_normal_0.wav")
    layout = read_layout(tmp_path)
    assert [len(section.train) for section in layout.sections] == [1]
    told = "\n".join(layout.problems)
    assert len(layout.problems) == 4
    assert "left out for their names: 1 file (readme.wav)" in told
    assert "1 anomalous clips among those to train on" in told
    assert "supplemental: not used" in told
    assert "section 01 was left out: it has no clips in train" in told


def test_what_cannot_be_evaluated_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="nowhere: no such folder"):
        read_layout(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match="holds no machine: expected <machine>/train"):
        read_layout(tmp_path)
    (tmp_path / "fan" / "train").mkdir(parents=True)
    with pytest.raises(BadInputError, match="fan: holds no clips; expected names like section_00_"):
        read_layout(tmp_path)
    touch(tmp_path / "fan", "train/section_00_source_train_normal_0000_x.wav")
    with pytest.raises(BadInputError, match="section 00 was left out: it has no clips in test"):
        read_layout(tmp_path)
    with pytest.raises(BadInputError, match="there is no 'pump'; there are: fan"):
        read_layout(tmp_path, ["pump"])


def test_two_machines_of_one_name_are_refused_since_their_results_would_mix(tmp_path: Path) -> None:
    for part in ("dev_data", "eval_data"):
        touch(tmp_path / part / "fan", "train/section_00_source_train_normal_0000_x.wav")
    with pytest.raises(BadInputError, match="two machines are called 'fan'"):
        read_layout(tmp_path)


def test_the_challenges_own_clips_of_2023_are_understood(shared_data: Path) -> None:
    layout = read_layout(shared_data / "dcase2023_sample")
    assert [section.id for section in layout.sections] == [
        f"{machine}_section_00" for machine in ("ToyCar", "ToyTrain", "bearing", "fan")
    ]
    assert layout.problems == ()
    assert {clip.domain for section in layout.sections for clip in section.test} == {"source", "target"}
