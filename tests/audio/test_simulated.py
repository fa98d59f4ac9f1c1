"""Simulated machines: the same however they are asked, true to their physics, faults at the level that was stated."""

from __future__ import annotations

import time
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.audio.block import Samples
from monitor.audio.level import rms_dbfs
from monitor.audio.simulated import (
    MACHINES,
    DriftSpec,
    FaultSpec,
    faults_of,
    render,
)
from monitor.audio.simulation.individual import Voice
from monitor.audio.simulation.machines import KINDS, Workshop
from monitor.audio.source import MODEL_RATE_HZ

RATE = MODEL_RATE_HZ
NOW_S = 1_700_000_000.0
CELLS = [(kind, fault) for kind in MACHINES for fault in faults_of(kind)]


def spectrum(samples: Samples) -> NDArray[np.float64]:
    """Power by frequency bin, Hann window, one bin per 1 / duration."""
    return np.asarray(np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples)))) ** 2)


def line_db(samples: Samples, hertz: float, width_hz: float = 0.4) -> float:
    """How far a spectral line stands out of what is beside it, decibels."""
    power = spectrum(samples)
    bins = np.fft.rfftfreq(len(samples), 1 / RATE)
    line = power[np.abs(bins - hertz) < width_hz].max()
    beside = np.median(power[(np.abs(bins - hertz) > 2 * width_hz) & (np.abs(bins - hertz) < 10 * width_hz)])
    return float(10 * np.log10(line / beside))


def shaft_hz(kind: str, seed: int) -> float:
    return KINDS[kind](Workshop(kind, seed)).rhythm.speed_hz


@cache
def moments(kind: str, seed: int, *faults: FaultSpec) -> Samples:
    """Half a minute of sound, a second at a time over half an hour, so that slow wander averages out."""
    voice = Voice(kind, seed, faults)
    return np.concatenate([voice.samples(61 * index * RATE, RATE) for index in range(30)])


@pytest.mark.parametrize("kind", MACHINES)
@settings(max_examples=8, deadline=None)
@given(start=st.integers(0, 5 * RATE), frames=st.integers(0, 3 * RATE), cut=st.integers(0, 3 * RATE))
def test_sound_does_not_depend_on_how_it_is_cut(kind: str, start: int, frames: int, cut: int) -> None:
    cut = min(cut, frames)
    faults = [FaultSpec("leak", 0.0, onset_s=2.5, ramp_s=1.0)]
    drift = DriftSpec(3.0, 1.0, onset_s=1.0, ramp_s=4.0)

    whole = render(kind, 5, start, frames, faults, drift)
    pieces = [render(kind, 5, start, cut, faults, drift), render(kind, 5, start + cut, frames - cut, faults, drift)]

    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("kind", MACHINES)
def test_a_seed_is_an_individual(kind: str) -> None:
    once, again, other = (render(kind, seed, 0, RATE) for seed in (1, 1, 2))

    np.testing.assert_array_equal(once, again)
    assert np.abs(np.corrcoef(once, other)[0, 1]) < 0.5


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("seed", [0, 11])
def test_a_healthy_machine_has_its_level_while_it_runs(kind: str, seed: int) -> None:
    level = rms_dbfs(moments(kind, seed))
    idle_db = 10 * np.log10(0.55) if kind == "compressor" else 0.0

    assert level == pytest.approx(-36 + idle_db, abs=2.0)
    assert np.abs(moments(kind, seed)).max() < 0.5


@pytest.mark.parametrize(
    ("kind", "fault"),
    [cell for cell in CELLS if cell[0] in {"pump", "varying"} and cell[1] != "missing_stroke"],
)
def test_a_fault_is_as_loud_as_stated(kind: str, fault: str) -> None:
    healthy, ill = moments(kind, 3), moments(kind, 3, FaultSpec(fault, snr_db=-3.0))

    added = rms_dbfs(ill - healthy) - rms_dbfs(healthy)

    assert added == pytest.approx(-3.0, abs=2.0)


@pytest.mark.parametrize("fault", ["bearing", "leak"])
def test_a_machine_that_rests_has_its_fault_at_the_stated_level_while_it_runs(fault: str) -> None:
    healthy, ill = moments("compressor", 3), moments("compressor", 3, FaultSpec(fault, snr_db=-3.0))
    loud = np.abs(healthy.reshape(-1, 400)).max(axis=1) > 0.02
    running = np.repeat(loud, 400)

    added = rms_dbfs((ill - healthy)[running]) - rms_dbfs(healthy[running])

    assert added == pytest.approx(-3.0, abs=2.0)


@pytest.mark.parametrize("kind", ["pump", "compressor"])
def test_missing_strokes_are_taken_away_whole_and_never_more(kind: str) -> None:
    healthy = moments(kind, 3)
    half, whole, more = (moments(kind, 3, FaultSpec("missing_stroke", snr)) for snr in (-30.0, 0.0, 20.0))

    np.testing.assert_array_equal(whole, more)
    assert rms_dbfs(whole) < rms_dbfs(half) < rms_dbfs(healthy)


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("fault", ["bearing", "squeal"])
def test_before_its_onset_a_fault_changes_no_sample(kind: str, fault: str) -> None:
    spec = FaultSpec(fault, 6.0, onset_s=4.0)

    frames = RATE * (45 if kind == "compressor" else 6)  # it may stand still at first

    healthy, ill = render(kind, 1, 0, frames), render(kind, 1, 0, frames, [spec])

    np.testing.assert_array_equal(healthy[: 3 * RATE], ill[: 3 * RATE])
    np.testing.assert_allclose(healthy[: 4 * RATE - RATE // 100], ill[: 4 * RATE - RATE // 100], atol=1e-7)  # rounding
    assert np.abs(healthy[4 * RATE :] - ill[4 * RATE :]).max() > 0.01


def test_a_fault_grows_in_proportion_to_time() -> None:
    spec = FaultSpec("leak", 10.0, onset_s=10.0, ramp_s=100.0)
    added = render("fan", 1, 0, 130 * RATE, [spec]) - render("fan", 1, 0, 130 * RATE)

    def level(at_s: float) -> float:
        return rms_dbfs(added[int((at_s - 1) * RATE) : int((at_s + 1) * RATE)])

    assert level(60) - level(35) == pytest.approx(6.0, abs=1.5)
    assert level(120) - level(60) == pytest.approx(6.0, abs=1.5)


def test_normal_sound_drifts_by_level_and_tilt() -> None:
    drift = DriftSpec(level_db=3.0, tilt_db=-2.0, onset_s=0.0, ramp_s=7 * 86_400)
    before = render("fan", 1, 8 * 86_400 * RATE, 30 * RATE)
    after = render("fan", 1, 8 * 86_400 * RATE, 30 * RATE, drift=drift)
    ratio = 10 * np.log10(spectrum(after) / spectrum(before))
    bins = np.fft.rfftfreq(len(before), 1 / RATE)

    for hertz, expected_db in ((125.0, 9.0), (1000.0, 3.0), (4000.0, -1.0)):
        near = (bins > hertz * 0.97) & (bins < hertz * 1.03)
        assert np.median(ratio[near]) == pytest.approx(expected_db, abs=0.5)
    np.testing.assert_allclose(render("fan", 1, 0, RATE, drift=drift), render("fan", 1, 0, RATE), atol=1e-6)


def test_half_way_a_drift_is_between() -> None:
    drift = DriftSpec(level_db=6.0, ramp_s=100.0)
    plain, half = render("fan", 1, 50 * RATE, 2 * RATE), render("fan", 1, 50 * RATE, 2 * RATE, drift=drift)

    assert 2.0 < rms_dbfs(half) - rms_dbfs(plain) < 5.0


def test_normal_sound_varies_by_itself() -> None:
    voice = Voice("gearbox", 4)
    levels = [rms_dbfs(voice.samples(30 * index * RATE, 10 * RATE)) for index in range(20)]

    assert 0.2 < np.std(levels) < 3.0


@pytest.mark.parametrize("start_s", [0, 1_700_000_000])
def test_shaft_and_mesh_are_lines_in_the_first_second_and_after_half_a_century(start_s: int) -> None:
    sound = render("gearbox", 3, start_s * RATE, 10 * RATE)
    shaft = shaft_hz("gearbox", 3)

    assert line_db(sound, shaft, 0.5) > 10
    assert max(line_db(sound, shaft * teeth, 8.0) for teeth in range(17, 26)) > 10


def test_imbalance_is_heard_once_a_turn() -> None:
    healthy, ill = render("fan", 3, 0, 10 * RATE), render("fan", 3, 0, 10 * RATE, [FaultSpec("imbalance", 0.0)])

    assert line_db(ill - healthy, shaft_hz("fan", 3), 0.5) > 30


def test_a_broken_bearing_strikes_at_its_ball_pass_frequency() -> None:
    added = render("gearbox", 3, 0, 20 * RATE, [FaultSpec("bearing", 6.0)]) - render("gearbox", 3, 0, 20 * RATE)
    envelope = np.abs(added).astype(np.float32)
    power = spectrum(envelope - envelope.mean())
    bins = np.fft.rfftfreq(len(envelope), 1 / RATE)
    low = (bins > 20) & (bins < 150)

    assert bins[low][power[low].argmax()] == pytest.approx(3.585 * shaft_hz("gearbox", 3), rel=0.02)


def test_a_leak_hisses_high_and_a_squeal_is_shrill() -> None:
    def centre_hz(fault: str) -> float:
        added = render("fan", 3, 0, 10 * RATE, [FaultSpec(fault, 0.0)]) - render("fan", 3, 0, 10 * RATE)
        power = spectrum(added)
        return float(np.average(np.fft.rfftfreq(len(added), 1 / RATE), weights=power))

    assert centre_hz("leak") > 3000
    assert 1500 < centre_hz("squeal") < 4000


def test_a_rattle_is_irregular_knocking() -> None:
    added = render("fan", 3, 0, 20 * RATE, [FaultSpec("rattle", 0.0)]) - render("fan", 3, 0, 20 * RATE)
    kurtosis = np.mean(added**4) / np.mean(added**2) ** 2

    assert kurtosis > 8  # noise has 3


def test_a_compressor_runs_and_rests() -> None:
    seconds = render("compressor", 2, 0, 300 * RATE).reshape(300, RATE)
    levels = np.array([rms_dbfs(second) for second in seconds])
    running = levels > levels.max() - 10

    assert 0.4 < running.mean() < 0.7
    assert 5 <= np.sum(np.diff(running.astype(int)) == 1) <= 10  # starts in five minutes


def test_a_varying_motor_changes_its_speed() -> None:
    rhythm = KINDS["varying"](Workshop("varying", 2)).rhythm
    seconds = [rhythm.at(second) for second in range(300)]
    speeds = np.array([moment.speed.mean() for moment in seconds])

    assert speeds.min() > 0.4
    assert speeds.max() < 1.6
    assert speeds.max() - speeds.min() > 0.3
    turns = [moment.whole_turns + moment.turns for moment in seconds]
    assert all((np.diff(turn) > 0).all() for turn in turns)
    for before, after in zip(turns, turns[1:], strict=False):  # noqa: RUF007  reads as what it is
        assert after[0] == pytest.approx(before[-1], abs=1e-6)


@pytest.mark.parametrize("kind", MACHINES)
def test_no_click_where_one_second_meets_the_next(kind: str) -> None:
    sound = render(kind, 6, 0, 60 * RATE).astype(np.float64)
    bends = np.abs(np.diff(sound, 2)).reshape(-1)
    joints = np.concatenate([bends[second * RATE - 3 : second * RATE + 2] for second in range(1, 60)])

    assert np.percentile(joints, 90) < 3 * np.percentile(bends, 90)


@pytest.mark.parametrize("kind", MACHINES)
def test_a_minute_of_sound_costs_less_than_a_second(kind: str) -> None:
    voice = Voice(kind, 1)  # measured at 1/250 of real time on one core; the bound leaves room for a slow machine
    begin_s = time.process_time()
    voice.samples(0, 60 * RATE)

    assert time.process_time() - begin_s < 1.0
