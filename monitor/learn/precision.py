"""In what arithmetic a network is trained: float32, or bfloat16 where that is faster and detects no less."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import torch

from monitor.errors import DeviceError

Arithmetic: TypeAlias = Literal["float32", "bfloat16"]
"""`float32`: single precision throughout. `bfloat16`: products in convolutions and matrices of numbers with 8
significant bits; weights, their updates, softmax and losses, and all that is taken of the network afterwards, are in
single precision. It has the range of float32, so that no loss needs scaling."""

Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
"""What may be asked for; `auto` is decided by the processor."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

NATIVE = (8, 0)
"""CUDA compute capability from which the GPU itself multiplies bfloat16 (Ampere, 2020). Older ones can be made to, with
conversions that cost more than they save."""


@dataclass(frozen=True, slots=True)
class Processor:
    """What decides the arithmetic."""

    kind: str
    """`cpu` or `cuda`."""
    capability: tuple[int, int] = (0, 0)
    """CUDA compute capability; of no meaning on a `cpu`."""
    bfloat16: bool = True
    """Whether its torch can compute with bfloat16 at all."""


def choose(wanted: Precision, processor: Processor) -> Arithmetic:
    """The arithmetic to train in.

    `auto` is bfloat16 on a GPU that multiplies it itself, and float32 on a CPU: on one core of a Xeon a step of the
    `default` preset takes 13.6 ms in float32 and 13.5 ms in bfloat16 by AMX, and 21 and 58 ms by AVX2, which is what
    most CPUs have.

    Raises:
        DeviceError: bfloat16 was asked for on a GPU that does not multiply it.
    """
    able = processor.bfloat16 and (processor.kind == "cpu" or processor.capability >= NATIVE)
    if wanted == "bfloat16" and not able:
        raise DeviceError(
            f"precision: bfloat16 was asked for, but this GPU, of compute capability "
            f"{'.'.join(map(str, processor.capability))}, does not multiply it: that takes {'.'.join(map(str, NATIVE))}"
        )
    if wanted == "auto":
        return "bfloat16" if able and processor.kind == "cuda" else "float32"
    return wanted


def processor_of(device: torch.device) -> Processor:
    """What of a device decides the arithmetic."""
    if device.type != "cuda":
        return Processor(device.type)
    return Processor("cuda", torch.cuda.get_device_capability(device), torch.cuda.is_bf16_supported())


def arithmetic(chosen: Arithmetic, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Forward passes and losses inside are computed so; with `float32` nothing at all is changed."""
    if chosen == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)
