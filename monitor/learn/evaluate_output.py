"""The files of an evaluation: results.json, a Markdown report, and the challenge's own CSV files."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import monitor
from monitor.learn.evaluate import Evaluation
from monitor.learn.evaluate_figures import FIGURES, MOST_FALSE, Figure, means
from monitor.learn.evaluate_layout import Layout
from monitor.learn.evaluate_result import SectionResult, to_dict, write_text
from monitor.learn.evaluate_section import Settings
from monitor.memcae import preset as presets

SCHEMA = 1
"""Of results.json."""

TITLES: Mapping[str, str] = {
    "auc": "AUC",
    "auc_source": "AUC source",
    "auc_target": "AUC target",
    "pauc": "pAUC",
    "harmonic_mean": "harmonic mean",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "false_alarm_rate": "false alarms",
}
"""Column titles by the names in FIGURES."""

SHORT_TITLES: Mapping[str, str] = {
    "auc": "AUC",
    "auc_source": "source",
    "auc_target": "target",
    "pauc": "pAUC",
    "harmonic_mean": "hmean",
    "precision": "prec",
    "recall": "recall",
    "f1": "F1",
    "false_alarm_rate": "false",
}
"""The same for a terminal of 80 columns; `false` is the share of the normal clips that gave an alarm."""


def write_outputs(evaluation: Evaluation, layout: Layout, settings: Settings) -> tuple[Path, ...]:
    """Write every file but the pictures.

    Returns:
        The paths of ``results.json`` and ``results.md``.

    Raises:
        BadInputError: the disk refuses.
    """
    out = settings.out
    whole = out / "results.json"
    report = out / "results.md"
    write_text(whole, json.dumps(as_json(evaluation, layout, settings), indent=1, allow_nan=False) + "\n")
    write_text(report, "\n".join(markdown(evaluation, layout, settings)) + "\n")
    for result in evaluation.results:
        write_challenge_files(out, result)
    return whole, report


def write_challenge_files(out: Path, result: SectionResult) -> None:
    """``anomaly_score_*_test.csv`` and ``decision_result_*_test.csv``: a line per clip, without a header."""
    scores = [(clip.name, repr(clip.score)) for clip in result.clips]
    decisions = [(clip.name, str(int(clip.alarm))) for clip in result.clips]
    for name, rows in (("anomaly_score", scores), ("decision_result", decisions)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        write_text(out / f"{name}_{result.id}_test.csv", text.getvalue())


def as_json(evaluation: Evaluation, layout: Layout, settings: Settings) -> dict[str, Any]:
    """Everything but the single clips (they are in the CSV files and in ``sections/``)."""
    plain, harmonic = means([_values(result) for result in evaluation.results])
    sections = [
        {name: value for name, value in to_dict(result).items() if name not in {"key", "clips"}}
        | {"n_test": len(result.clips)}
        for result in evaluation.results
    ]
    return {
        "schema": SCHEMA,
        "program": f"monitor {monitor.__version__}",
        "preset": presets.to_dict(settings.preset),
        "seed": settings.seed,
        "precision": settings.precision,
        "false_alarms_asked": settings.false_alarms,
        "pauc_most_false": MOST_FALSE,
        "sections": sections,
        "mean": _finite(plain),
        "harmonic_mean": _finite(harmonic),
        "failures": list(evaluation.failures),
        "problems": list(layout.problems),
    }


def rows(evaluation: Evaluation) -> list[dict[str, object]]:
    """The figures as table rows that fit a terminal, one per section, and the mean where there are several."""
    found = [(f"{result.machine} {result.section}", _values(result)) for result in evaluation.results]
    if len(found) > 1:
        plain, _ = means([values for _, values in found])
        found.append(("mean", plain))
    return [
        {"section": name} | {title: round(values[figure], 3) for figure, title in SHORT_TITLES.items()}
        for name, values in found
    ]


def markdown(evaluation: Evaluation, layout: Layout, settings: Settings) -> Iterator[str]:
    """The report, line by line."""
    yield f"# Preset {settings.preset.name}"
    yield ""
    yield (
        f"Trained on the normal clips of each section, scored clip by clip; seed {settings.seed}. In brackets: 95 % "
        "bootstrap intervals over the test clips. AUC source and target: normal clips of that domain against all "
        f"anomalies. pAUC: false positive rates up to {MOST_FALSE:g} (McClish). Harmonic mean: of AUC source, AUC "
        "target and pAUC, as far as there are two domains. Precision, recall, F1 and false alarms: single clips at "
        f"the calibrated threshold, asked for {settings.false_alarms:.0%} false alarms."
    )
    yield ""
    yield from _table(["machine", "section", *TITLES.values()], _figure_lines(evaluation))
    yield ""
    yield from _promises(evaluation)
    yield from _views(evaluation)
    yield from _notes(evaluation, layout)


def _figure_lines(evaluation: Evaluation) -> Iterator[list[str]]:
    for result in evaluation.results:
        yield [result.machine, result.section, *(_cell(result.figures[name]) for name in FIGURES)]
    if len(evaluation.results) > 1:
        for title, mean in zip(("mean", "harmonic mean"), means([_values(r) for r in evaluation.results]), strict=True):
            yield [title, "", *(_number(mean[name]) for name in FIGURES)]


def _promises(evaluation: Evaluation) -> Iterator[str]:
    yield "## False alarms: promised before the test, realised in it"
    yield ""
    lines = []
    for result in evaluation.results:
        stated, real = result.promised, result.figures["false_alarm_rate"]
        band = f"{stated.expected:.1%} ({stated.low:.1%} to {stated.high:.1%})"
        realised = "-" if math.isnan(real.value) else f"{real.value:.1%} ({real.low:.1%} to {real.high:.1%})"
        lines.append([result.machine, result.section, str(result.n_train), result.method, band, realised])
    yield from _table(["machine", "section", "normal clips", "threshold by", "promised", "realised"], lines)
    yield ""


def _views(evaluation: Evaluation) -> Iterator[str]:
    """AUC / pAUC of each view alone beside the fused score."""
    names = list(dict.fromkeys(name for result in evaluation.results for name in result.views))
    if len(names) < 2:
        return
    yield "## Each view alone (AUC / pAUC)"
    yield ""
    lines = []
    for result in evaluation.results:
        alone = [result.views[name] for name in names]
        fused = f"{_number(result.figures['auc'].value)} / {_number(result.figures['pauc'].value)}"
        cells = [f"{_number(each.auc)} / {_number(each.pauc)}" for each in alone]
        lines.append([result.machine, result.section, fused, *cells])
    yield from _table(["machine", "section", "fused", *names], lines)
    yield ""


def _notes(evaluation: Evaluation, layout: Layout) -> Iterator[str]:
    lines = [*layout.problems, *evaluation.failures]
    for result in evaluation.results:
        lines += [f"{result.id}: {line}" for line in (*result.problems, *result.warnings)]
    if lines:
        yield "## Notes"
        yield ""
        yield from (f"- {line}" for line in lines)


def _table(titles: Sequence[str], lines: Iterator[list[str]] | Sequence[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(titles)} |"
    yield "|---" * len(titles) + "|"
    yield from (f"| {' | '.join(line)} |" for line in lines)


def _values(result: SectionResult) -> dict[str, float]:
    return {name: result.figures[name].value for name in FIGURES}


def _cell(figure: Figure) -> str:
    if math.isnan(figure.value) or math.isnan(figure.low):
        return _number(figure.value)
    return f"{_number(figure.value)} [{_number(figure.low)}, {_number(figure.high)}]"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in values.items()}
