"""What is learnt of more sound than fits in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from monitor.audio.source import MODEL_RATE_HZ
from monitor.learn.dataset import Recording
from monitor.learn.excerpt import excerpt, fewer_windows
from monitor.learn.references import Described


def _recordings(*minutes: float) -> list[Recording]:
    return [
        Recording(Path(f"{i}.wav"), 0.0, np.zeros(round(each * 60 * MODEL_RATE_HZ), dtype=np.float32), "")
        for i, each in enumerate(minutes)
    ]


def _described(count: int, windows: int) -> dict[int, Described]:
    """Every window holds its recording's index."""
    return {i: Described({"recall": torch.full((windows, 3), float(i))}, torch.zeros(windows, 2)) for i in range(count)}


def test_what_fits_stays_whole() -> None:
    recordings = _recordings(1, 2)
    assert excerpt(recordings, 1.0, 0) == tuple(recordings)
    assert excerpt([], 0.5, 0) == ()


def test_an_excerpt_is_a_share_of_the_sound_from_everywhere() -> None:
    found = excerpt(_recordings(60, 60, *[1.0] * 120), 0.25, 0)
    assert sum(each.seconds for each in found) == 60 * 60.0
    assert [sum(each.path.name == name for each in found) > 5 for name in ("0.wav", "1.wav")] == [True, True]
    assert len({each.path for each in found} - {Path("0.wav"), Path("1.wav")}) > 10
    starts = [each.start_s for each in found if each.path.name == "0.wav"]
    assert starts == sorted(set(starts)), "in order, no piece twice"


def test_one_seed_gives_one_excerpt_and_another_another() -> None:
    recordings = _recordings(60)
    first, again, other = (tuple(each.start_s for each in excerpt(recordings, 0.25, seed)) for seed in (0, 0, 1))
    assert first == again != other


def test_of_too_many_windows_as_many_as_allowed_are_kept_with_their_recordings() -> None:
    kept = fewer_windows(_described(100, 2), 40, 0)
    assert sum(len(each.levels) for each in kept.values()) == 40
    assert all((each.views["recall"] == i).all() and len(each.views["recall"]) for i, each in kept.items())
    assert 20 <= len(kept) <= 40
    assert {i // 25 for i in kept} == {0, 1, 2, 3}, "over all of them"


def test_windows_that_are_not_too_many_are_all_kept() -> None:
    described = _described(10, 2)
    assert fewer_windows(described, 20, 0) == described
