"""Pictures of an evaluated section: the ROC curves, and the scores of normal and anomalous clips with the threshold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from monitor.errors import BadInputError
from monitor.learn.evaluate_figures import MOST_FALSE, Judged, roc
from monitor.learn.evaluate_result import SectionResult
from monitor.learn.evaluate_section import judge_clips

if TYPE_CHECKING:  # loaded when there is something to draw
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE_INCHES = (6.0, 4.5)
DPI = 120
BINS = 40
COLOURS: Mapping[str, str] = {"normal": "#2f7f4f", "anomaly": "#c0392b"}


def draw_pictures(out: Path, result: SectionResult) -> tuple[Path, ...]:
    """Draw both pictures of a section.

    Returns:
        Their paths; none when the section has not both normal and anomalous clips with known labels.

    Raises:
        BadInputError: the disk refuses.
    """
    judged = judge_clips(result.clips)
    if not (judged.anomalous.any() and (~judged.anomalous).any()):
        return ()
    from matplotlib.figure import Figure  # noqa: PLC0415 - takes a second to load, which most commands need not spend

    paths = []
    for name, draw in (("roc", _roc), ("scores", _scores)):
        figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")  # without pyplot there is only Agg
        draw(figure.add_subplot(), result, judged)
        path = out / "pictures" / f"{result.id}_{name}.png"
        _save(figure, path)
        paths.append(path)
    return tuple(paths)


def _roc(axes: Axes, result: SectionResult, judged: Judged) -> None:
    bad = judged.scores[judged.anomalous]
    for label, chosen in (("source", ~judged.target), ("target", judged.target)):
        good = judged.scores[~judged.anomalous & chosen]
        if len(good):
            false, true = roc(good, bad)
            axes.plot(false, true, label=f"{label}: AUC {result.figures[f'auc_{label}'].value:.3f}")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle="--", label="chance")
    axes.axvspan(0, MOST_FALSE, alpha=0.1, color="grey", label=f"pAUC {result.figures['pauc'].value:.3f}")
    axes.set(title=f"{result.machine}, section {result.section}", xlabel="false positive rate", xlim=(0, 1))
    axes.set(ylabel="true positive rate", ylim=(0, 1.01))
    axes.legend(loc="lower right")


def _scores(axes: Axes, result: SectionResult, judged: Judged) -> None:
    edges = _edges(judged.scores, result.threshold)
    for label, chosen in (("normal", ~judged.anomalous), ("anomaly", judged.anomalous)):
        values = judged.scores[chosen]
        axes.hist(values, bins=list(edges), alpha=0.6, label=f"{label} ({len(values)} clips)", color=COLOURS[label])
    axes.axvline(result.threshold, color="black", linewidth=1, label=f"threshold {result.threshold:.3g}")
    axes.set(title=f"{result.machine}, section {result.section}", xlabel="score", ylabel="clips")
    axes.legend()


def _edges(scores: NDArray[np.float64], threshold: float) -> NDArray[np.float64]:
    """BINS equal bins that hold every score and the threshold."""
    low, high = min(float(scores.min()), threshold), max(float(scores.max()), threshold)
    return np.linspace(low, high if high > low else low + 1.0, BINS + 1)


def _save(figure: Figure, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be written: {error.strerror}") from error
