"""`monitor demo`: a simulated plant from first recording to alarm, with nothing to prepare."""

from __future__ import annotations

from monitor.demo.show import run_demo

__all__ = ["run_demo"]
