from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from monitor.detect import alarm, threshold
from monitor.detect.alarm import AlarmEvent, AlarmPolicy, Transition
from monitor.detect.budget import Budget
from monitor.detect.calibration import calibrate
from monitor.detect.kinds import AlarmKind
from monitor.detect.pipeline import DRIFT_LEVELS, DRIFT_POLICY, DetectorPolicy, DetectorState, MachineDetector
from monitor.detect.threshold import RollingPolicy
from monitor.detect.verdict import VerdictState, judge
from tests.detect.samples import calibration, score

DETECTOR = MachineDetector("fan-1", calibration())
SLOW_HOP_S = 40.0
A_DAY = 2160
"""Windows of a day at that hop: what takes days is shown with a quarter of the windows."""


def walk(
    detector: MachineDetector,
    values: Iterable[float],
    state: DetectorState | None = None,
    *,
    first: int = 0,
    hop_s: float = 10.0,
) -> tuple[DetectorState, list[Transition]]:
    state = detector.initial() if state is None else state
    happened: list[Transition] = []
    for place, value in enumerate(values, first):
        window = score(value, place, hop_s=hop_s)
        outcome = detector.step(state, window, window.end_s)
        state, happened = outcome.state, [*happened, *outcome.transitions]
    return state, happened


def kinds(happened: Iterable[Transition]) -> list[tuple[str, str]]:
    return [(change.kind.value, change.event.value) for change in happened]


def detector_from(normal: NDArray[np.float64]) -> MachineDetector:
    calibrated = calibrate(
        list(normal.reshape(-1, 90)),
        window_s=10.0,
        hop_s=10.0,
        budget=Budget(),
        rule=AlarmPolicy(),
        created_s=0.0,
        model_version="v1",
    )
    return MachineDetector("fan-1", calibrated)


def test_three_loud_windows_are_an_anomaly_and_a_quiet_minute_ends_it() -> None:
    _, happened = walk(DETECTOR, [0, 5, 5, 5, *[0] * 6])
    assert kinds(happened) == [("anomaly", "raised"), ("anomaly", "cleared")]
    assert happened[0].evidence.threshold == 4.0


def test_without_a_calibration_nothing_is_normal_and_nothing_alarms() -> None:
    detector = MachineDetector("fan-1", None)
    state = detector.initial()
    for place, value in enumerate([0.0, 100.0] * 10):
        outcome = detector.step(state, score(value, place), 0.0)
        state = outcome.state
        assert outcome.verdict.state is VerdictState.UNCALIBRATED
        assert outcome.transitions == ()


def test_unknown_windows_change_neither_alarm_nor_levels() -> None:
    state, _ = walk(DETECTOR, np.random.default_rng(1).standard_normal(500))
    after, happened = walk(DETECTOR, [math.nan, math.inf] * 50, state, first=500)
    assert happened == []
    assert after.rolling is not None
    assert state.rolling is not None
    assert after.rolling.offset == state.rolling.offset


def test_windows_of_bad_audio_neither_alarm_nor_move_the_levels() -> None:
    state = DETECTOR.initial()
    for place in range(200):
        outcome = DETECTOR.step(state, score(1.0 if place % 2 else 50.0, place), 0.0, audio_ok=False)
        state = outcome.state
        assert outcome.verdict.state is VerdictState.INVALID
        assert outcome.transitions == ()
    assert state.rolling is not None
    assert state.rolling.offset == state.rolling.median == 0.0


def test_the_levels_are_frozen_while_there_is_a_warning_or_an_alarm() -> None:
    state, happened = walk(DETECTOR, [1.9] * 300 + [3.5] * 3)
    assert kinds(happened) == [("anomaly", "warning")]
    after, _ = walk(DETECTOR, [2.9, 1.9] * 170, state, first=303)  # just under an hour
    assert after.anomaly.level == "warning"
    assert after.rolling is not None
    assert state.rolling is not None
    assert after.rolling.offset == state.rolling.offset > 0


def test_a_machine_whose_new_normal_is_above_the_clear_level_is_followed_again_an_hour_after_its_alarm() -> None:
    state, happened = walk(DETECTOR, [5.0] * 3 + [2.0] * 360)
    assert kinds(happened) == [("anomaly", "raised"), ("anomaly", "cleared")]
    after, happened = walk(DETECTOR, [2.0] * 1000, state, first=363)
    assert happened == []
    assert state.rolling is not None
    assert after.rolling is not None
    assert after.rolling.offset > state.rolling.offset


def test_a_slow_rise_over_a_season_does_not_alarm() -> None:
    rng = np.random.default_rng(5)
    detector = detector_from(np.exp(0.5 * rng.standard_normal(900)))
    spread = detector.calibration.spread if detector.calibration else math.nan
    week = np.exp(0.5 * rng.standard_normal(9 * A_DAY))
    # The normal score rises by four spreads within a week, and stays.
    rise = 4 * spread * np.minimum(np.arange(len(week)) / (7 * A_DAY), 1)
    state, happened = walk(detector, week + rise, hop_s=SLOW_HOP_S)
    assert [kind for kind in kinds(happened) if kind[0] == "anomaly" and kind[1] == "raised"] == []
    assert state.rolling is not None
    assert state.rolling.offset > 3 * spread


@pytest.mark.parametrize("bend", [1.0, 3.0], ids=["steadily", "ever faster"])
def test_a_fault_that_grows_over_three_days_is_not_absorbed(bend: float) -> None:
    rng = np.random.default_rng(6)
    detector = detector_from(np.exp(0.5 * rng.standard_normal(900)))
    assert detector.calibration is not None
    noise = np.exp(0.5 * rng.standard_normal(4 * A_DAY))
    growth = 3 * detector.calibration.headroom * np.clip(np.arange(len(noise)) / (3 * A_DAY), 0, 1) ** bend
    state, happened = walk(detector, noise + growth, hop_s=SLOW_HOP_S)
    raised = [change for change in happened if change.event is AlarmEvent.RAISED and change.kind is AlarmKind.ANOMALY]
    assert raised
    assert raised[0].at_s < score(0, 3 * A_DAY, hop_s=SLOW_HOP_S).end_s
    assert state.anomaly.active


def test_a_fault_that_grows_so_slowly_that_the_levels_follow_ends_as_drift() -> None:
    rng = np.random.default_rng(7)
    creep = 0.5 * np.arange(9 * A_DAY) / A_DAY  # half a spread a day
    _, happened = walk(DETECTOR, 0.3 * rng.standard_normal(len(creep)) + creep, hop_s=SLOW_HOP_S)
    assert ("drift", "raised") in kinds(happened)


def test_drift_is_raised_once_and_carries_how_far_the_normal_score_has_moved() -> None:
    state, happened = walk(DETECTOR, np.minimum(0.9 * np.arange(6 * A_DAY) / A_DAY, 4.05), hop_s=SLOW_HOP_S)
    assert kinds(happened) == [("drift", "raised")]
    assert happened[0].evidence.score == pytest.approx(1.0, abs=0.01)
    # A new calibration starts at its own middle again, and an hour later the drift is over.
    fresh = MachineDetector("fan-1", calibration(location=4.0, created_s=1.0))
    after, later = walk(fresh, [4.0] * 361, state, first=6 * A_DAY, hop_s=SLOW_HOP_S)
    assert kinds(later) == [("drift", "cleared")]
    assert after.rolling is not None
    assert after.rolling.offset == 0.0


def test_a_new_calibration_keeps_the_alarm_but_not_the_votes_of_the_old() -> None:
    state, _ = walk(DETECTOR, [5, 5])
    fresh = MachineDetector("fan-1", calibration(created_s=1.0))
    assert walk(fresh, [5], state, first=2)[1] == []
    active, _ = walk(DETECTOR, [5, 5, 5])
    assert walk(fresh, [5], active, first=3)[0].anomaly.active


def test_with_windows_further_apart_than_when_it_was_calibrated_an_alarm_comes_and_goes() -> None:
    values = [5, 5, 5, *[0] * 6]
    assert walk(DETECTOR, values, hop_s=900.0)[1] == []  # each window is the first after a pause
    spread_out = MachineDetector("fan-1", calibration(), hop_s=900.0)
    assert kinds(walk(spread_out, values, hop_s=900.0)[1]) == [("anomaly", "raised"), ("anomaly", "cleared")]


def test_with_windows_far_apart_drift_is_over_too() -> None:
    hop_s = 900.0
    state, happened = walk(DETECTOR, np.minimum(0.9 * np.arange(600) / 96, 4.05), hop_s=hop_s)
    assert kinds(happened) == [("drift", "raised")]
    fresh = MachineDetector("fan-1", calibration(location=4.0, created_s=1.0), hop_s=hop_s)
    assert kinds(walk(fresh, [4.0] * 361, state, first=600, hop_s=hop_s)[1]) == [("drift", "cleared")]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-6, 6), st.integers(1, 50)), max_size=6), st.booleans())
@example(stretches=[(-6.0, 10), (0.0, 50)], unknown=True)  # drifts, and is over an hour later
def test_drift_is_what_counting_every_window_says(stretches: list[tuple[float, int]], unknown: bool) -> None:
    fast = RollingPolicy(rise_per_day=3000.0, track_per_day=3000.0)  # within minutes instead of days
    policy = DetectorPolicy(AlarmPolicy(clear_after_s=0.0), fast)
    detector = MachineDetector("fan-1", calibration(), policy)
    values = [value for value, times in stretches for value in [value] * 10 * times]
    state = counted = detector.initial()
    expected: list[Transition] = []
    happened: list[Transition] = []
    for place, value in enumerate(values):
        window = score(math.nan if unknown and place % 7 == 0 else value, place)
        outcome = detector.step(state, window, window.end_s)
        state = outcome.state
        assert state.rolling is not None
        moved = threshold.moved(fast, calibration(), state.rolling)
        verdict = judge(replace(window, value=moved), DRIFT_LEVELS, audio_ok=outcome.verdict.known)
        drift, changes = alarm.step(DRIFT_POLICY, counted.drift, verdict, window.end_s)
        counted = replace(counted, drift=drift)
        expected += changes
        happened += [change for change in outcome.transitions if change.kind is AlarmKind.DRIFT]
    assert [(each.event, each.at_s, each.peak) for each in happened] == [
        (each.event, each.at_s, each.peak) for each in expected
    ]


VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.5, 5.0, 9.0, math.nan]) | st.floats(-20, 20)


@given(st.lists(VALUES, max_size=50), st.lists(st.integers(0, 50), max_size=4), st.integers(1, 4))
def test_saving_and_restoring_at_any_place_changes_nothing(values: list[float], cuts: list[int], k: int) -> None:
    detector = MachineDetector("fan-1", calibration(), DetectorPolicy(AlarmPolicy(k, 4, 20.0)))
    whole_state, whole = walk(detector, values)
    state, happened = detector.initial(), []
    edges = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    for begin, end in itertools.pairwise(edges):
        state = DetectorState.from_dict(json.loads(json.dumps(state.to_dict(), allow_nan=False)))
        state, more = walk(detector, values[begin:end], state, first=begin)
        happened += more
    assert (state, happened) == (whole_state, whole)


@pytest.mark.parametrize(("key", "value"), [("anomaly", None), ("drift", 3), ("rolling", "x"), ("schema", 2)])
def test_a_wrong_saved_state_names_its_key(key: str, value: object) -> None:
    data: dict[str, object] = {**DETECTOR.initial().to_dict(), key: value}
    with pytest.raises(ValueError, match=key):
        DetectorState.from_dict(data)
