"""A small fixed part of tests/bench/faults.py and day.py, and that they measure rightly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.audio.level import rms_dbfs
from monitor.audio.simulated import DriftSpec, FaultSpec, render
from monitor.memcae.preset import DEFAULT, Preset
from monitor.memcae.score import Score
from tests.bench import day, faults
from tests.bench.lab import series
from tests.bench.lab.machine import NOW_S, Listening, Machine, Recordings, windows
from tests.bench.lab.separation import FUSED, Sides
from tests.bench.lab.setup import kept, quickly
from tests.bench.lab.tables import table
from tests.bench.lab.trained import raised, train

RATE = 16_000
FAN = Machine("fan", 1)


@pytest.fixture(scope="module")
def preset() -> Iterator[Preset]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other on a busy machine take many times as long
    small = replace(DEFAULT.network, widths=(4, 8), slot_size=16)
    yield quickly(replace(DEFAULT, network=small))
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def plan(preset: Preset, tmp_path_factory: pytest.TempPathFactory) -> day.Plan:
    folder = tmp_path_factory.mktemp("kept")
    return day.Plan(preset, folder, 1, 1, 1, 300, day_s=3600, recordings=Recordings(count=8, seconds=20))


def test_neighbouring_windows_are_the_machines_sound_without_a_gap() -> None:
    heard = list(windows(Listening(FAN, NOW_S, 8)))
    sound = render("fan", 1, NOW_S * RATE, 80 * RATE)
    assert np.array_equal(np.concatenate([window.samples for window in heard]), sound)
    assert [window.start_s - NOW_S for window in heard] == [10.0 * place for place in range(8)]


def test_windows_apart_are_that_far_apart() -> None:
    heard = list(windows(Listening(FAN, NOW_S, 2, every_s=300)))
    assert [window.start_s - NOW_S for window in heard] == [0.0, 300.0]
    assert np.array_equal(heard[1].samples, render("fan", 1, (NOW_S + 300) * RATE, 10 * RATE))


def test_a_fault_and_a_drift_are_heard_from_their_onset_on() -> None:
    healthy = list(windows(Listening(FAN, NOW_S, 2)))
    for changed in (
        Listening(FAN, NOW_S, 2, fault=FaultSpec("squeal", 6.0, NOW_S + 10.0)),
        Listening(FAN, NOW_S, 2, drift=DriftSpec(3.0, 0.0, NOW_S + 10.0)),
    ):
        heard = list(windows(changed))
        before = slice(0, 158_000)  # what changes is known every 10 ms and rings on
        assert np.allclose(heard[0].samples[before], healthy[0].samples[before], atol=1e-6)
        assert np.std(heard[1].samples) > 1.3 * np.std(healthy[1].samples)


def test_sides_are_told_apart_by_each_view_and_fused() -> None:
    good = tuple(Score("m", 0.0, 1.0, value, {"one": -value}) for value in (1.0, 2.0))
    bad = tuple(Score("m", 0.0, 1.0, value, {"one": -value}) for value in (3.0, 1.5))
    assert Sides(good, bad).auc() == {"one": 0.25, FUSED: 0.75}


def test_loud_faults_of_a_fan_are_found_by_a_hardly_trained_model(plan: day.Plan) -> None:
    size = faults.Size(("fan",), (1,), (6.0,), plan.recordings, healthy=12, faulty=4)
    cells = faults.bench(plan.preset, size, plan.folder)
    assert [cell.fault for cell in cells] == ["bearing", "imbalance", "squeal", "leak", "rattle"]
    for cell in cells:
        assert set(cell.auc) == {*plan.preset.views, FUSED}
        assert cell.auc[FUSED] >= 0.95
    text = faults.report(cells)
    assert "| fan | bearing | +6 |" in text
    assert "| all |" in text


def test_an_intermittent_machine_is_faulty_only_while_it_runs() -> None:
    heard = list(faults.audible(Machine("compressor", 1), FaultSpec("bearing", -6.0), 4))
    assert len(heard) == 4
    assert min(rms_dbfs(window.samples) for window in heard) > faults.HEARD_DBFS
    every = windows(Listening(Machine("compressor", 1), NOW_S, 12, every_s=433))
    assert min(rms_dbfs(window.samples) for window in every) < faults.HEARD_DBFS - 6


def test_sudden_faults_are_raised_within_a_minute_and_not_before(plan: day.Plan) -> None:
    for fault in ("bearing", "leak"):
        delay, before = day._sudden(plan, fault, seed=0)
        assert 20.0 <= delay <= day.IN_TIME_S
        assert before == 0


def test_kept_scores_are_those_that_were_heard(plan: day.Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, trained = plan.train("fan")
    heard = Listening(machine, NOW_S + 7200, 8)
    monkeypatch.setattr(series, "PIECE", 5)
    first = list(series.scores(heard, trained, plan.folder))
    live = [score.value for score in trained.scores(windows(heard))]
    assert [score.value for score in first] == pytest.approx(live, rel=1e-3)
    assert [score.start_s for score in first] == [NOW_S + 7200 + 10.0 * place for place in range(8)]

    def deaf(_: object) -> None:
        raise AssertionError("scored again")

    monkeypatch.setattr(series, "windows", deaf)
    assert list(series.scores(heard, trained, plan.folder)) == first
    with pytest.raises(AssertionError, match="scored again"):
        list(series.scores(replace(heard, start_s=NOW_S), trained, plan.folder))


def test_the_live_path_counts_what_it_raises(plan: day.Plan) -> None:
    machine, trained = plan.train("fan")
    assert train(machine, plan.preset, plan.recordings, plan.folder).calibration == trained.calibration
    low, high = trained.calibration.location, 2 * trained.calibration.threshold
    values = [low] * 10 + [high] * 5 + [low] * 30 + [high] * 5
    scores = [Score(machine.name, 10.0 * i, 10.0 * (i + 1), value) for i, value in enumerate(values)]
    transitions, state = trained.replay(scores)
    assert raised(transitions, "anomaly") == [130.0, 480.0]
    assert trained.replay(scores[:1], state)[1] != state


def test_other_code_or_presets_find_nothing_kept(preset: Preset, tmp_path: Path) -> None:
    assert kept(tmp_path, preset) == kept(tmp_path, preset)
    assert kept(tmp_path, preset) != kept(tmp_path, DEFAULT)
    assert kept(tmp_path, preset) != kept(tmp_path, preset, Recordings(1, 1))


def test_a_late_alarm_is_not_in_time() -> None:
    assert not math.inf <= day.IN_TIME_S
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n|---|---|\n| 1 | 2 |"
