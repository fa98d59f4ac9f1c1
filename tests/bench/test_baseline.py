"""The baseline is what it says it is: its mel bands, its network, its distance, and that it tells what is loud."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from monitor.learn.evaluate_layout import read_layout
from tests.bench.baseline import (
    BATCH,
    FRAMES,
    HOP,
    MELS,
    Baseline,
    beside,
    evaluate,
    mel_filters,
    network,
    row,
    score,
    slaney_hertz,
    slaney_mel,
    train,
    vectors,
)
from tests.learn.dcase_folder import write_machine


def test_the_mel_scale_is_that_of_librosas_documentation() -> None:
    # librosa.mel_frequencies(n_mels=40): the first steps are linear, the last end at 11025 Hz
    top = slaney_mel(torch.tensor(11025.0, dtype=torch.float64))
    found = slaney_hertz(torch.linspace(0, float(top), 40, dtype=torch.float64))
    expected = [0.0, 85.317, 170.635, 255.952, 341.269, 426.586, 511.904, 597.221, 682.538, 767.855, 853.173, 938.49]
    assert found[:12].tolist() == pytest.approx(expected, abs=1e-3)
    assert float(found[12]) == pytest.approx(1024.856, abs=1e-3)
    assert float(found[-1]) == pytest.approx(11025.0)
    assert float(slaney_mel(torch.tensor(6400.0))) == pytest.approx(42.0, abs=1e-4)


def test_mel_bands_are_triangles_of_equal_area_between_neighbouring_mels() -> None:
    filters = mel_filters(bands=40, n_fft=65_536, rate_hz=16_000)
    areas = filters.sum(dim=1) * 16_000 / 65_536
    assert areas.tolist() == pytest.approx([1.0] * 40, abs=1e-3)
    peaks = filters.argmax(dim=1).double() * 16_000 / 65_536
    mels = slaney_mel(peaks)
    assert torch.diff(mels).tolist() == pytest.approx([float(mels[0])] * 39, abs=0.02)
    assert mel_filters().shape == (MELS, 513)


def test_a_vector_is_five_frames_one_after_the_other_in_decibels() -> None:
    rate, seconds = 16_000, 2.0
    sine = (0.5 * np.sin(2 * math.pi * 1000 * np.arange(round(rate * seconds)) / rate)).astype(np.float32)
    found = vectors(sine, mel_filters())
    frames = len(sine) // HOP + 1
    assert found.shape == (frames - FRAMES + 1, FRAMES * MELS)
    assert torch.equal(found[3, MELS:], found[4, :-MELS])
    middle = found[30].reshape(FRAMES, MELS)
    assert torch.allclose(middle[0], middle[1], atol=0.1)
    quieter = vectors(sine * np.float32(0.1), mel_filters())
    assert float((found - quieter)[30, int(middle[0].argmax())]) == pytest.approx(20.0, abs=1e-3)


def test_the_network_has_the_challenges_sizes() -> None:
    sizes = [(layer.in_features, layer.out_features) for layer in network() if isinstance(layer, torch.nn.Linear)]
    assert [sizes[0], sizes[4], sizes[5], sizes[-1]] == [(640, 128), (128, 8), (8, 128), (128, 640)]
    assert len(sizes) == 10


def test_the_distance_is_the_mean_over_all_pairs_of_frames_as_in_the_challenges_code() -> None:
    torch.manual_seed(0)
    model = network().eval()
    spread = torch.randn(MELS, 2 * MELS, dtype=torch.float64)
    precision = torch.linalg.inv(spread @ spread.T)
    clip = torch.randn(7, FRAMES * MELS)
    found = score(Baseline(model, (precision, 2 * precision), {}), clip)
    with torch.inference_mode():
        residual = (clip - model(clip)).reshape(-1, MELS).double()
    pairs = residual @ precision @ residual.T
    assert found["Mahalanobis"] == pytest.approx(float(pairs.mean()), rel=1e-6)  # and the smaller of the two domains
    assert found["MSE"] == pytest.approx(float(residual.square().mean()), rel=1e-5)


def test_training_brings_the_error_down_and_gives_the_same_model_for_a_seed() -> None:
    torch.manual_seed(1)
    sound = {"source": torch.randn(3 * BATCH, 1) + 0.1 * torch.randn(3 * BATCH, FRAMES * MELS)}
    short, longer, again = train(sound, 1, 5), train(sound, 12, 5), train(sound, 12, 5)
    clip = sound["source"][:50]
    assert score(longer, clip)["MSE"] < score(short, clip)["MSE"]
    assert score(longer, clip) == score(again, clip)
    assert longer.thresholds == again.thresholds


def test_what_breaks_the_pattern_is_told_in_both_modes() -> None:
    torch.manual_seed(2)
    pattern = torch.randn(1, FRAMES * MELS)

    def sound(seed: int, moved_db: float = 0.0) -> torch.Tensor:
        random = torch.Generator().manual_seed(seed)
        load = 2 * torch.rand(BATCH, 1, generator=random) - 1
        rattle = moved_db * (torch.arange(FRAMES * MELS) % MELS == 40)
        return load * pattern + 0.3 * torch.randn(BATCH, FRAMES * MELS, generator=random) + rattle

    baseline = train({"source": torch.cat([sound(seed) for seed in range(6)])}, 30, 5)
    normal = [score(baseline, sound(seed)) for seed in range(100, 110)]
    broken = [score(baseline, sound(seed, 6.0)) for seed in range(200, 210)]
    for mode in ("MSE", "Mahalanobis"):
        assert max(each[mode] for each in normal) < min(each[mode] for each in broken)


def test_a_data_set_gives_the_figures_of_monitor_evaluate(tmp_path: Path) -> None:
    write_machine(tmp_path)
    (section,) = read_layout(tmp_path).sections
    found = evaluate(section, 2, 1)
    assert set(found) == {"MSE", "Mahalanobis"}
    for figures in found.values():
        assert 0 <= figures["auc_source"].low <= figures["auc_source"].value <= figures["auc_source"].high <= 1
        assert 0 <= figures["auc_target"].value <= 1
        assert row("x", section.id, figures).startswith("| fan_section_00 | x | ")


def test_results_of_monitor_evaluate_stand_beside(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    section = {"machine": "fan", "section": "00", "figures": {"auc": {"value": 0.5, "low": None, "high": None}}}
    path.write_text(json.dumps({"preset": {"name": "default"}, "sections": [section]}))
    ((system, name, figures),) = beside([path])
    assert (system, name, figures["auc"].value) == ("monitor, default", "fan_section_00", 0.5)
