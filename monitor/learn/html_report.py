"""The report of a training or a calibration as one self-contained HTML page, and how it gets to disk."""

from __future__ import annotations

import base64
import contextlib
import re
import time
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from monitor.counted import counted
from monitor.learn import wording
from monitor.learn.html_style import STYLE
from monitor.learn.pictures import Picture, Report, draw_pictures
from monitor.learn.report import RecalibrateReport, TrainReport, memory_line, steps_line

FOOT: Final = (
    "The promise holds as far as the recordings are typical: of every load, season and neighbour that the machine will "
    "have. What they do not show, no threshold can know."
)
ODD: Final = "unlike all others: moves the threshold only in part"


class Caption(NamedTuple):
    """What stands above and below a picture."""

    heading: str
    text: str


CAPTIONS: Final = {
    "scores": Caption(
        "Scores over time",
        "Each dot is a window of normal sound, scored as if the model had never heard that recording. The numbers "
        "above are those of the list of recordings. One dot above the threshold is no alarm yet: the rule decides.",
    ),
    "histogram": Caption(
        "How high normal sound scores",
        "The same scores, counted. The further the threshold lies to the right of them, the fewer false alarms.",
    ),
    "spectrum": Caption(
        "Normal spectrum",
        "What the machine sounds like when all is well, second by second: low tones on the left, high ones on the "
        "right. A wide band is a machine that varies, or noise from elsewhere.",
    ),
    "training": Caption(
        "Training",
        "How far the network was from its task, step by step. It should fall and then level out.",
    ),
    "memory": Caption(
        "Memory",
        "How much each slot of the memory is used. A steep left edge with nothing behind it would be a memory that "
        "knows one thing only; a flat line one that does not choose.",
    ),
}


class Written(NamedTuple):
    """What became of a page."""

    path: Path | None
    """None when it could not be written."""
    problems: tuple[str, ...]
    """One line for each thing that is missing."""


def write_page(report: Report) -> Written:
    """Draw and write the page beside the model version; whatever fails is told, since the model is what counts."""
    pictures = draw_pictures(report)
    problems = tuple(f"the picture `{p.name}` could not be drawn: {p.problem}" for p in pictures if p.problem)
    path = report.folder / page_name(report)
    unfinished = path.with_name(f".{path.name}")
    try:
        unfinished.write_text(render(report, pictures), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        return Written(None, (*problems, f"{path}: the report cannot be written: {error.strerror}"))
    return Written(path, problems)


def page_name(report: Report) -> str:
    """A training has one page, each calibration of the version its own."""
    if isinstance(report, TrainReport):
        return "report.html"
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(report.calibration.created_s))
    return f"report-calibration-{stamp}.html"


def render(report: Report, pictures: Sequence[Picture]) -> str:
    """The page: no script, no link, nothing to load; readable without colours and when printed."""
    kind = "Training" if isinstance(report, TrainReport) else "Calibration"
    made = time.strftime("%d %B %Y, %H:%M UTC", time.gmtime(report.calibration.created_s))
    title = f"{kind} of {escape(report.machine)}"
    drawn = {picture.name: picture for picture in pictures}
    parts = [
        f"<header><p class=kind>{kind} report</p><h1>{escape(report.machine)}</h1>",
        f"<p class=made>{made} · model version <code>{escape(report.version)}</code></p></header>",
        _verdict(report),
        _tiles(report),
        _notes((*wording.warning(report.calibration), *report.warnings)),
        *(_figure(drawn[name]) for name in ("scores", "histogram", "spectrum") if name in drawn),
        _training(report, drawn),
        _facts(report),
        _recordings(report),
        f"<footer>{FOOT}</footer>",
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n<title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<style>{STYLE}</style></head>\n'
        "<body>\n" + "\n".join(part for part in parts if part) + "\n</body></html>\n"
    )


def _verdict(report: Report) -> str:
    """What was asked for, whether it is promised, and what to do."""
    calibration = report.calibration
    command = "train" if isinstance(report, TrainReport) else "calibrate"
    head, _, rest = wording.outcome(calibration, command).partition(": ")
    state = "kept" if calibration.kept else "open"
    return (
        f"<section class='verdict {state}'><strong>{escape(head.capitalize())}</strong>"
        f"<p>{_prose(rest[0].upper() + rest[1:])}.</p></section>"
    )


def _prose(text: str) -> str:
    """Text with `commands` set apart."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


def _tiles(report: Report) -> str:
    """The four numbers that matter, large."""
    c = report.calibration
    promise = c.promise
    tiles = [
        ("Threshold", wording.level(c.threshold), f"normal {wording.level(c.location)} ± {c.spread:.2g}"),
        (
            "False alarms expected",
            f"{wording.number(promise.expected)} <small>per {c.budget.per}</small>",
            f"between {wording.number(promise.low)} and {wording.number(promise.high)}",
        ),
        ("Asked for", f"≤ {c.budget.at_most:g} <small>per {c.budget.per}</small>", "by the configuration"),
        (
            "Normal sound",
            f"{sum(report.seconds) / 60:.1f} <small>min</small>",
            f"{counted(len(report.recordings), 'recording')}, {len(report.problems)} skipped",
        ),
    ]
    cells = "".join(
        f"<div><span>{name}</span><b>{value}</b><span>{escape(note)}</span></div>" for name, value, note in tiles
    )
    return f"<section class=tiles>{cells}</section>"


def _notes(warnings: Iterable[str]) -> str:
    items = "".join(f"<li>{_prose(warning)}</li>" for warning in warnings)
    return f"<section class=notes><h2>To be known before you trust it</h2><ul>{items}</ul></section>" if items else ""


def _figure(picture: Picture) -> str:
    heading, caption = CAPTIONS[picture.name]
    if picture.problem:
        shown = f"<p class=missing>This picture could not be drawn: {escape(picture.problem)}</p>"
    else:
        data = base64.b64encode(picture.png).decode("ascii")
        shown = f"<img alt='{heading}' id='picture-{picture.name}' src='data:image/png;base64,{data}'>"
    return f"<figure><h2>{heading}</h2>{shown}<figcaption>{caption}</figcaption></figure>"


def _training(report: Report, drawn: dict[str, Picture]) -> str:
    """What the network did; a calibration has none of it."""
    if not isinstance(report, TrainReport):
        return _change(report)
    figures = "".join(_figure(drawn[name]) for name in ("training", "memory") if name in drawn)
    told = f"Preset <b>{escape(report.preset)}</b>, {steps_line(report)}."
    memory = "This preset has no memory."
    if report.memory is not None:
        memory = escape(memory_line(report.memory).capitalize()) + "."
    text = f"<p>{told}</p><p>{memory}</p>"
    return f"<section class=pair>{figures}{text if 'memory' in drawn else f'<div class=beside>{text}</div>'}</section>"


def _change(report: RecalibrateReport) -> str:
    """Old levels against new ones."""
    if report.old is None:
        return "<section><h2>What changed</h2><p>The model had no calibration before.</p></section>"
    rows = "".join(
        f"<tr><td>{name}<td class=n>{wording.level(old)}<td class=n>{wording.level(new)}"
        for name, old, new in (
            ("Threshold", report.old.threshold, report.new.threshold),
            ("Warning level", report.old.warning_level, report.new.warning_level),
            ("Clear level", report.old.clear_level, report.new.clear_level),
            ("Normal score", report.old.location, report.new.location),
        )
    )
    return (
        "<section><h2>What changed</h2><table><thead><tr><th>Level<th class=n>Before<th class=n>Now</thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


def _recordings(report: Report) -> str:
    odd = {report.sources[i] for i in report.outlying} if isinstance(report, TrainReport) else set()
    rows = "".join(
        f"<tr><td class=n>{place + 1}<td class=name>{escape(str(path))}<td class=n>{seconds:.1f}"
        f"<td>{ODD if place in odd else ''}"
        for place, (path, seconds) in enumerate(zip(report.recordings, report.seconds, strict=True))
    )
    skipped = "".join(f"<li>{escape(problem)}</li>" for problem in report.problems)
    return (
        "<section class=long><h2>Recordings</h2><table><thead><tr><th class=n>No.<th>Recording<th class=n>Seconds<th>"
        f"</thead><tbody>{rows}</tbody></table>"
        + (f"<h3>Skipped: {len(report.problems)}</h3><ul class=skipped>{skipped}</ul>" if skipped else "")
        + "</section>"
    )


def _facts(report: Report) -> str:
    rows = "".join(
        f"<tr><td>{escape(fact.name)}<td class=v>{escape(fact.value)}<td>{escape(fact.meaning)}"
        for fact in wording.facts(report.calibration)
    )
    return (
        "<section class=long><h2>The calibration in numbers</h2><table><thead><tr><th>Number<th>Value<th>What it means"
        f"</thead><tbody>{rows}</tbody></table></section>"
    )
