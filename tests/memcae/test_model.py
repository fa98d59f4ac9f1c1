from __future__ import annotations

import pytest
import torch

from monitor.memcae import model as models
from monitor.memcae.model import from_tensors
from monitor.memcae.preset import Preset
from tests.memcae.small import SMALL, SMALL_PAPER, fitted, noise


@pytest.mark.parametrize("preset", [SMALL, SMALL_PAPER], ids=["default", "paper"])
def test_a_model_survives_its_tensors(preset: Preset) -> None:
    model = fitted(preset=preset)
    again = from_tensors(model.machine, "v1", preset, 2.0, model.tensors())
    samples = noise(3, 2.0, seed=4)
    assert torch.equal(model.score_batch(samples).value, again.score_batch(samples).value)
    assert again.version == "v1"


def test_a_batch_of_any_size_gives_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fitted()
    samples = noise(7, 2.0, seed=4)
    whole = model.score_batch(samples)
    monkeypatch.setattr(models, "BATCH_SAMPLES", 2 * samples.shape[1])
    parts = model.score_batch(samples)
    torch.testing.assert_close(parts.value, whole.value, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(parts.excess_db, whole.excess_db)
    assert set(parts.views) == set(SMALL.views)


def test_the_papers_score_is_the_clips_mean_squared_error() -> None:
    model = fitted(preset=SMALL_PAPER)
    samples = noise(2, 2.0, seed=4)
    window = torch.hann_window(512)
    seen = torch.stft(samples, 512, 128, window=window, return_complex=True).abs()
    with torch.inference_mode():
        latent = model.network.layers(seen)[-1]
        back = model.network.decode(model.network.recall(latent), seen)
    torch.testing.assert_close(model.score_batch(samples).value, (back - seen).square().mean(dim=(1, 2)))


def test_louder_sound_scores_higher() -> None:
    model = fitted(windows=40)
    assert (
        model.score_batch(noise(1, 2.0, seed=4, level=0.2)).value > model.score_batch(noise(8, 2.0, seed=4)).value.max()
    )


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_a_window_with_a_broken_sample_scores_nothing(broken: float) -> None:
    model = fitted()
    samples = noise(3, 2.0, seed=4)
    whole = model.score_batch(samples)
    samples[1, 17] = broken
    hurt = model.score_batch(samples)
    assert hurt.value[1].isnan()
    assert hurt.excess_db[1].isnan().all()
    assert hurt.value[[0, 2]].tolist() == pytest.approx(whole.value[[0, 2]].tolist(), rel=1e-3)


def test_a_missing_tensor_is_named() -> None:
    tensors = fitted().tensors()
    del tensors["reference.spread"]
    with pytest.raises(ValueError, match=r"reference\.spread"):
        from_tensors("fan-1", "", SMALL, 2.0, tensors)


def test_a_missing_view_is_named() -> None:
    tensors = {name: value for name, value in fitted().tensors().items() if not name.startswith("view.rhythm.")}
    with pytest.raises(ValueError, match="rhythm"):
        from_tensors("fan-1", "", SMALL, 2.0, tensors)


def test_tensors_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit its preset"):
        from_tensors("fan-1", "", SMALL_PAPER, 2.0, fitted().tensors())


def test_moving_a_model_to_where_it_is_gives_itself() -> None:
    model = fitted()
    assert model.to(torch.device("cpu")) is model
