"""The pictures of a report, as PNG: scores against the levels, the normal spectrum, the training and the memory."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from monitor.learn.memory_use import MemoryUse
from monitor.learn.normal_spectrum import NormalSpectrum
from monitor.learn.report import RecalibrateReport, TrainReport

if TYPE_CHECKING:  # loaded when there is something to draw
    from matplotlib.axes import Axes

WIDE: Final = (8.4, 3.2)
HALF: Final = (4.1, 3.0)
"""Inches: the page is as wide as A4 between its margins, and two halves stand side by side."""
DPI: Final = 150
"""Sharp in print and on a screen, at some tens of kilobytes a picture."""
MOST_BINS, FEWEST_BINS = 50, 24
"""Bars of a histogram: one and a half times the root of the number of scores, within these."""
FAR: Final = 25.0
"""A threshold or score so many spreads above normal would press all others flat: the scale is then logarithmic."""
MOST_AWAY: Final = 4.0
"""Times the way to the new threshold, within which the old one is drawn: further out, it would press the rest flat."""
MARGIN: Final = 0.05
"""Share of an axis that stays free at its ends."""
LINEAR: Final = 5.0
"""Spreads from 0 within which that scale is still linear."""
MOST_NAMED: Final = 40
"""Recordings whose numbers stand below the picture of the scores; more would run into each other."""
FEW_POINTS: Final = 400
"""Up to so many scores each is a dot to be seen; more are a line with small dots."""
INK, GREY, PALE, BLUE, SKY = "#1f2933", "#7b8794", "#eef1f4", "#2563a8", "#bcd4ec"
RED, AMBER, GREEN, VIOLET = "#c0322b", "#c07a00", "#2f7f4f", "#7b4fa3"
"""Levels also differ by their dashes, so that they can be told apart without colour and in a black and white print."""
STYLE: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9,
    "grid.color": "#e3e7eb",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
}

Report = TrainReport | RecalibrateReport
Sketch = Callable[["Axes"], None]


class Picture(NamedTuple):
    """A picture, or why there is none."""

    name: str
    png: bytes
    problem: str = ""
    """Why it could not be drawn; `png` is empty then."""


class _Plan(NamedTuple):
    name: str
    size: tuple[float, float]
    draw: Sketch


def draw_pictures(report: Report) -> tuple[Picture, ...]:
    """Every picture that the report has the numbers for; one that fails says why and does not stop the others."""
    return tuple(_drawn(plan) for plan in _plans(report))


def _plans(report: Report) -> list[_Plan]:
    plans = [
        _Plan("scores", WIDE, lambda axes: draw_scores(axes, report)),
        _Plan("histogram", WIDE, lambda axes: draw_histogram(axes, report)),
        _Plan("spectrum", WIDE, lambda axes: draw_spectrum(axes, report.spectrum)),
    ]
    if isinstance(report, TrainReport):
        plans.append(_Plan("training", HALF, lambda axes: draw_training(axes, report)))
        if report.memory is not None and report.memory.shares:
            memory = report.memory
            plans.append(_Plan("memory", HALF, lambda axes: draw_memory(axes, memory)))
    return plans


def _drawn(plan: _Plan) -> Picture:
    try:
        import matplotlib as mpl  # noqa: PLC0415 - takes a second to load, which most commands need not spend
        from matplotlib.figure import Figure  # noqa: PLC0415 - without pyplot there is only Agg, and no window

        with mpl.rc_context(STYLE):
            figure = Figure(figsize=plan.size, dpi=DPI, layout="constrained")
            plan.draw(figure.add_subplot())
            drawn = io.BytesIO()
            figure.savefig(drawn, format="png")
        return Picture(plan.name, drawn.getvalue())
    except Exception as error:  # noqa: BLE001 - the model is stored: whatever ails the drawing, the rest is worth reading
        return Picture(plan.name, b"", f"{type(error).__name__}: {error}")


def draw_scores(axes: Axes, report: Report) -> None:
    """Every window's score, recording after recording, with the levels."""
    first = 0.0
    middles = []
    hop_min, window_min = report.calibration.hop_s / 60, report.calibration.window_s / 60
    total = sum(len(each) for each in report.scores)
    size = 3.0 if total <= FEW_POINTS else 1.5
    odd = set(report.outlying) if isinstance(report, TrainReport) else set()
    for place, scores in enumerate(report.scores):
        minutes = first + window_min / 2 + hop_min * np.arange(len(scores))
        end = first + window_min + hop_min * (len(scores) - 1)
        colour = VIOLET if place in odd else BLUE
        label = "unlike all others" if place == min(odd, default=-1) else None
        axes.plot(minutes, scores, color=colour, marker="o", markersize=size, linewidth=0.6, alpha=0.9, label=label)
        if place % 2:
            axes.axvspan(first, end, color=PALE, linewidth=0, zorder=0)
        middles.append((first + end) / 2)
        first = end
    _levels(report, axes.axhline)
    scale = _scale(report)
    scale.apply(axes, "y")
    axes.set(xlim=(0, first), ylabel=scale.label, xlabel="minutes of normal sound, recording after recording")
    axes.grid(visible=False, axis="x")
    if len(middles) <= MOST_NAMED:
        above = axes.secondary_xaxis("top")
        above.set_xticks(middles, [f"{source + 1}" for source in report.sources], fontsize=7)
        above.tick_params(length=0, labelcolor=GREY)
        above.spines["top"].set_visible(False)
    _legend_below(axes)


def draw_histogram(axes: Axes, report: Report) -> None:
    """How often normal sound scores how high, with the levels."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - see `_drawn`

    values = np.concatenate(report.scores)
    scores = values[np.isfinite(values)]
    bins = min(MOST_BINS, max(FEWEST_BINS, round(1.5 * math.sqrt(len(scores)))))
    scale = _scale(report)
    axes.hist(
        scores,
        bins=list(scale._replace(high=float(scores.max())).steps(bins)),
        color=SKY,
        edgecolor=BLUE,
        linewidth=0.5,
    )
    _levels(report, axes.axvline)
    scale.apply(axes, "x")
    axes.set(xlabel=scale.label, ylabel="windows")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=False, axis="x")
    _legend_below(axes)


def draw_spectrum(axes: Axes, spectrum: NormalSpectrum) -> None:
    """The median level of every band and where nine seconds of ten lie."""
    edges = np.array(spectrum.edges_hz)
    middles = np.sqrt(edges[:-1] * edges[1:])
    axes.fill_between(middles, spectrum.low_db, spectrum.high_db, color=SKY, linewidth=0, label="9 seconds of 10")
    axes.plot(middles, spectrum.middle_db, color=BLUE, linewidth=1.4, label="median")
    axes.set(xscale="log", xlabel="frequency, Hz", ylabel="level, dBFS per 1/6 octave", xlim=(edges[0], edges[-1]))
    ticks = [50, 100, 200, 500, 1000, 2000, 5000]
    axes.set_xticks(ticks, ["50", "100", "200", "500", "1 k", "2 k", "5 k"])
    axes.minorticks_off()
    _legend_below(axes)


def draw_training(axes: Axes, report: TrainReport) -> None:
    """The loss on what was learnt and on what was held out, and which network was kept."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - see `_drawn`

    steps = [done for done, _, _ in report.losses]
    axes.plot(steps, [loss for _, loss, _ in report.losses], color=BLUE, linewidth=1.4, label="learnt")
    held_out = [each for *_, each in report.losses]
    if not all(math.isnan(each) for each in held_out):
        axes.plot(steps, held_out, color=AMBER, linewidth=1.4, linestyle="--", label="held out")
    axes.axvline(report.steps, color=INK, linewidth=1, linestyle=":", label="kept")
    axes.set(xlabel="steps", ylabel="loss", xlim=(0, max(steps) * 1.02))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _legend_below(axes)


def draw_memory(axes: Axes, memory: MemoryUse) -> None:
    """Every slot's share of the answers against an even share, the most used slot first."""
    times = np.array(memory.shares) * memory.slots
    axes.fill_between(np.arange(1, len(times) + 1), times, color=SKY, step="mid", linewidth=0)
    axes.plot(np.arange(1, len(times) + 1), times, color=BLUE, drawstyle="steps-mid", linewidth=1)
    axes.axhline(1, color=GREY, linewidth=1, linestyle="--", label="all used alike")
    axes.set(xlabel="slot, most used first", ylabel="use, times an even share", xlim=(1, max(2, len(times))))
    axes.set_ylim(bottom=0)
    _legend_below(axes)


def _levels(report: Report, line: Callable[..., object]) -> None:
    """The levels as lines that ``line`` draws across, with their values in the legend."""
    now = report.calibration
    line(now.threshold, color=RED, linewidth=1.4, label=f"threshold {now.threshold:.3g}")
    line(now.warning_level, color=AMBER, linewidth=1.2, linestyle="--", label=f"warning {now.warning_level:.3g}")
    line(now.clear_level, color=GREEN, linewidth=1.2, linestyle=":", label=f"clear {now.clear_level:.3g}")
    if isinstance(report, RecalibrateReport) and report.old is not None:
        old = report.old.threshold
        if abs(old - now.location) < MOST_AWAY * now.headroom:
            line(old, color=GREY, linewidth=1.2, linestyle="-.", label=f"threshold before {old:.3g}")


class _Scale(NamedTuple):
    """The axis of the scores, from the lowest one to the highest or the threshold."""

    low: float
    high: float
    linear: float
    """Up to where a scale that is logarithmic far out stays linear; 0 for a scale that is linear throughout."""

    @property
    def label(self) -> str:
        """What stands beside the axis."""
        return "score (logarithmic far out)" if self.linear else "score"

    def steps(self, count: int, margin: float = 0.0) -> NDArray[np.float64]:
        """``count`` + 1 scores that stand equally far apart on paper, ``margin`` (share of all) beyond both ends."""
        low, high = self.low, self.high
        if self.linear:
            low, high = float(np.arcsinh(low / self.linear)), float(np.arcsinh(high / self.linear))
        beyond = margin * (high - low)
        even = np.linspace(low - beyond, high + beyond, count + 1)
        return self.linear * np.sinh(even) if self.linear else even

    def apply(self, axes: Axes, along: Literal["x", "y"]) -> None:
        """Set the scale of an axis, its ends and, where it is not linear, plain numbers along it."""
        low, high = self.steps(1, MARGIN).tolist()
        if self.linear:
            tens = 10.0 ** np.arange(-9, 10)
            sizes = np.sort(np.concatenate([tens, 3 * tens]))
            sizes = sizes[sizes > self.linear / 2]
            ticks = [tick for tick in (*-sizes[::-1], 0.0, *sizes) if low < tick < high]
            (axes.set_xscale if along == "x" else axes.set_yscale)("asinh", linear_width=self.linear)
            (axes.set_xticks if along == "x" else axes.set_yticks)(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        (axes.set_xlim if along == "x" else axes.set_ylim)(low, high)


def _scale(report: Report) -> _Scale:
    now = report.calibration
    scores = np.concatenate(report.scores)
    linear = LINEAR * now.spread
    high = max(float(np.nanmax(scores)), now.threshold)
    flat = high - now.location > FAR * now.spread and abs(now.location) < linear
    return _Scale(float(np.nanmin(scores)), high, linear if flat else 0.0)


def _legend_below(axes: Axes) -> None:
    axes.figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
