"""The page of a training and of a calibration: complete, honest, harmless, and never in the way of the model."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from monitor.detect.alarm import AlarmPolicy
from monitor.detect.budget import Budget
from monitor.learn.calibrate import recalibrate
from monitor.learn.fit import fit_machine
from monitor.learn.html_report import page_name, render, write_page
from monitor.learn.job import CalibrateJob
from monitor.learn.memory_use import MemoryUse
from monitor.learn.pictures import Picture, draw_pictures
from monitor.learn.report import RecalibrateReport, TrainReport
from monitor.learn.scoring import load_model
from monitor.learn.wording import duration, facts, number
from tests.learn.machine import NOW_S, job, record

PNG = b"\x89PNG"
NASTY = "<script>alert('x')</script>&amp.flac"
USE = MemoryUse(4, 2.0, 1.5, 0.25, 0.0, 0.3, (0.5, 0.3, 0.2, 0.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("html")


@pytest.fixture(scope="module")
def report(folder: Path) -> TrainReport:
    return fit_machine(job(), record(folder / "normal", 8), state_dir=folder / "state", created_s=NOW_S)


@pytest.fixture(scope="module")
def recalibrated(folder: Path, report: TrainReport) -> RecalibrateReport:
    settings = CalibrateJob(report.machine, 1.0, Budget(), AlarmPolicy(), device="cpu", accept=True)
    fresh = record(folder / "fresh", 5, first=40)
    return recalibrate(settings, fresh, state_dir=folder / "state", created_s=NOW_S + 60)


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and every text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def pictures_of(page: str) -> list[str | None]:
    return [attributes.get("id") for tag, attributes in Tags(page).tags if tag == "img"]


def test_a_training_has_all_its_pictures(report: TrainReport) -> None:
    pictures = draw_pictures(replace(report, memory=USE))
    assert [each.name for each in pictures] == ["scores", "histogram", "spectrum", "training", "memory"]
    assert all(each.png.startswith(PNG) and not each.problem for each in pictures), [each.problem for each in pictures]
    page = render(replace(report, memory=USE), pictures)
    assert pictures_of(page) == [f"picture-{each.name}" for each in pictures]


def test_a_network_without_a_memory_has_no_picture_of_one(report: TrainReport) -> None:
    without = replace(report, memory=None)
    page = render(without, draw_pictures(without))
    assert "picture-memory" not in str(pictures_of(page))
    assert "This preset has no memory." in page


def test_a_calibration_says_what_changed(recalibrated: RecalibrateReport) -> None:
    page = render(recalibrated, draw_pictures(recalibrated))
    assert pictures_of(page) == ["picture-scores", "picture-histogram", "picture-spectrum"]
    assert recalibrated.old is not None
    before, now = recalibrated.old.threshold, recalibrated.new.threshold
    assert f"<tr><td>Threshold<td class=n>{before:.3g}<td class=n>{now:.3g}" in page


def test_the_page_loads_nothing_and_runs_nothing(report: TrainReport) -> None:
    seen = Tags(render(report, draw_pictures(report)))
    assert not {tag for tag, _ in seen.tags} & {"script", "link", "iframe", "a", "object"}
    sources = [attributes["src"] for _, attributes in seen.tags if "src" in attributes]
    assert sources
    assert all(source is not None and source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in render(report, ())


def test_names_and_reasons_are_escaped(report: TrainReport) -> None:
    odd = replace(
        report,
        recordings=(Path(NASTY), *report.recordings[1:]),
        problems=(f"{NASTY}: is not a sound",),
        warnings=(f"{NASTY} is unlike",),
    )
    page = render(odd, (Picture("scores", b"", f"ValueError: {NASTY}"),))
    seen = Tags(page)
    assert "script" not in {tag for tag, _ in seen.tags}
    assert sum(NASTY in text for text in "".join(seen.texts).splitlines()) >= 1
    assert "".join(seen.texts).count(NASTY) == 4, "as recording, as skipped, in a note and in a failure"


def test_the_numbers_are_those_of_the_calibration(report: TrainReport) -> None:
    calibration = report.calibration
    texts = "\n".join(Tags(render(report, ())).texts)
    for fact in facts(calibration):
        assert fact.value in texts
        assert fact.meaning in texts
    values = {fact.name: fact.value for fact in facts(calibration)}
    assert values["Threshold"] == f"{calibration.threshold:.3g}"
    assert values["Expected"] == f"{number(calibration.promise.expected)} per week"
    assert values["Promised"] == ("yes" if calibration.kept else "no")
    assert values["Windows"] == str(sum(len(each) for each in report.scores))
    assert report.version in texts


def test_a_promise_that_is_not_kept_says_what_to_record(report: TrainReport) -> None:
    open_ = render(replace(report, calibration=replace(report.calibration, kept=False, more_minutes=840.0)), ())
    assert "Not promised" in open_
    assert "Record about 14 hours more of normal sound" in open_
    kept = render(replace(report, calibration=replace(report.calibration, kept=True, more_minutes=0.0)), ())
    assert "<strong>Promised</strong>" in kept
    assert "Not promised" not in kept


def test_every_recording_is_listed_with_its_length(report: TrainReport) -> None:
    page = render(replace(report, outlying=(2,)), ())
    for path in report.recordings:
        assert f"<td class=name>{path}<td class=n>6.0<td>" in page
    assert page.count("unlike all others: moves the threshold only in part") == 1


def test_a_far_threshold_and_an_unlike_recording_can_be_drawn(report: TrainReport) -> None:
    far = replace(report.calibration, location=0.1, spread=1.0, threshold=400.0)
    scores = tuple(np.linspace(-2.0, 30.0 if i == 3 else 3.0, 5) for i in range(8))
    pictures = draw_pictures(replace(report, calibration=far, scores=scores, outlying=(3,)))
    assert [each.problem for each in pictures] == [""] * len(pictures)


def test_the_page_lies_beside_the_model(report: TrainReport, recalibrated: RecalibrateReport) -> None:
    trained, calibrated = write_page(report), write_page(recalibrated)
    assert trained.path == report.folder / "report.html"
    assert calibrated.path == report.folder / "report-calibration-20231114T221420Z.html"
    assert (trained.problems, calibrated.problems) == ((), ())
    assert page_name(recalibrated) != page_name(replace(recalibrated, new=replace(recalibrated.new, created_s=NOW_S)))
    assert not [path for path in report.folder.iterdir() if path.name.startswith(".")]


def test_without_matplotlib_the_model_and_the_numbers_remain(
    report: TrainReport, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    written = write_page(report)
    assert written.path is not None
    assert len(written.problems) == 5
    assert all("could not be drawn" in problem for problem in written.problems)
    page = written.path.read_text()
    assert pictures_of(page) == []
    assert "This picture could not be drawn" in page
    assert f"{report.calibration.threshold:.3g}" in page
    assert load_model(folder / "state", report.machine, device="cpu").version == report.version


def test_a_disk_that_refuses_is_a_problem_and_no_error(report: TrainReport, tmp_path: Path) -> None:
    written = write_page(replace(report, folder=tmp_path / "gone"))
    assert written.path is None
    assert "report.html: the report cannot be written: No such file or directory" in written.problems[-1]


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0.2, "1 minute"), (45.4, "45 minutes"), (840.0, "14 hours"), (60 * 24 * 9.2, "9.2 days"), (1e6, "690 days")],
)
def test_times_are_said_as_a_person_would(minutes: float, said: str) -> None:
    assert duration(minutes) == said


def test_chromium_shows_the_page(report: TrainReport, tmp_path: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here")
    page = tmp_path / "report.html"
    page.write_text(render(report, draw_pictures(report)), encoding="utf-8")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=2000",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [chromium, *options, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode:
        pytest.skip(f"Chromium does not start here: {done.stderr.strip()[-200:]}")
    assert len(pictures_of(done.stdout)) == 5
    assert "The calibration in numbers" in done.stdout
