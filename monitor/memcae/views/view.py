"""What a view is: a way of describing a window by a vector, and of holding the vector against normal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from monitor.memcae.fusion import Role
from monitor.memcae.kernels import Beside
from monitor.memcae.views.observation import Observation

Fit: TypeAlias = Mapping[str, Any]
"""Tensors by name; of several fits, those of two dimensions may be `Beside` each other."""


@dataclass(frozen=True, slots=True)
class View:
    """One way of scoring a window.

    Fitting is apart from describing so that a reference score can be had out of sample: describe every recording once,
    fit on some of them, take the distance of the others.
    """

    name: str
    role: Role
    """How `fusion` listens to it."""
    describe: Callable[[Observation], Tensor]
    """A batch of B windows -> [B, d]; row i depends on window i alone."""
    fit: Callable[[Sequence[Tensor]], Mapping[str, Tensor]]
    """The normal windows of each recording, [n, d] each, two at least in all, double precision -> what `distance`
    needs, by name."""
    learns: tuple[str, ...]
    """Names of the tensors that `fit` gives and `distance` needs."""
    distance: Callable[[Fit, Tensor], Tensor]
    """What `fit` gave and [B, d] -> [B], 0 or more, greater is more anomalous; what `together` gives goes as well, each
    window then being held against the fit in its place."""
    network: bool = False
    """Whether `describe` looks through the trained network."""
    absent: Mapping[str, float] = field(default_factory=dict)
    """What stands in the tensors where one fit is smaller than another that it is put together with; 0 if not named.
    It must not change the distance."""

    def together(self, fits: Sequence[Mapping[str, Tensor]], *, apart: bool = False) -> Fit:
        """Several fits, of different machines, as one: every tensor with a dimension more.

        Args:
            fits: on one device.
            apart: leave matrices where they are, for the compiled kernels: they are most of what a model holds.
        """
        return {name: self._beside(name, [fit[name] for fit in fits], apart=apart) for name in self.learns}

    def _beside(self, name: str, tensors: Sequence[Tensor], *, apart: bool) -> Tensor | Beside:
        if apart and tensors[0].dim() == 2:
            return Beside([each.contiguous() for each in tensors])
        return _stacked(tensors, self.absent.get(name, 0.0))


def _stacked(tensors: Sequence[Tensor], absent: float) -> Tensor:
    """Tensors of one number of dimensions as one, the smaller ones filled up."""
    shape = [max(sizes) for sizes in zip(*(each.shape for each in tensors), strict=True)]
    full = []
    for each in tensors:
        missing = [bound for size, most in zip(each.shape, shape, strict=True) for bound in (most - size, 0)]
        full.append(F.pad(each, missing[::-1], value=absent) if any(missing) else each)
    return torch.stack(full)
