"""Resampling a stream is resampling the whole, flat to 7750 Hz, lets nothing alias, and its times never drift."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import scipy.signal
from hypothesis import given
from hypothesis import strategies as st

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.level import rms_dbfs
from monitor.audio.resample import StreamResampler, to_model_rate
from monitor.audio.source import MODEL_RATE_HZ

START_S = 1_700_000_000.5


def blocks(samples: Samples, rate_hz: int, cuts: Sequence[int], start_s: float = START_S) -> list[AudioBlock]:
    edges = [0, *sorted(cut for cut in cuts if cut <= len(samples)), len(samples)]
    return [
        AudioBlock(samples[low:high], rate_hz, start_s + low / rate_hz, gap=index == 0)
        for index, (low, high) in enumerate(itertools.pairwise(edges))
    ]


def resampled(stream: Sequence[AudioBlock]) -> list[AudioBlock]:
    resampler = StreamResampler()
    ready = [out for block in stream for out in resampler.push(block)]
    return [*ready, *resampler.flush()]


def joined(ready: Sequence[AudioBlock]) -> Samples:
    return np.concatenate([block.samples for block in ready])


def tone(hertz: float, rate_hz: int, seconds: float = 2.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(rate_hz * seconds)) / rate_hz)).astype(np.float32)[:, None]


@given(
    st.sampled_from([8_000, 44_100, 48_000, 96_000]),
    st.integers(0, 9_000),
    st.lists(st.integers(0, 9_000), max_size=6),
    st.integers(1, 3),
)
def test_a_stream_however_cut_gives_what_the_whole_gives(
    rate_hz: int, frames: int, cuts: list[int], channels: int
) -> None:
    sound = np.random.default_rng(frames).uniform(-1, 1, (frames, channels)).astype(np.float32)

    ready = resampled(blocks(sound, rate_hz, cuts))

    whole = to_model_rate(sound, rate_hz)
    out = joined(ready) if ready else np.zeros((0, channels), np.float32)
    assert len(whole) == pytest.approx(frames * MODEL_RATE_HZ / rate_hz, abs=1)
    assert out.shape == whole.shape
    np.testing.assert_allclose(out, whole, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("hertz", [1000, 6500, 7000, 7250, 7500, 7750])
def test_a_tone_keeps_its_level_up_to_the_last_band_that_is_looked_at(rate_hz: int, hertz: int) -> None:
    sound = tone(hertz, rate_hz)

    middle = joined(resampled(blocks(sound, rate_hz, range(0, len(sound), 1024))))[4000:-4000]

    assert rms_dbfs(middle) == pytest.approx(rms_dbfs(sound), abs=0.01)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("hertz", [8250, 8500, 9000, 12_000, 15_900])
def test_a_tone_that_would_alias_is_gone_by_100_db(rate_hz: int, hertz: int) -> None:
    sound = tone(hertz, rate_hz)

    middle = joined(resampled(blocks(sound, rate_hz, range(0, len(sound), 1024))))[4000:-4000]

    assert rms_dbfs(middle) < rms_dbfs(sound) - 100


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000, 96_000])
def test_sound_of_the_models_rate_heard_at_another_comes_back_sample_by_sample(rate_hz: int) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, 4 * MODEL_RATE_HZ)
    spectrum = np.fft.rfft(noise)
    spectrum[7750 * 4 :] = 0  # the last band that is looked at; bins are 0.25 Hz wide
    sound = np.fft.irfft(spectrum)[:, None]

    elsewhere = scipy.signal.resample(sound, 4 * rate_hz).astype(np.float32)

    np.testing.assert_allclose(to_model_rate(elsewhere, rate_hz)[1000:-1000], sound[1000:-1000], atol=2e-5)


@pytest.mark.parametrize("rate_hz", [44_100, 48_000])
def test_times_do_not_drift_over_20_minutes(rate_hz: int) -> None:
    resampler = StreamResampler()
    silence = np.zeros((rate_hz * 10, 1), np.float32)
    ready: list[AudioBlock] = []
    for index in range(120):
        ready.extend(resampler.push(AudioBlock(silence, rate_hz, START_S + 10 * index, gap=index == 0)))
    ready.extend(resampler.flush())

    assert sum(block.frames for block in ready) == 1200 * MODEL_RATE_HZ
    assert ready[-1].end_s == pytest.approx(START_S + 1200, abs=1e-6)
    for before, after in itertools.pairwise(ready):
        assert after.start_s == pytest.approx(before.end_s, abs=1e-6)


def test_a_click_keeps_its_time() -> None:
    sound = np.zeros((48_000, 1), np.float32)
    sound[30_000] = 1.0

    out = joined(resampled(blocks(sound, 48_000, range(0, 48_000, 480))))

    assert int(np.argmax(np.abs(out))) == 10_000


def test_a_gap_ends_one_stretch_and_begins_another() -> None:
    first = tone(1000, 48_000, 0.5)
    second = tone(500, 48_000, 0.5)
    stream = blocks(first, 48_000, [10_000]) + blocks(second, 48_000, [7_000], start_s=START_S + 60)

    ready = resampled(stream)

    begins = [index for index, block in enumerate(ready) if block.gap]
    assert [ready[index].start_s for index in begins] == [START_S, START_S + 60]
    before, after = ready[: begins[1]], ready[begins[1] :]
    np.testing.assert_allclose(joined(before), to_model_rate(first, 48_000), atol=1e-6)
    np.testing.assert_allclose(joined(after), to_model_rate(second, 48_000), atol=1e-6)


def test_a_corrected_clock_moves_the_times_and_breaks_nothing() -> None:
    resampler = StreamResampler()
    second = np.zeros((48_000, 1), np.float32)
    resampler.push(AudioBlock(second, 48_000, START_S, gap=True))
    ready = resampler.push(AudioBlock(second, 48_000, START_S + 1.5)) + resampler.flush()

    assert ready[-1].end_s == pytest.approx(START_S + 2.5, abs=1e-6)
    assert not any(block.gap for block in ready)


def test_the_models_own_rate_passes_untouched() -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, (3000, 2)).astype(np.float32)

    ready = resampled(blocks(sound, MODEL_RATE_HZ, [1000]))

    np.testing.assert_array_equal(joined(ready), sound)
    assert [block.gap for block in ready] == [True, False]


def test_a_bad_sample_in_one_channel_stays_out_of_the_other() -> None:
    sound = np.zeros((48_000, 2), np.float32)
    sound[1000, 0] = np.nan

    out = joined(resampled(blocks(sound, 48_000, [])))

    assert np.isnan(out[:, 0]).any()
    assert np.isfinite(out[:, 1]).all()
