"""Windows do not depend on how the audio was cut, and a gap never hides in one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.windows import Window, WindowSpec, WindowState, fold

RATE_HZ = 100
START_S = 1_700_000_000.25

lengths = st.lists(st.integers(0, 120), min_size=1, max_size=4)
specs = st.integers(1, 70).flatmap(
    lambda hop: st.builds(
        WindowSpec, st.just("fan-1"), st.integers(0, 1), st.integers(1, 40), st.just(hop), st.integers(1, hop)
    )
)


def stretches(sizes: Sequence[int]) -> list[Samples]:
    """Samples that say which they are: the number in channel 0, its negative in channel 1."""
    numbers = np.arange(sum(sizes), dtype=np.float32)
    parts = np.split(numbers, np.cumsum(sizes)[:-1])
    return [np.stack([part, -part], axis=1) for part in parts]


def stream(sizes: Sequence[int], cuts: Sequence[int]) -> list[AudioBlock]:
    """The stretches one after the other, each cut at the given places; zero-length blocks included."""
    blocks = []
    before = 0
    for samples in stretches(sizes):
        edges = [0, *sorted(cut for cut in cuts if cut <= len(samples)), len(samples)]
        for index, (low, high) in enumerate(itertools.pairwise(edges)):
            start_s = START_S + before / RATE_HZ + low / RATE_HZ
            blocks.append(AudioBlock(samples[low:high], RATE_HZ, start_s, gap=index == 0))
        before += len(samples)
    return blocks


def folded(spec: WindowSpec, blocks: Sequence[AudioBlock]) -> list[Window]:
    state = WindowState()
    windows: list[Window] = []
    for block in blocks:
        state, complete = fold(spec, state, block)
        windows.extend(complete)
    return windows


def obvious(spec: WindowSpec, sizes: Sequence[int]) -> list[tuple[float, list[float], bool]]:
    """The slow way: every whole window of each stretch, then what is left if some of it was in none."""
    found = []
    before = 0
    parts = stretches(sizes)
    for index, samples in enumerate(parts):
        channel = samples[:, spec.channel].tolist()
        origin_s = START_S + before / RATE_HZ
        at = heard = count = 0
        while at + spec.window <= len(channel):
            found.append((origin_s + at / RATE_HZ, channel[at : at + spec.window], False))
            heard = at + spec.window
            count += 1
            at = math.floor(count * spec.hop / spec.grid + 0.5) * spec.grid
        broken = index < len(parts) - 1
        if broken and max(at, heard) < len(channel):
            found.append((origin_s + at / RATE_HZ, channel[at:], True))
        before += len(channel)
    return found


@given(specs, lengths, st.lists(st.integers(0, 120), max_size=12))
def test_any_cutting_of_a_stream_gives_the_windows_of_the_whole(
    spec: WindowSpec, sizes: list[int], cuts: list[int]
) -> None:
    windows = folded(spec, stream(sizes, cuts))

    assert [(w.start_s, w.samples.tolist(), w.lost) for w in windows] == obvious(spec, sizes)


@given(specs, lengths, st.lists(st.integers(0, 120), max_size=12))
def test_a_window_is_dated_by_its_first_sample_and_carries_its_channel(
    spec: WindowSpec, sizes: list[int], cuts: list[int]
) -> None:
    for window in folded(spec, stream(sizes, cuts)):
        first = abs(window.samples[0])
        assert window.start_s == pytest.approx(START_S + first / RATE_HZ, abs=1e-6)
        assert window.end_s == pytest.approx(window.start_s + len(window.samples) / RATE_HZ, abs=1e-6)
        assert (window.machine, window.rate_hz, window.channel) == ("fan-1", RATE_HZ, spec.channel)
        assert window.samples.dtype == np.float32


def block(numbers: range, *, start_s: float = START_S, gap: bool = False, rate_hz: int = RATE_HZ) -> AudioBlock:
    return AudioBlock(np.array(numbers, np.float32)[:, None], rate_hz, start_s, gap=gap)


def test_a_gap_gives_what_was_pending_as_a_short_lost_window() -> None:
    windows = folded(WindowSpec("m", 0, 10, 10), [block(range(7), gap=True), block(range(50, 55), gap=True)])

    assert [(w.samples.tolist(), w.lost) for w in windows] == [([0, 1, 2, 3, 4, 5, 6], True)]


def test_a_recording_that_ends_loses_nothing_when_the_next_begins() -> None:
    ended = block(range(7), gap=True)
    following = AudioBlock(block(range(50, 60)).samples, RATE_HZ, START_S, gap=True, begins=True)
    windows = folded(WindowSpec("m", 0, 10, 10), [ended, following])

    assert [(w.samples[0], w.lost) for w in windows] == [(50, False)]


def test_a_gap_after_a_whole_window_loses_nothing() -> None:
    windows = folded(WindowSpec("m", 0, 10, 5), [block(range(10), gap=True), block(range(50, 55), gap=True)])

    assert [w.lost for w in windows] == [False]


def test_a_gap_while_skipping_loses_nothing() -> None:
    windows = folded(WindowSpec("m", 0, 4, 10), [block(range(8), gap=True), block(range(50, 54), gap=True)])

    assert [(w.samples[0], w.lost) for w in windows] == [(0, False), (50, False)]


def test_a_change_of_rate_breaks_the_window() -> None:
    windows = folded(WindowSpec("m", 0, 10, 10), [block(range(7), gap=True), block(range(10), rate_hz=2 * RATE_HZ)])

    assert [(len(w.samples), w.rate_hz, w.lost) for w in windows] == [(7, RATE_HZ, True), (10, 2 * RATE_HZ, False)]


def test_windows_follow_a_source_that_corrects_its_clock() -> None:
    late = block(range(10, 20), start_s=START_S + 0.1 + 0.5)  # half a second later than counting says
    windows = folded(WindowSpec("m", 0, 10, 10), [block(range(10), gap=True), late])

    assert windows[1].start_s == pytest.approx(START_S + 0.6, abs=1e-6)


def test_a_window_outlives_the_buffer_that_it_came_from() -> None:
    buffer = np.arange(10, dtype=np.float32)[:, None]
    state, _ = fold(WindowSpec("m", 0, 20, 20), WindowState(), AudioBlock(buffer, RATE_HZ, START_S, gap=True))
    buffer[:] = 99
    _, (window,) = fold(WindowSpec("m", 0, 20, 20), state, block(range(10, 20), start_s=START_S + 0.1))

    assert window.samples.tolist() == list(range(20))


def test_what_waits_for_the_next_window_keeps_no_more_in_memory_than_twice_itself() -> None:
    for hop in (20, 15, 5, 1):
        state, windows = fold(WindowSpec("m", 0, 20, hop), WindowState(), block(range(23), gap=True))
        assert windows
        for chunk in state.chunks:
            held = chunk if chunk.base is None else chunk.base
            assert held.nbytes <= 2 * chunk.nbytes + chunk.itemsize


def test_the_state_before_can_be_folded_again() -> None:
    spec = WindowSpec("m", 0, 10, 5)
    state, _ = fold(spec, WindowState(), block(range(8), gap=True))
    later = block(range(8, 16), start_s=START_S + 0.08)

    once, again = fold(spec, state, later)[1], fold(spec, state, later)[1]

    assert [w.samples.tolist() for w in once] == [w.samples.tolist() for w in again]


@pytest.mark.parametrize("hop", [20, 5, 1])
def test_the_state_before_can_be_folded_with_other_sound_as_well(hop: int) -> None:
    spec = WindowSpec("m", 0, 20, hop)
    state, _ = fold(spec, WindowState(), block(range(20), gap=True))
    _, once = fold(spec, state, block(range(20, 40)))
    kept = [w.samples.tolist() for w in once]
    _, other = fold(spec, state, block(range(120, 140)))

    assert kept == [list(range(first, first + 20)) for first in range(hop, 21, hop)]
    assert [w.samples.tolist() for w in once] == kept
    assert [w.samples[-1] for w in other] == [samples[-1] + 100 for samples in kept]


def test_sound_that_windows_share_is_copied_once_in_half_a_window() -> None:
    state, memories = WindowState(), []
    for first in range(0, 60, 2):
        state, windows = fold(WindowSpec("m", 0, 20, 2), state, block(range(first, first + 2), gap=first == 0))
        memories += [window.samples.base for window in windows]

    assert len(memories) == 21
    assert len({id(memory) for memory in memories}) == 4


@pytest.mark.parametrize(("channel", "window", "hop"), [(-1, 1, 1), (0, 0, 1), (0, 1, 0)])
def test_a_spec_that_could_never_give_a_window_is_refused(channel: int, window: int, hop: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        WindowSpec("m", channel, window, hop)


def test_a_channel_that_is_not_there_is_not_taken_for_another() -> None:
    with pytest.raises(IndexError):
        fold(WindowSpec("m", 1, 10, 10), WindowState(), block(range(7), gap=True))


def test_windows_on_a_grid_keep_the_hop_in_the_mean() -> None:
    spec = WindowSpec("m", 0, 160_000, 16_000, 1024)
    starts = [spec.start(index) for index in range(1001)]
    assert all(start % 1024 == 0 for start in starts)
    assert {after - before for before, after in itertools.pairwise(starts)} == {15 * 1024, 16 * 1024}
    assert abs(starts[1000] - 1000 * 16_000) <= 512
