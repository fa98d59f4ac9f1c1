"""Listens to machines in a plant, learns their normal sound, and raises an alarm when it changes.

The whole of the Python interface:

    from monitor import load_model

    model = load_model("/var/lib/monitor", "fan-1")
    for window in model.score(samples, rate_hz):
        print(window.start_s, window.value, window.threshold, window.verdict, window.views)

Importing this package is quick; torch is loaded by the first `load_model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.learn.scoring import ScoredWindow, SoundModel, load_model

__all__ = ["ScoredWindow", "SoundModel", "__version__", "load_model"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the name stands for
    """Load what is asked for when it is asked for (PEP 562)."""
    if name == "__version__":
        return _version()
    if name in __all__:
        from monitor.learn import scoring

        return getattr(scoring, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib import metadata  # takes longer to load than everything that `monitor --help` needs of ours

    try:
        return metadata.version("factory-sound-monitor")
    except metadata.PackageNotFoundError:  # run from a source tree that was never installed
        return "0+source"
