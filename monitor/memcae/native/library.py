"""The compiled library that this processor can run."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import torch

INTERFACE = 4
"""Of the functions below, as `vector.hpp` has it."""

SWITCH = "MONITOR_KERNELS"
"""Environment variable; `off` leaves the library out, should it ever be suspected."""

BUILDS: Mapping[str, Sequence[str]] = {"AVX512": ("avx512", "avx2", "plain"), "AVX2": ("avx2", "plain")}
"""By what torch says of the processor the builds that it can run, the best one first; others only run `plain`."""

_POINTER, _INT, _LONG, _FLOAT = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float

SIGNATURES: Mapping[str, Sequence[type]] = {
    "hear": (_POINTER, _INT, _LONG, _POINTER, *[_INT] * 4, *[_POINTER] * 2, _INT, *[_POINTER] * 2),
    "quietest": (_POINTER, *[_INT] * 4, _FLOAT, _POINTER),
    "down": (_POINTER, *[_INT] * 4, *[_POINTER] * 2, *[_INT] * 4, _FLOAT, *[_INT] * 2, _POINTER),
    "up": (_POINTER, *[_INT] * 4, *[_POINTER] * 2, *[_INT] * 2, _FLOAT, _POINTER),
    "last": (_POINTER, *[_INT] * 4, *[_POINTER] * 2, *[_INT] * 3, _POINTER),
    "attend": (_POINTER, *[_INT] * 3, *[_POINTER] * 2, *[_INT] * 2, *[_POINTER] * 2, _INT, _POINTER),
    "project": (_POINTER, *[_INT] * 2, *[_POINTER] * 3, _INT, _POINTER),
    "exponentials": (_POINTER, _LONG),
}
"""What each function is given; none gives anything back. They let go of the interpreter while they compute."""


@lru_cache
def best() -> tuple[str, ctypes.CDLL] | None:
    """The build for this processor by its name, and its library; None where none was built, or none that fits."""
    if os.environ.get(SWITCH) == "off":
        return None
    for name in BUILDS.get(torch.backends.cpu.get_cpu_capability(), ("plain",)):
        for suffix in EXTENSION_SUFFIXES:
            path = Path(__file__).with_name(name + suffix)
            if path.is_file() and (found := opened(path)) is not None:
                return name, found
    return None


def library() -> ctypes.CDLL | None:
    """The library; None where there is none."""
    found = best()
    return None if found is None else found[1]


def opened(path: Path) -> ctypes.CDLL | None:
    """The library at ``path``; None where it cannot be loaded or was built from other sources than these."""
    try:
        found = ctypes.CDLL(str(path))
        if found.interface() != INTERFACE:
            return None
        for name, arguments in SIGNATURES.items():
            function = getattr(found, name)
            function.argtypes, function.restype = arguments, None
    except (OSError, AttributeError):
        return None
    return found
