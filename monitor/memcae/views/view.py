"""What a view is: a way of describing a window by a vector, and of holding the vector against normal ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from monitor.memcae.fusion import Role
from monitor.memcae.views.observation import Observation


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
    distance: Callable[[Mapping[str, Tensor], Tensor], Tensor]
    """What `fit` gave and [B, d] -> [B], 0 or more, greater is more anomalous."""
    network: bool = False
    """Whether `describe` looks through the trained network."""
