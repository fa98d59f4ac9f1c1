from __future__ import annotations

from pathlib import Path

import pytest

from monitor.learn.fit import fit_machine
from monitor.learn.plant import Learnt, Order, train_plant
from monitor.learn.progress import Progress
from monitor.memcae import artifact
from tests.learn.machine import NOW_S, job, record


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return tuple(record(tmp_path_factory.mktemp("normal"), 6))


def orders(state: Path, normal: tuple[Path, ...]) -> list[Order]:
    files = {"fan-1": normal, "mute": (state / "none.wav",), "fan-2": normal}
    return [Order(job(machine), recordings, state) for machine, recordings in files.items()]


def by_machine(learnt: list[Learnt]) -> dict[str, Learnt]:
    return {one.machine: one for one in learnt}


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_machine_gets_the_model_it_would_get_alone_and_one_that_fails_costs_no_other_anything(
    tmp_path: Path, normal: tuple[Path, ...], jobs: int
) -> None:
    told: list[tuple[str, str]] = []
    alone = fit_machine(job(), normal, state_dir=tmp_path / "alone", created_s=NOW_S)

    def progress(machine: str, learning: Progress) -> None:
        told.append((machine, learning.stage))

    learnt = by_machine(list(train_plant(orders(tmp_path, normal), jobs=jobs, progress=progress)))

    assert "none.wav" in learnt["mute"].problem
    assert learnt["mute"].report is None
    for machine in ("fan-1", "fan-2"):
        report = learnt[machine].report
        assert report is not None
        assert report.calibration.threshold == pytest.approx(alone.calibration.threshold, rel=1e-3)
        assert artifact.load_model(tmp_path, machine).version == report.version
        assert [stage for name, stage in told if name == machine][-1] == "done"
        assert len({stage for name, stage in told if name == machine}) > 2


def test_ctrl_c_keeps_what_is_finished_and_the_best_so_far_and_trains_no_more(
    tmp_path: Path, normal: tuple[Path, ...]
) -> None:
    learnt: list[Learnt] = []

    def stop(machine: str, learning: Progress) -> None:
        if machine == "fan-1" and learning.stage == "training" and learning.done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learnt.extend(train_plant(orders(tmp_path, normal), jobs=1, progress=stop))
    assert artifact.list_versions(tmp_path, "fan-2") == ()
