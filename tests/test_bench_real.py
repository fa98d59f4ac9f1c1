"""A small fixed part of tests/bench/recordings.py, ablation.py and precision.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from monitor.learn.evaluate_layout import read_layout
from monitor.memcae.preset import DEFAULT, PRESETS, Preset
from tests.bench import ablation, faults, precision, recordings
from tests.bench.lab import real
from tests.bench.lab.separation import FUSED
from tests.bench.lab.setup import quickly


@pytest.fixture(scope="module")
def preset() -> Iterator[Preset]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other on a busy machine take many times as long
    small = replace(DEFAULT.network, widths=(4, 8), slot_size=16)
    yield quickly(replace(DEFAULT, network=small))
    torch.set_num_threads(before)


def test_a_split_of_the_fan_keeps_four_recordings_unseen(shared_data: Path) -> None:
    one, other = real.fan_split(shared_data, 0), real.fan_split(shared_data, 1)
    assert (len(one.train), len(one.normal), len(one.anomalous)) == (8, 4, 8)
    assert not set(one.train) & set(one.normal)
    assert real.fan_split(shared_data, 0) == one != other


def test_the_pairs_of_unseen_speeds_are_all_different(shared_data: Path) -> None:
    splits = real.bldc_splits(shared_data, 28)
    assert len({split.normal for split in splits}) == 28
    for split in splits:
        assert not set(split.train) & set(split.normal)
        assert len(split.train) == 6
    assert {split.normal for split in real.bldc_splits(shared_data, 7)} < {split.normal for split in splits}


def test_the_compressors_days_follow_each_other(shared_data: Path) -> None:
    known, fresh = real.compressor_days(shared_data)
    assert (len(known), len(fresh)) == (30, 30)
    assert all("20260328_" in path.name for path in fresh)
    assert "20260302" in known[0].name


def test_another_day_of_the_compressor_raises_no_false_alarm(preset: Preset, shared_data: Path) -> None:
    (row,) = recordings.compressor(recordings.Plan(preset, shared_data))
    assert row["replayed"] == "30 clips"
    assert row["false alarms"] == "0" or row["drift events"] != "0"


def test_faults_of_the_fan_are_told_from_unseen_normal_recordings(preset: Preset, shared_data: Path) -> None:
    (row,) = recordings.fan(recordings.Plan(preset, shared_data, splits=1))
    assert float(row[f"AUC {FUSED}"]) >= 0.95
    assert row["false alarms"] == "0 of 4"


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_variant_without_memory_has_none(name: str) -> None:
    made = ablation.variants(PRESETS[name])
    assert made[""] == PRESETS[name]
    none = made["without memory"]
    assert none.network == replace(PRESETS[name].network, slots=0)
    assert not set(none.views) & set(ablation.FORGETFUL)
    assert none.training == PRESETS[name].training


def test_the_ablation_says_what_each_view_is_worth(preset: Preset, shared_data: Path, tmp_path: Path) -> None:
    plan = ablation.Plan(1, 1, faults.QUICK, tmp_path)
    found = ablation.ablation(preset, ["bldc"], plan)
    forgetful = ablation.variants(preset)["without memory"].views
    assert set(found) == {*preset.views, FUSED, *(f"{view}, without memory" for view in (*forgetful, FUSED))}
    assert all(0 <= float(figures["bldc_m1"]) <= 1 for figures in found.values())


def test_a_network_trained_in_mixed_precision_tells_the_toy_cars_faults_as_one_in_float32_does(
    preset: Preset, shared_data: Path, tmp_path: Path
) -> None:
    (car,) = read_layout(shared_data / "dcase", ("ToyCar1",)).sections
    part = replace(car, train=car.train[::3])  # sixty clips
    single, mixed = (precision.run(part, preset, 0, each, "cpu", tmp_path) for each in precision.ARITHMETICS)
    assert (single.precision, mixed.precision) == ("float32", "bfloat16")
    assert single.loss != mixed.loss
    assert single.auc >= 0.9
    assert mixed.auc == pytest.approx(single.auc, abs=0.02), "less than the seeds of one precision are apart"
    assert "The precisions of one seed are 0.0" in precision.apart([single, mixed])
