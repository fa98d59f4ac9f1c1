"""What a process that scores for years tells its allocator and its garbage collector, once."""

from __future__ import annotations

import contextlib
import ctypes
import gc

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

LARGEST = 32 << 20
"""Bytes up to which a block comes from the heap, glibc's own upper bound: a batch's spectrogram is 5 to 10 MB."""

KEPT = 128 << 20
"""Bytes of free heap that are kept: what a batch of the largest preset holds. Measured on two cores with less than
this: a third of the time of a `default` window goes into getting pages from the kernel, and giving them back."""


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep freed memory for the next window; False where there is another allocator."""
    with contextlib.suppress(OSError, AttributeError):
        tell = ctypes.CDLL(None).mallopt
        return bool(tell(M_MMAP_THRESHOLD, LARGEST)) and bool(tell(M_TRIM_THRESHOLD, KEPT))
    return False


def leave_out_what_stays() -> None:
    """Let the garbage collector look no more at what there is now: libraries and models, half a million objects.

    They stay for as long as the process does, and what was replaced is freed as before, when nobody refers to it.
    """
    gc.collect()
    gc.freeze()
