"""The speed benches measure what they say, and a GPU machine needs nothing but torch and numpy for its part."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from monitor.memcae.fleet import Fleet
from monitor.memcae.plain import PlainFleet
from monitor.memcae.preset import DEFAULT
from tests.bench import plant, speed
from tests.bench.lab import hops, node, results, throughput, untrained
from tests.bench.lab.process import usage
from tests.bench.plant import Late
from tests.broker import Received

ROOT = Path(__file__).parents[2]

BARE = """
import runpy, sys

class OnlyTorchAndNumpy:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {forbidden}:
            raise ImportError(name + " is not there")

sys.meta_path.insert(0, OnlyTorchAndNumpy())
sys.argv = ["speed.py", "--parts", "fleet", "--device", "cpu", "--quick", "--out", sys.argv[1]]
runpy.run_path("tests/bench/speed.py", run_name="__main__")
"""
FORBIDDEN = {
    *("scipy", "soundfile", "sounddevice", "soxr", "paho", "yaml", "pydantic", "structlog", "typer", "safetensors"),
    *("pytest", "librosa", "rich"),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other on a busy machine take many times as long
    yield
    torch.set_num_threads(before)


def test_a_gpu_machine_needs_nothing_but_torch_and_numpy(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BARE.format(forbidden=FORBIDDEN), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "windows/s" in done.stderr, done.stderr
    found = json.loads((tmp_path / "quick" / "results.json").read_text())["fleet"]["values"]
    assert [(each["preset"], each["machines"]) for each in found["speeds"]] == [("small", 1), ("small", 2)]
    assert all(each["per_s"] > 0 and each["plain_per_s"] > 0 and each["gflops"] > 0 for each in found["speeds"])
    assert found["resident"][0]["per_s"] > 0
    assert found["baseline_per_s"] == found["baseline_torch_per_s"] == 0  # what needs more
    assert "| small | 2 |" in (tmp_path / "quick" / "RESULTS.md").read_text()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_gpu_bench_says_so_and_leaves_the_results_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert speed.main(["--parts", "fleet", "--device", "cuda", "--results", str(tmp_path)]) == 1
    assert "0 CUDA devices are present" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_windows_of_either_hop_cover_the_same_sound_and_those_of_a_second_overlap() -> None:
    sound = untrained.noise(speed.SMALL, 3, seed=5).numpy().reshape(-1)
    apart, close = (list(hops._windows(speed.SMALL, "fan-1", sound, hop_s)) for hop_s in hops.HOPS_S)
    assert [each.start_s for each in apart] == [0.0, 10.0, 20.0]
    assert [close[0].start_s, close[-1].end_s] == [0.0, 30.0]
    assert all(0.9 < after.start_s - before.start_s < 1.1 for before, after in itertools.pairwise(close))


def test_each_hop_gets_its_cost() -> None:
    costs = hops.measure(speed.SMALL, 2, repeats=1, learnt=2)
    assert [each.time for each in costs] == ["wall", "processor"]
    for each in costs:
        assert each.ratio == pytest.approx(each.ms[1] / each.ms[0])
        assert all(ms > 0 for ms in each.ms)


def test_models_from_noise_are_all_different_and_score_noise_as_ever() -> None:
    models = dict(untrained.models(DEFAULT, 2, learnt=8))
    first, second = models.values()
    assert first.tensors().keys() == second.tensors().keys()
    assert not torch.equal(first.tensors()["network.memory.slots"], second.tensors()["network.memory.slots"])
    windows = [throughput._window(name, untrained.noise(DEFAULT, 1, seed=9).numpy()[0]) for name in models]
    fast, slow = Fleet(models, "cpu").score(windows), PlainFleet(models).score(windows)
    assert [each.value for each in fast] == pytest.approx([each.value for each in slow], rel=1e-3, abs=1e-3)


def test_operations_grow_with_the_memory_by_its_two_products() -> None:
    small = speed.SMALL
    large = replace(small, network=replace(small.network, slots=2 * small.network.slots))
    few, many = (
        throughput.operations(untrained.untrained(each, learnt=2), each.spectrogram) for each in (small, large)
    )
    queries = 65 * 314  # 257 bins and 1251 columns, halved twice
    assert many - few == 2 * 2 * queries * small.network.slots * small.network.slot_size


def test_late_is_told_by_median_and_99th_percentile() -> None:
    found = Late.of([0.1] * 98 + [0.5, 2.0])
    assert (found.count, found.median_s, found.most_s) == (100, 0.1, 2.0)
    assert found.p99_s == pytest.approx(0.515)
    assert Late.of([]).count == 0


def test_a_window_that_never_came_is_missing() -> None:
    def heard(machine: str, ends: list[float]) -> list[tuple[float, Received]]:
        return [(end_s, Received(f"monitor/test/machine/{machine}/score", b"{}", 0, False, end_s)) for end_s in ends]

    assert plant.missing(heard("fan-1", [10.0, 20.0, 30.0]) + heard("fan-2", [12.5, 22.5]), 10.0) == 0
    assert plant.missing(heard("fan-1", [30.0, 10.0]) + heard("fan-2", [0.0, 30.0]), 10.0) == 1 + 2
    assert plant.missing(heard("fan-1", [10.0, 11.0, 13.0]), 1.0) == 1


def test_what_a_plant_has_to_do_is_read() -> None:
    assert plant.loads("40:2,100:1.5:1") == (plant.Load(40, 10.0, 2.0), plant.Load(100, 1.0, 1.5))


def test_acknowledgements_are_read_back_the_first_counting(tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("7 100.5000\n8 101.0000\n7 103.0000\n")
    assert node.read(tmp_path / "seen") == {7: 100.5, 8: 101.0}


def test_usage_is_of_the_process() -> None:
    first = usage(os.getpid())
    assert first.resident > 50e6  # torch is loaded
    sum(range(3_000_000))
    assert usage(os.getpid()).processor_s > first.processor_s


def test_a_part_that_is_measured_again_replaces_itself_alone(tmp_path: Path) -> None:
    results.keep(tmp_path, "fleet", "make bench", "here", {"Scoring": "first"}, {"x": 1})
    results.keep(tmp_path, "start", "make bench", "here", {"Start": "table"}, {})
    results.keep(tmp_path, "fleet", "make bench", "there", {"Scoring": "second"}, {"x": 2})
    kept = json.loads((tmp_path / "results.json").read_text())
    assert (kept["fleet"]["values"], set(kept)) == ({"x": 2}, {"fleet", "start"})
    text = (tmp_path / "RESULTS.md").read_text()
    assert "second" in text
    assert "first" not in text
    assert "## Start" in text
