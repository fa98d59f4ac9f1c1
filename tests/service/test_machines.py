"""What the daemon knows of its machines: a calibration for other settings stays in force, and is told."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
import structlog.testing

from monitor.config import load_config
from monitor.memcae import artifact
from monitor.memcae.model import MachineModel
from monitor.service import machines
from monitor.service.crew import APART_S, Crew, gather, ready_fleet, refuse_blindness
from monitor.service.daemon import Work, open_plant
from monitor.service.machines import Watched, watch
from tests.broker import wait_until
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import write_config


def watched(state_dir: Path, folder: Path, machine: dict[str, Any] | None = None, **more: Any) -> Watched:
    settings: dict[str, Any] = {"source": {"simulated": "fan", "seed": 3}, **(machine or {})}
    spacing = {"window_s": WINDOW_S, "hop_s": HOP_S, **more}
    return watch(
        load_config(write_config(folder / "monitor.yaml", state_dir, 1, {"fan-1": settings}, **spacing)), "fan-1"
    )


def test_settings_as_calibrated_are_no_reason_to_warn(trained: Path, tmp_path: Path) -> None:
    one = watched(trained, tmp_path)
    assert one.calibration is not None
    assert (one.problem, one.warning) == (None, None)


@pytest.mark.parametrize(
    ("machine", "more", "told"),
    [
        ({}, {"hop_s": 1.0}, "hop_s is 1, calibrated for 2"),
        ({}, {"window_s": 6.0}, "window_s is 6, calibrated for 4"),
        ({"alarm": {"raise": "2 of 5"}}, {}, "alarm.raise is 2 of 5, calibrated for 3 of 5"),
        ({"alarm": {"clear_after_s": 30}}, {}, "alarm.clear_after_s is 30, calibrated for 60"),
        ({"false_alarms": {"per": "month"}}, {}, "false_alarms is 1 per month, calibrated for 1 per week"),
    ],
)
def test_settings_other_than_calibrated_are_told_and_the_calibration_stays_in_force(
    trained: Path, tmp_path: Path, machine: dict[str, Any], more: dict[str, Any], told: str
) -> None:
    one = watched(trained, tmp_path, machine, **more)
    assert one.warning is not None
    assert one.warning.startswith(f"fan-1: {told}: ")
    assert one.calibration == watched(trained, tmp_path).calibration
    assert one.problem is None


def test_the_detector_knows_how_far_apart_windows_are_now(trained: Path, tmp_path: Path) -> None:
    assert watched(trained, tmp_path, hop_s=900.0).detector.hop_s == 900.0


def test_all_that_differs_is_told_at_once_with_the_remedy(trained: Path, tmp_path: Path) -> None:
    rule = {"alarm": {"raise": "1 of 1"}}
    warning = watched(trained, tmp_path, rule, hop_s=4.0).warning
    assert warning is not None
    assert "hop_s is 4" in warning
    assert "alarm.raise is 1 of 1" in warning
    assert "`monitor calibrate fan-1 RECORDINGS...`" in warning
    other_window = watched(trained, tmp_path, window_s=8.0).warning
    assert other_window is not None
    assert "`monitor train fan-1" in other_window, "a model has one length of window"


def _another(state_dir: Path) -> str:
    """Put the same model in service under another version, with a calibration of its own; gives the version."""
    model = artifact.load_model(state_dir, "fan-1")
    stored = artifact.load_calibration(state_dir, "fan-1")
    assert stored is not None
    model.version = "another"
    of_another = stored | {"model_version": model.version}
    return artifact.save_version(
        state_dir, "fan-1", model, created_s=0.0, code_version="", training={}, calibration=of_another
    )


def test_a_model_is_never_judged_by_the_thresholds_of_one_that_is_put_in_service_meanwhile(
    state_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_and_train(folder: Path, machine: str) -> MachineModel:
        model = artifact.load_model(folder, machine)
        _another(folder)
        return model

    monkeypatch.setattr(machines, "load_model", load_and_train)
    one = watched(state_dir, tmp_path)
    assert one.model is not None
    assert one.calibration is not None
    assert one.calibration.model_version == one.model.version != "another"
    assert one.seen != machines.stamp(state_dir, "fan-1"), "the newer one is found at the next look"


def test_a_model_that_is_put_in_service_while_the_daemon_starts_is_taken(state_dir: Path, tmp_path: Path) -> None:
    path = write_config(tmp_path / "monitor.yaml", state_dir, 1, {"fan-1": {"source": {"simulated": "fan"}}})
    config = load_config(path)
    old = machines.watch_all(config)
    _another(state_dir)
    with contextlib.ExitStack() as stack:
        plant = open_plant(config, Crew(old, [], ready_fleet(old, config.device, lambda: False)), stack)
        work = Work(plant, config, threading.Event())
        stack.callback(work.close)
        work.start()
        wait_until(lambda: _version(plant.inference.watched["fan-1"]) == "another", 30, "the newer model")


def _version(one: Watched) -> str | None:
    return None if one.model is None else one.model.version


def test_the_sources_of_a_node_open_one_after_the_other(trained: Path, tmp_path: Path) -> None:
    simulated = {f"fan-{i}": {"source": {"simulated": "fan", "seed": i}} for i in range(1, 4)}
    path = write_config(tmp_path / "monitor.yaml", trained, 1, simulated, window_s=WINDOW_S, hop_s=HOP_S)
    crew = gather(load_config(path), lambda: False)
    assert crew is not None
    assert crew.fleet.cost_s("fan-1") > 0
    apart_s = max(APART_S, crew.fleet.cost_s("fan-1"))
    assert [ear.later_s for ear in crew.ears] == pytest.approx([0.0, apart_s, apart_s + APART_S])


def test_the_daemon_logs_it_as_it_starts(trained: Path, tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logged:
        refuse_blindness({"fan-1": watched(trained, tmp_path, hop_s=1.0)})
    assert [entry["log_level"] for entry in logged] == ["warning"]
    assert "hop_s is 1, calibrated for 2" in logged[0]["event"]
