"""Recordings are played as if heard: on time, in order, each a stretch of its own, and a bad one stops no other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.recording import MAX_READ, RecordingSource, read_recording
from monitor.audio.source import MODEL_RATE_HZ, Source
from monitor.errors import RecordingError
from tests.audio.sound_files import noise, wav_bytes, write

NOW_S = 1_700_000_000.0


def joined(blocks: Sequence[AudioBlock]) -> Samples:
    return np.concatenate([block.samples for block in blocks])


def all_of(source: RecordingSource) -> list[AudioBlock]:
    source.open(NOW_S)
    blocks: list[AudioBlock] = []
    while not source.finished:
        blocks.extend(source.read(NOW_S))
    return blocks


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write(tmp_path / "a.wav", noise(2.5, seed=1), subtype="FLOAT"),
        write(tmp_path / "b.wav", noise(1.25, 48_000, seed=2), 48_000, subtype="FLOAT"),
    )


def test_as_fast_as_possible_gives_every_sample_of_every_file(two: tuple[Path, Path]) -> None:
    blocks = all_of(RecordingSource(two, None))

    np.testing.assert_array_equal(joined(blocks), np.concatenate([read_recording(path) for path in two]))
    assert all(block.rate_hz == MODEL_RATE_HZ and 0 < block.frames <= MODEL_RATE_HZ for block in blocks)


def test_each_file_is_a_stretch_of_its_own(two: tuple[Path, Path]) -> None:
    blocks = all_of(RecordingSource((*two, two[1]), None))

    assert [block.start_s for block in blocks if block.gap] == [NOW_S, NOW_S + 2.5, NOW_S + 3.75]


def test_times_follow_the_samples(two: tuple[Path, Path]) -> None:
    blocks = all_of(RecordingSource(two, None))

    for before, after in itertools.pairwise(blocks):
        assert after.start_s == pytest.approx(before.end_s, abs=1e-6)


def test_in_real_time_nothing_comes_before_it_is_due(two: tuple[Path, Path]) -> None:
    source: Source = RecordingSource(two)
    source.open(NOW_S)

    assert source.read(NOW_S) == []
    assert sum(block.frames for block in source.read(NOW_S + 0.5)) == MODEL_RATE_HZ // 2
    assert source.read(NOW_S + 0.5) == []
    assert sum(block.frames for block in source.read(NOW_S + 2.0)) == MODEL_RATE_HZ * 3 // 2
    assert not source.finished
    source.read(NOW_S + 3.74)
    assert not source.finished
    source.read(NOW_S + 3.75)
    assert source.finished
    assert source.lost_samples == 0


def test_at_ten_times_the_speed_ten_times_as_much_is_due(two: tuple[Path, Path]) -> None:
    source = RecordingSource(two, 10)
    source.open(NOW_S)

    blocks = source.read(NOW_S + 0.25)

    assert sum(block.frames for block in blocks) == MODEL_RATE_HZ * 5 // 2
    assert blocks[-1].end_s == pytest.approx(NOW_S + 2.5, abs=1e-6)  # audio time runs at this speed


def test_a_clock_that_is_set_back_brings_nothing_twice(two: tuple[Path, Path]) -> None:
    source = RecordingSource(two)
    source.open(NOW_S)
    source.read(NOW_S + 1)

    assert source.read(NOW_S - 3600) == []
    assert sum(block.frames for block in source.read(NOW_S + 1.5)) == MODEL_RATE_HZ // 2


def test_a_reader_that_fell_behind_catches_up_in_portions(tmp_path: Path) -> None:
    source = RecordingSource([write(tmp_path / "a.wav", noise(25))])
    source.open(NOW_S)

    portions = [sum(block.frames for block in source.read(NOW_S + 3600)) for _ in range(3)]

    assert portions == [MAX_READ, MAX_READ, 5 * MODEL_RATE_HZ]


def test_a_loop_begins_anew_with_a_gap(two: tuple[Path, Path]) -> None:
    source = RecordingSource(two[:1], None, loop=True)
    source.open(NOW_S)

    blocks = [block for _ in range(3) for block in source.read(NOW_S)]

    assert [block.start_s - NOW_S for block in blocks if block.gap] == [2.5 * index for index in range(12)]
    assert not source.finished


def test_bad_files_are_skipped_and_named(tmp_path: Path, two: tuple[Path, Path]) -> None:
    text = tmp_path / "text.wav"
    text.write_text("no sound\n" * 30)
    late = noise(3)
    late[40_000] = np.nan
    nan = write(tmp_path / "nan.wav", late, subtype="FLOAT")
    source = RecordingSource((two[0], text, nan, two[1]), None)

    blocks = all_of(source)

    assert [block.start_s - NOW_S for block in blocks if block.gap] == [0.0, 2.5, 4.5]  # 2 s before the bad second
    assert np.isfinite(joined(blocks)).all()
    assert [problem.split(":")[0] for problem in source.problems] == [str(text), str(nan)]


def test_when_none_can_be_read_opening_says_why(tmp_path: Path) -> None:
    cut = tmp_path / "cut.wav"
    cut.write_bytes(wav_bytes(b"\1\2" * 1000, promised=4000))

    with pytest.raises(RecordingError, match=r"cut\.wav: is cut off"):
        RecordingSource([cut]).open(NOW_S)
    with pytest.raises(RecordingError, match=r"none of 2 recordings can be read; the first: .*cut\.wav: is cut off"):
        RecordingSource([cut, tmp_path / "gone.wav"]).open(NOW_S)
    with pytest.raises(RecordingError, match="no recordings were given"):
        RecordingSource([]).open(NOW_S)


def test_a_loop_over_files_that_turn_out_bad_ends(tmp_path: Path) -> None:
    samples = noise(1)
    samples[100] = np.inf
    source = RecordingSource([write(tmp_path / "inf.wav", samples, subtype="FLOAT")], None, loop=True)
    source.open(NOW_S)

    assert source.finished
    assert "is no number" in source.problems[0]


def test_channels_are_those_of_the_first_file_unless_more_are_needed(tmp_path: Path) -> None:
    stereo = write(tmp_path / "stereo.wav", noise(1, channels=2), subtype="FLOAT")
    three = write(tmp_path / "three.wav", noise(1, channels=3), subtype="FLOAT")
    mono = write(tmp_path / "mono.wav", noise(1), subtype="FLOAT")

    source = RecordingSource([stereo, three, mono], None)
    blocks = all_of(source)
    assert source.channels == 2
    assert {block.samples.shape[1] for block in blocks} == {2}
    assert source.problems == (f"{mono}: has too few channels: 1 of 2 needed",)

    source = RecordingSource([stereo, three, mono], None, channels=3)
    source.open(NOW_S)
    assert source.channels == 3
    assert source.path == three


def test_it_can_be_closed_at_any_time_and_opened_again(two: tuple[Path, Path]) -> None:
    source = RecordingSource(two, None)
    source.close()
    assert source.read(NOW_S) == []
    first = all_of(source)
    source.close()
    source.close()

    np.testing.assert_array_equal(joined(all_of(source)), joined(first))


def test_a_speed_that_goes_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="speed must be greater than 0"):
        RecordingSource([], 0)
