from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from monitor.audio.simulated import render
from monitor.errors import ArtifactError
from monitor.learn.fit import fit_machine
from monitor.learn.scoring import SoundModel, load_model, score_recordings
from monitor.memcae import artifact
from tests.learn.machine import NOW_S, job, record


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scoring")
    fit_machine(job(), record(folder / "normal", 6), state_dir=folder, created_s=NOW_S)
    return folder


@pytest.fixture(scope="module")
def model(state: Path) -> SoundModel:
    return load_model(state, "fan-1", device="cpu")


def _noise(seconds: float, rate_hz: int = 16_000) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate_hz))


def test_windows_are_scored_in_order_and_told_in_seconds(model: SoundModel) -> None:
    scored = model.score(_noise(5.5), 16_000)
    assert [(window.start_s, window.end_s) for window in scored] == [(0, 2), (1, 3), (2, 4), (3, 5)]
    assert [window.start_s for window in model.score(_noise(6.0), 16_000, hop_s=2.0)] == [0, 2, 4]
    assert all(set(window.views) == {"recall", "rhythm", "texture", "residual"} for window in scored)


def test_the_verdict_is_the_value_held_against_the_threshold(model: SoundModel) -> None:
    for window in model.score(_noise(4.0), 16_000):
        assert window.threshold is not None
        assert window.verdict == ("alarm" if window.value > window.threshold else window.verdict)
        assert window.verdict in {"normal", "warning", "alarm"}


def test_other_rates_are_resampled(model: SoundModel) -> None:
    assert len(model.score(_noise(5.0, 44_100), 44_100)) == 4


@pytest.mark.parametrize("rate_hz", [32_000, 44_100, 48_000, 96_000])
def test_a_machine_learnt_at_16_khz_scores_alike_when_it_is_heard_at_another_rate(
    model: SoundModel, tmp_path: Path, rate_hz: int
) -> None:
    learnt, elsewhere = tmp_path / "learnt.wav", tmp_path / "elsewhere.wav"
    sound = render("fan", 3, 16_000 * 1_050_000, 16_000 * 20)
    soundfile.write(learnt, sound, 16_000, subtype="FLOAT")
    soundfile.write(elsewhere, scipy.signal.resample(sound, 20 * rate_hz), rate_hz, subtype="FLOAT")

    rows = [list(score_recordings(model, [path], skipped=pytest.fail)) for path in (learnt, elsewhere)]

    assert len(rows[0]) == len(rows[1]) == 19
    for before, after in zip(*rows, strict=True):
        assert after.window.value == pytest.approx(before.window.value, abs=0.1)
        assert after.window.verdict == before.window.verdict


def test_sound_that_is_not_finite_is_invalid(model: SoundModel) -> None:
    broken = _noise(4.0)
    broken[100] = np.nan
    scored = model.score(broken, 16_000)
    assert [window.verdict == "invalid" for window in scored] == [True, False, False]


def test_sound_shorter_than_a_window_is_scored_whole(model: SoundModel) -> None:
    (window,) = model.score(_noise(1.5), 16_000)
    assert window.end_s == 1.5


@pytest.mark.parametrize(
    ("samples", "rate_hz", "reason"),
    [
        (np.zeros((100, 2)), 16_000, "one channel"),
        (np.zeros(100), 16_000, "at least 1 s"),
        (np.zeros(16_000), 0, "not greater than 0"),
        (np.zeros(16_000), float("nan"), "not greater than 0"),
    ],
)
def test_what_cannot_be_scored_says_why(
    model: SoundModel, samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]], rate_hz: float, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        model.score(samples, rate_hz)


def test_a_model_without_calibration_gives_no_verdict(tmp_path: Path, state: Path) -> None:
    plain = artifact.load_model(state, "fan-1")
    plain.version = ""
    artifact.save_version(tmp_path, "fan-1", plain, created_s=NOW_S, code_version="0", training={})
    window = load_model(tmp_path, "fan-1", device="cpu").score(_noise(2.0), 16_000)[0]
    assert (window.verdict, window.threshold) == ("uncalibrated", None)


def test_a_calibration_of_another_schema_is_refused_with_its_file(tmp_path: Path, state: Path) -> None:
    plain = artifact.load_model(state, "fan-1")
    plain.version = ""
    artifact.save_version(
        tmp_path, "fan-1", plain, created_s=NOW_S, code_version="0", training={}, calibration={"schema": 99}
    )
    with pytest.raises(ArtifactError, match=r"calibration\.json: .*99"):
        load_model(tmp_path, "fan-1")


def test_recordings_are_scored_and_unreadable_ones_named(model: SoundModel, tmp_path: Path) -> None:
    first, second = record(tmp_path, 2, first=30)
    text = tmp_path / "text.wav"
    text.write_text("no sound")
    skipped: list[str] = []
    rows = list(score_recordings(model, [first, text, second], skipped=skipped.append))
    assert [row.recording for row in rows] == [first] * 5 + [second] * 5
    assert len(skipped) == 1
    assert "text.wav" in skipped[0]


def test_the_channel_of_the_machine_is_scored(model: SoundModel, tmp_path: Path) -> None:
    (path,) = record(tmp_path, 1, first=30)
    mono, rate_hz = soundfile.read(path)
    soundfile.write(tmp_path / "two.flac", np.stack([0 * mono, mono], axis=1), rate_hz)
    plain = score_recordings(model, [path], skipped=pytest.fail)
    chosen = score_recordings(model, [tmp_path / "two.flac"], channel=1, skipped=pytest.fail)
    assert [row.window.value for row in chosen] == pytest.approx([row.window.value for row in plain])


def test_importing_monitor_loads_no_torch() -> None:
    code = "import sys, monitor; print(monitor.__version__); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_the_public_api_scores_an_array_in_a_fresh_process(state: Path) -> None:
    code = (
        "import json, sys, numpy\n"
        "from monitor import load_model\n"
        "model = load_model(sys.argv[1], 'fan-1')\n"
        "windows = model.score(numpy.zeros(3 * 16_000), 16_000)\n"
        "print(json.dumps([[w.start_s, w.value, w.threshold, w.verdict, dict(w.views)] for w in windows]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(state)], check=True, capture_output=True, text=True)
    rows = json.loads(done.stdout)
    assert [row[0] for row in rows] == [0.0, 1.0]
    assert rows[0][3] == "alarm", "silence is not what the machine sounds like"


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    import monitor

    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = monitor.nothing_of_the_kind
    assert "load_model" in dir(monitor)
