"""The GPU's way through the code, without a GPU: torch's `meta` device has shapes and no numbers, and no host memory.

Whatever asks for a number on the way (`item`, `numpy`, a condition) fails there, as it would make a GPU wait for the
host. That no operation is given tensors of two devices, which `meta` lets pass, is looked at apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from monitor.learn.train import loss_of
from monitor.memcae import crowd, ways
from monitor.memcae.network import MemCAE
from monitor.memcae.preset import Preset
from monitor.memcae.ways import Way
from tests.memcae.small import RATE_HZ, SMALL, SMALL_PAPER, fitted

META = torch.device("meta")
CARRIED = ("aten.to.", "aten._to_copy.")
"""What may take a constant, made once, to the device."""


class Devices(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every operation that is given tensors of more than one device, or none of the device that is looked at."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.mixed: list[str] = []
        self.seen = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], _types: Sequence[type], args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = [each.device.type for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor) and each.dim()]
        self.seen += META.type in given
        if len(set(given)) > 1 and not str(func).startswith(CARRIED):
            self.mixed.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.fixture
def _no_condition_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """While models are made ready they are asked for numbers, once; on `meta` there are none."""
    asked = Tensor.__bool__
    monkeypatch.setattr(Tensor, "__bool__", lambda self: False if self.device == META else asked(self))


@pytest.mark.usefixtures("_no_condition_is_true")
@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("preset", [SMALL, SMALL_PAPER], ids=lambda preset: preset.name)
def test_windows_are_scored_where_the_models_are_and_no_number_is_asked_for(
    preset: Preset, stacked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [fitted(name, preset, seed).to(META) for seed, name in enumerate("abc")]
    members = [ways.member(model, Way(stacked=stacked)) for model in models]
    stack = crowd.together(members) if stacked else None
    monkeypatch.undo()  # from here on a condition on a number is an error
    with Devices() as devices:
        said = crowd.judge(members, torch.empty(3, 3 * RATE_HZ, device=META), stack)
    assert devices.mixed == []
    assert devices.seen > 10
    assert said.value.shape == (3,)
    assert {said.value.device, said.excess_db.device, *(each.device for each in said.views.values())} == {META}


@pytest.mark.parametrize("preset", [SMALL, SMALL_PAPER], ids=lambda preset: preset.name)
def test_a_network_learns_where_it_is_and_no_number_is_asked_for(preset: Preset) -> None:
    network = MemCAE(preset.network, preset.spectrogram.bins).to(META)
    crops = torch.empty(8, preset.spectrogram.bins, 64, device=META)
    with Devices() as devices:
        loss = loss_of(network, crops, preset.training, np.random.default_rng(0))
        loss.backward()  # type: ignore[no-untyped-call]
    assert devices.mixed == []
    assert loss.device == META
    assert {each.grad.device for each in network.parameters() if each.grad is not None} == {META}


def test_a_tensor_left_on_the_host_is_noticed() -> None:
    with Devices() as devices:
        torch.bmm(torch.empty(1, 2, 2, device=META), torch.empty(1, 2, 2))
    assert devices.mixed == ["aten.bmm.default"]
