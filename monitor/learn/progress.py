"""How long work reports on itself: a frozen record handed to a callback, so that learning draws no bars."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the work stands."""

    stage: str
    """What is being done, a few words for a person, such as `training 2 of 5`; each stage counts from 0."""
    done: int
    total: int
    """`done` when the stage ends; a stage may end before (early stopping) and then jumps to it."""
    loss: float | None = None
    """Training loss, mean over the last check; None where there is none."""
    held_out_loss: float | None = None
    """Loss on recordings that are not trained on; None where there is none."""


ProgressCallback: TypeAlias = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report to nobody."""
    del progress
