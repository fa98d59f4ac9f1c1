"""From a data set to its figures: trained by the code of `monitor train`, scored by the code of the daemon."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from monitor.errors import BadInputError, RecordingError, TrainingError
from monitor.learn import evaluate_result
from monitor.learn.evaluate import Evaluation, evaluate
from monitor.learn.evaluate_layout import Layout, read_layout
from monitor.learn.evaluate_output import as_json, markdown, write_outputs
from monitor.learn.evaluate_pictures import draw_pictures
from monitor.learn.evaluate_result import SectionResult
from monitor.learn.evaluate_section import Settings, longest, section_key, views_of
from monitor.learn.progress import Progress
from monitor.learn.scoring import load_model
from monitor.memcae.preset import DEFAULT, PAPER
from tests.learn.dcase_folder import CLIP_S, QUICK, write_clip, write_machine


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dcase")
    write_machine(root)
    write_clip(root / "fan" / "test" / "section_00_source_test_normal_0009_long.wav", 800.0, seconds=CLIP_S + 1)
    (root / "fan" / "test" / "section_00_source_test_normal_0010_bad.wav").write_text("no sound")
    return root


@pytest.fixture(scope="module")
def done(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Layout, Settings]:
    settings = Settings(QUICK, tmp_path_factory.mktemp("out"), device="cpu")
    layout = read_layout(data)
    return evaluate(layout.sections, settings), layout, settings


def result_of(done: tuple[Evaluation, Layout, Settings]) -> SectionResult:
    (result,) = done[0].results
    return result


def test_every_readable_test_clip_is_scored_whole_and_the_other_is_named(
    done: tuple[Evaluation, Layout, Settings],
) -> None:
    result = result_of(done)
    assert result.window_s == CLIP_S + 1
    assert len(result.clips) == 17
    assert all(math.isfinite(clip.score) and set(clip.views) == set(QUICK.views) for clip in result.clips)
    assert [line for line in result.problems if "section_00_source_test_normal_0010_bad.wav" in line]
    assert (result.n_train, result.audio_s) == (12, 12 * CLIP_S)


def test_the_scores_and_decisions_are_those_of_the_model_in_the_state_directory(
    data: Path, done: tuple[Evaluation, Layout, Settings]
) -> None:
    result, settings = result_of(done), done[2]
    model = load_model(settings.state_dir, result.id, device="cpu")
    assert model.version == result.version
    clip = result.clips[5]
    (window,) = model.score(soundfile.read(data / "fan" / "test" / clip.name, dtype="float32")[0], 16_000)
    assert (window.value, window.verdict == "alarm") == (clip.score, clip.alarm)
    assert window.threshold == result.threshold
    assert clip.alarm == (clip.score > result.threshold)


def test_a_loud_fault_is_told_from_normal_sound(done: tuple[Evaluation, Layout, Settings]) -> None:
    result = result_of(done)
    for name in ("auc", "auc_source", "auc_target"):
        assert result.figures[name].value > 0.9
        assert result.figures[name].low <= result.figures[name].value <= result.figures[name].high
    assert set(result.views) == set(QUICK.views)


def test_the_promise_is_a_share_of_the_clips_about_the_one_asked_for(done: tuple[Evaluation, Layout, Settings]) -> None:
    promised = result_of(done).promised
    assert promised.low <= promised.expected <= promised.high <= 1
    assert 0.02 < promised.expected < 0.3


def test_a_finished_section_is_not_done_again_until_a_clip_or_a_setting_changes_or_it_is_asked_for(
    data: Path, done: tuple[Evaluation, Layout, Settings]
) -> None:
    evaluation, layout, settings = done
    again = evaluate(layout.sections, settings)
    assert again.resumed == ("fan_section_00",)
    assert again.results == evaluation.results
    fresh = evaluate(layout.sections, settings, fresh=True)
    assert (fresh.resumed, fresh.failures) == ((), ())
    assert [clip.score for clip in fresh.results[0].clips] == [clip.score for clip in evaluation.results[0].clips]
    (section,) = layout.sections
    keys = {
        section_key(section, settings),
        section_key(section, replace(settings, seed=1)),
        section_key(section, replace(settings, false_alarms=0.2)),
        section_key(section, replace(settings, preset=PAPER)),
        section_key(replace(section, test=section.test[1:]), settings),
        section_key(replace(section, train=section.train[1:]), settings),
    }
    assert len(keys) == 6


def test_a_result_is_read_back_as_it_was_and_a_damaged_one_is_done_again(
    done: tuple[Evaluation, Layout, Settings], tmp_path: Path
) -> None:
    result = result_of(done)
    evaluate_result.save(tmp_path, result)
    assert evaluate_result.load(tmp_path, result.id, result.key) == result
    assert evaluate_result.load(tmp_path, result.id, "another") is None
    path = evaluate_result.path_of(tmp_path, result.id)
    path.write_bytes(path.read_bytes()[:-100])
    assert evaluate_result.load(tmp_path, result.id, result.key) is None
    path.write_text("[]")
    assert evaluate_result.load(tmp_path, result.id, result.key) is None


def test_the_challenges_files_have_a_line_for_each_clip_and_no_header(
    done: tuple[Evaluation, Layout, Settings],
) -> None:
    evaluation, layout, settings = done
    write_outputs(evaluation, layout, settings)
    result = result_of(done)
    scores = (settings.out / "anomaly_score_fan_section_00_test.csv").read_text().splitlines()
    decisions = (settings.out / "decision_result_fan_section_00_test.csv").read_text().splitlines()
    assert scores == [f"{clip.name},{clip.score!r}" for clip in result.clips]
    assert decisions == [f"{clip.name},{int(clip.alarm)}" for clip in result.clips]


def test_the_json_and_the_report_hold_the_figures(done: tuple[Evaluation, Layout, Settings]) -> None:
    evaluation, layout, settings = done
    whole, report = write_outputs(evaluation, layout, settings)
    found = json.loads(whole.read_text())
    result = result_of(done)
    assert found["sections"][0]["figures"]["pauc"]["value"] == result.figures["pauc"].value
    assert found["mean"]["auc"] == result.figures["auc"].value
    assert "clips" not in found["sections"][0]
    text = report.read_text()
    assert f"{result.figures['auc_target'].value:.3f} [" in text
    assert "Each view alone" in text
    assert "section_00_source_test_normal_0010_bad.wav" in text


def test_two_pictures_are_drawn_of_a_section(done: tuple[Evaluation, Layout, Settings]) -> None:
    paths = draw_pictures(done[2].out, result_of(done))
    assert [path.name for path in paths] == ["fan_section_00_roc.png", "fan_section_00_scores.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_clips_without_labels_are_scored_but_have_no_figures(
    done: tuple[Evaluation, Layout, Settings], tmp_path: Path
) -> None:
    result = result_of(done)
    blind = replace(result, clips=tuple(replace(clip, label="") for clip in result.clips))
    assert draw_pictures(tmp_path, blind) == ()


def test_the_mean_stands_below_several_sections(done: tuple[Evaluation, Layout, Settings]) -> None:
    evaluation, layout, settings = done
    twice = Evaluation((*evaluation.results, replace(evaluation.results[0], section="01")), ("pump: broken",))
    lines = list(markdown(twice, layout, settings))
    assert [line for line in lines if line.startswith("| mean |")]
    assert "- pump: broken" in lines
    assert len(as_json(twice, layout, settings)["sections"]) == 2


def test_a_section_that_fails_is_named_and_the_others_are_evaluated(data: Path, tmp_path: Path) -> None:
    (good,) = read_layout(data).sections
    lost = replace(good, machine="lost", train=tuple(replace(c, path=c.path.with_suffix(".gone")) for c in good.train))
    little = replace(good, machine="little", train=good.train[:1])
    evaluation = evaluate([lost, little, good], Settings(QUICK, tmp_path, device="cpu"))
    assert [result.machine for result in evaluation.results] == ["fan"]
    gone, short = evaluation.failures
    assert gone.startswith("lost_section_00: ")
    assert gone.endswith(".gone: cannot be read: No such file or directory")
    assert short.startswith("little_section_00: ")


def test_several_processes_give_what_one_gives(
    data: Path, done: tuple[Evaluation, Layout, Settings], tmp_path: Path
) -> None:
    (section,) = read_layout(data).sections
    told: list[tuple[str, Progress]] = []
    evaluation = evaluate(
        [replace(section, machine=name) for name in ("one", "two")],
        Settings(QUICK, tmp_path, device="cpu"),
        jobs=2,
        progress=lambda name, learning: told.append((name, learning)),
    )
    expected = [clip.score for clip in result_of(done).clips]
    assert [result.machine for result in evaluation.results] == ["one", "two"]
    assert [clip.score for clip in evaluation.results[1].clips] == pytest.approx(expected, rel=1e-4)
    assert {name for name, learning in told if learning.stage == "training"} == {"one_section_00", "two_section_00"}


def test_ctrl_c_ends_the_evaluation_and_keeps_no_half_trained_model(data: Path, tmp_path: Path) -> None:
    (section,) = read_layout(data).sections

    def stop(name: str, learning: Progress) -> None:
        if learning.stage == "training":
            raise KeyboardInterrupt

    settings = Settings(QUICK, tmp_path, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        evaluate([section], settings, progress=stop)
    assert not evaluate_result.path_of(tmp_path, section.id).exists()


def test_a_recording_too_long_to_be_a_clip_is_refused(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "section_00_source_train_normal_0000_x.wav"
    write_clip(path, 0.0, seconds=61.0)
    (section,) = read_layout(data).sections
    with pytest.raises(RecordingError, match=r"lasts 61\.0 s; a clip, judged whole, may last 60 s"):
        longest([replace(section.train[0], path=path)])


def test_views_can_be_left_out_for_an_ablation() -> None:
    one = views_of(DEFAULT, ["rhythm"])
    assert (one.views, one.fusion, one.name) == (("rhythm",), "plain", "default-rhythm")
    assert views_of(DEFAULT, ()) is DEFAULT
    two = views_of(DEFAULT, ["rhythm", "recall"])
    assert (two.views, two.fusion) == (("recall", "rhythm"), DEFAULT.fusion)
    with pytest.raises(BadInputError, match="'mse' is no view of preset default: recall"):
        views_of(DEFAULT, ["mse"])
    with pytest.raises(BadInputError, match="several views need recall among them"):
        views_of(DEFAULT, ["rhythm", "texture"])


def test_training_errors_are_failures_and_bugs_are_not(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (section,) = read_layout(data).sections
    settings = Settings(QUICK, tmp_path, device="cpu")

    def raise_it(error: Exception) -> None:
        def fit(*arguments: object, **options: object) -> None:
            raise error

        monkeypatch.setattr("monitor.learn.evaluate_section.fit_machine", fit)

    raise_it(TrainingError("the memory collapsed"))
    assert evaluate([section], settings).failures == ("fan_section_00: the memory collapsed",)
    raise_it(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        evaluate([section], settings)
