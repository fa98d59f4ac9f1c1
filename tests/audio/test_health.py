"""What is measured of a microphone, second by second: right, and the same however the sound was cut."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.health import MeterState, Second, measure
from monitor.audio.source import MODEL_RATE_HZ
from tests.bad_sound import clipped, hum

START_S = 1_760_000_000.0
CHANNELS = (0, 2)


def noise(seconds: float, channels: int = 3, scale: float = 0.05) -> Samples:
    shape = (round(seconds * MODEL_RATE_HZ), channels)
    return np.random.default_rng(7).normal(0, scale, shape).astype(np.float32)


def measured(samples: Samples, cuts: Sequence[int] = (), channels: tuple[int, ...] = CHANNELS) -> tuple[Second, ...]:
    """Through blocks that end at ``cuts``."""
    state, first = MeterState(), 0
    found: tuple[Second, ...] = ()
    for end in (*sorted(cuts), len(samples)):
        block = AudioBlock(samples[first:end], MODEL_RATE_HZ, START_S + first / MODEL_RATE_HZ, gap=first == 0)
        state, seconds = measure(channels, state, block)
        found += seconds
        first = end
    return found


def one(samples: Samples) -> Second:
    """The last second of one channel."""
    return measured(samples.reshape(-1, 1), channels=(0,))[-1]


SOUND = noise(6.3)
WHOLE = measured(SOUND)


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(1, len(SOUND) - 1), max_size=40, unique=True))
def test_any_cutting_of_the_stream_gives_the_same_measurements(cuts: list[int]) -> None:
    assert measured(SOUND, cuts) == WHOLE


def test_there_is_one_measurement_for_each_channel_and_whole_second() -> None:
    assert [(each.channel, each.start_s - START_S) for each in WHOLE] == [
        (c, float(s)) for s in range(6) for c in (0, 2)
    ]


def test_a_gap_drops_the_second_that_it_falls_into() -> None:
    state, seconds = measure((0,), MeterState(), AudioBlock(noise(1.5), MODEL_RATE_HZ, 100.0, gap=True))
    assert [each.start_s for each in seconds] == [100.0]
    _, seconds = measure((0,), state, AudioBlock(noise(1.0), MODEL_RATE_HZ, 200.0, gap=True))
    assert [each.start_s for each in seconds] == [200.0]


def test_level_offset_and_span_are_those_of_the_sound() -> None:
    time_s = np.arange(MODEL_RATE_HZ) / MODEL_RATE_HZ
    found = one((0.1 + 0.5 * np.sin(2 * np.pi * 1000 * time_s)).astype(np.float32))
    assert found.level_dbfs == pytest.approx(20 * math.log10(0.5 / math.sqrt(2)), abs=0.01)
    assert found.offset == pytest.approx(0.1, abs=1e-4)
    assert found.span == pytest.approx(1.0, abs=1e-3)
    assert found.bands_dbfs[3] == pytest.approx(found.level_dbfs, abs=0.1)  # the octave of 1 kHz has it all
    assert max(found.bands_dbfs[:3] + found.bands_dbfs[4:]) < -90


def test_the_octaves_of_noise_add_up_to_its_level() -> None:
    found = one(noise(1, channels=1)[:, 0])
    total = 10 * math.log10(sum(10 ** (level / 10) for level in found.bands_dbfs))
    assert total == pytest.approx(found.level_dbfs, abs=0.3)  # what lies below 88 Hz is left out


def test_noise_is_not_clipped_and_its_overdriven_copy_is_by_the_share_that_lies_beyond() -> None:
    sound = noise(1, channels=1)[:, 0]
    assert one(sound).clipped < 0.001
    assert one(clipped(sound)).clipped == pytest.approx(0.62, abs=0.03)  # of a normal law beyond half a deviation
    assert one(0.2 * clipped(sound)).clipped == pytest.approx(0.62, abs=0.03)


def test_a_few_steps_of_converter_noise_are_no_flat_tops() -> None:
    steps = np.random.default_rng(1).integers(-1, 2, MODEL_RATE_HZ) / 32_768
    assert one(steps.astype(np.float32)).clipped == 0


@pytest.mark.parametrize(("mains_hz", "place"), [(50.0, 0), (49.97, 0), (60.0, 1)])
def test_hum_stands_out_at_its_own_mains_frequency_alone(mains_hz: float, place: int) -> None:
    found = one(hum(noise(6, channels=1)[:, 0], mains_hz)).hums
    assert found[place].prominence_db > 28
    assert found[1 - place].prominence_db < 20


def test_a_motor_that_turns_a_little_slower_than_mains_is_no_hum() -> None:
    assert one(hum(noise(6, channels=1)[:, 0], 49.5)).hums[0].prominence_db < 20


def test_hum_is_asked_for_only_after_six_seconds() -> None:
    assert [bool(each.hums) for each in WHOLE[::2]] == [False] * 5 + [True]


def test_channels_that_share_a_microphone_are_twins_whatever_their_gain_and_others_are_not() -> None:
    sound = noise(1)
    assert {each.twin for each in measured(sound)} == {None}
    sound[:, 2] = 0.5 * sound[:, 0]
    assert [each.twin for each in measured(sound)] == [2, 0]
    sound[:, 2] += noise(1)[:, 1] * 0.1
    assert {each.twin for each in measured(sound)} == {None}


def test_silent_channels_are_no_twins() -> None:
    assert {each.twin for each in measured(np.zeros((MODEL_RATE_HZ, 3), np.float32))} == {None}


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_told_and_spoils_no_other_channel(broken: float) -> None:
    sound = noise(4)
    sound[5, 0] = broken
    seconds = measured(sound)
    assert [each.finite for each in seconds if each.channel == 0] == [False, True, True, True]
    assert all(each.finite for each in seconds if each.channel == 2)
