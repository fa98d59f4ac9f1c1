from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.memcae.network import inner, padding
from monitor.memcae.preset import PAPER
from tests.memcae.small import SMALL, SMALL_PAPER, network_of

NETWORK = network_of(SMALL_PAPER)


@given(length=st.integers(1, 5000), layers=st.integers(1, 5))
def test_padding_reaches_the_next_length_that_comes_back(length: int, layers: int) -> None:
    padded = length + padding(length, layers)
    down = padded
    for _ in range(layers):
        down = (down - 1) // 2 + 1
    up = down
    for _ in range(layers):
        up = 2 * up - 1
    assert up == padded
    assert 0 <= padded - length < 2**layers


@settings(deadline=None, max_examples=40)
@given(columns=st.integers(1, 200))
def test_a_clip_of_any_length_comes_back_in_its_length(columns: int) -> None:
    target = torch.randn(2, 257, columns)
    with torch.inference_mode():
        latent = NETWORK.layers(target)[-1]
        found = NETWORK.decode(NETWORK.recall(latent), target)
    assert found.shape == target.shape
    assert latent.shape[2:] == (33, (columns + 6) // 8 + 1)


def test_ten_seconds_of_paper_have_33_by_158_latent_positions() -> None:
    with torch.inference_mode():
        assert NETWORK.layers(torch.zeros(1, 257, 1251))[-1].shape == (1, 8, 33, 158)


def test_training_and_scoring_see_the_same_reconstruction() -> None:
    target = torch.randn(1, 257, 40)
    with torch.inference_mode():
        latent = NETWORK.layers(target)[-1]
        by_training, weights = NETWORK.reconstruct(target, latent)
        torch.testing.assert_close(NETWORK.decode(NETWORK.recall(latent), target), by_training)
    assert weights is not None
    assert weights.shape == (33 * 6, 12)


def test_a_window_does_not_touch_another_of_its_batch() -> None:
    target = torch.randn(3, 257, 40)
    broken = target.clone()
    broken[1] = torch.nan
    with torch.inference_mode():
        whole, hurt = NETWORK.layers(target)[-1], NETWORK.layers(broken)[-1]
    torch.testing.assert_close(hurt[[0, 2]], whole[[0, 2]])
    assert hurt[1].isnan().all()


def test_without_memory_the_latent_goes_straight_to_the_decoder() -> None:
    network = network_of(replace(SMALL_PAPER, network=replace(SMALL_PAPER.network, slots=0)))
    latent = torch.randn(1, 8, 33, 5)
    assert network.recall(latent) is latent


def test_what_the_spec_leaves_out_cannot_be_asked_for() -> None:
    network = network_of(replace(SMALL, network=replace(SMALL.network, decoder=False)))
    with pytest.raises(RuntimeError, match="no decoder"):
        network.decode(torch.zeros(1, 8, 33, 5), torch.zeros(1, 257, 33))
    with pytest.raises(RuntimeError, match="no head"):
        NETWORK.answers(torch.zeros(1, 8, 33, 5))


def test_standardising_gives_every_bin_mean_0_and_deviation_1() -> None:
    network = network_of(SMALL)
    seen = torch.randn(4, 257, 50) * torch.linspace(1, 9, 257)[:, None] - 3
    network.set_statistics(seen.mean(dim=(0, 2)), seen.std(dim=(0, 2), correction=0))
    found = network.standardise(seen)
    torch.testing.assert_close(found.mean(dim=(0, 2)), torch.zeros(257), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(dim=(0, 2), correction=0), torch.ones(257), atol=1e-4, rtol=0)


def test_the_papers_network_has_the_papers_sizes() -> None:
    network = network_of(PAPER)
    assert network.memory is not None
    assert network.memory.slots.shape == (2000, 64)
    assert [layer[0].out_channels for layer in network.encoder] == [16, 32, 64]  # type: ignore[index]
    assert PAPER.network.channels == (16, 32, 64)


@torch.inference_mode()
@pytest.mark.parametrize("layers", [2, 3])
def test_inner_units_do_not_depend_on_where_the_sound_ends(layers: int) -> None:
    network = network_of(replace(SMALL, network=replace(SMALL.network, widths=(4, 6)[: layers - 1])))
    stride, columns = 1 << layers, 61
    sound = torch.randn(1, 257, columns + 4 * stride, generator=torch.Generator().manual_seed(0))
    first, past = inner(columns, layers)
    assert (first, past) == (1, columns // stride - 1)
    cut, longer = sound[..., 2 * stride : 2 * stride + columns], sound
    here, there = (network.reconstruct(seen, network.layers(seen)[-1])[0] for seen in (cut, longer))
    same = here[..., first * stride : past * stride]
    torch.testing.assert_close(same, there[..., (2 + first) * stride : (2 + past) * stride], rtol=1e-4, atol=1e-5)
    beyond = (here - there[..., 2 * stride : 2 * stride + columns]).abs().amax(dim=(0, 1))
    assert beyond[: first * stride].max() > 1e-3
    assert beyond[past * stride :].max() > 1e-3


def test_a_sound_of_less_than_three_units_has_none_inside() -> None:
    assert inner(23, 3) == (1, 1)
    assert inner(24, 3) == (1, 2)
