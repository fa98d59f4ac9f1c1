"""The simulated machine as a source: what it plays when, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.audio.level import rms_dbfs
from monitor.audio.simulated import (
    FAULTS,
    MACHINES,
    DriftSpec,
    FaultSpec,
    SimulatedSource,
    faults_of,
    render,
)
from monitor.audio.source import MODEL_RATE_HZ, Source

RATE = MODEL_RATE_HZ
NOW_S = 1_700_000_000.0


def test_a_source_plays_the_machine_of_this_moment() -> None:
    source: Source = SimulatedSource("pump", 7, 2.0)
    assert source.read(NOW_S) == ()
    source.open(NOW_S)

    blocks = [*source.read(NOW_S + 0.7), *source.read(NOW_S + 1.5)]

    sound = np.concatenate([block.samples for block in blocks])
    np.testing.assert_array_equal(sound[:, 0], render("pump", 7, int(NOW_S) * RATE, 3 * RATE))
    assert [block.gap for block in blocks] == [True] + [False] * (len(blocks) - 1)
    assert blocks[-1].end_s == pytest.approx(NOW_S + 3, abs=1e-6)
    assert (source.channels, source.finished, source.lost_samples) == (1, False, 0)
    source.close()
    assert source.read(NOW_S + 2) == ()


def test_as_fast_as_possible_a_source_gives_ten_seconds_a_read() -> None:
    source = SimulatedSource("fan", 7, None)
    source.open(NOW_S)

    assert sum(block.frames for block in source.read(NOW_S)) == 10 * RATE


def test_a_fault_begins_so_long_after_opening() -> None:
    fault = FaultSpec("leak", 6.0, onset_s=2.0)
    source = SimulatedSource("fan", 7, None, fault)
    source.open(NOW_S)

    sound = np.concatenate([block.samples[:, 0] for block in source.read(NOW_S)])

    healthy = render("fan", 7, int(NOW_S) * RATE, 10 * RATE)
    np.testing.assert_array_equal(sound[:RATE], healthy[:RATE])
    assert rms_dbfs(sound[3 * RATE :] - healthy[3 * RATE :]) > rms_dbfs(healthy)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: render("toaster", 0, 0, 1), "no such simulated machine: 'toaster'; there are gearbox, fan"),
        (lambda: render("fan", -1, 0, 1), "seed must be at least 0, not -1"),
        (lambda: FaultSpec("rust"), "no such fault: 'rust'; there are bearing"),
        (lambda: FaultSpec("leak", ramp_s=-1), "ramp_s must be at least 0"),
        (lambda: DriftSpec(ramp_s=-1), "ramp_s must be at least 0"),
        (lambda: SimulatedSource("fan", 0, 1, FaultSpec("missing_stroke")), "no valve strokes"),
        (lambda: SimulatedSource("fan", 0, 0), "speed must be greater than 0"),
        (lambda: faults_of("toaster"), "no such simulated machine"),
    ],
)
def test_what_cannot_be_is_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(ValueError, match=words):
        make()


def test_every_machine_has_every_fault_but_missing_strokes() -> None:
    assert set(FAULTS) == {"bearing", "imbalance", "squeal", "leak", "rattle", "missing_stroke"}
    assert [kind for kind in MACHINES if "missing_stroke" in faults_of(kind)] == ["pump", "compressor"]
