"""A machine that is trained once for all tests of the running service."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.service.plant import FAN_SOURCE, FAN_WINDOWS, FanJob, monitor, train_quick, write_config, write_recordings

WINDOW_S, HOP_S = 4.0, 2.0


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with a model of `fan-1`; copy it, do not write to it."""
    folder = tmp_path_factory.mktemp("trained")
    files = write_recordings(folder / "recordings", 8, 30)
    train_quick(folder / "state", "fan-1", files, WINDOW_S, HOP_S)
    return folder / "state"


@pytest.fixture
def state_dir(trained: Path, tmp_path: Path) -> Path:
    """A state directory of its own with the model of `fan-1`."""
    return Path(shutil.copytree(trained, tmp_path / "state", symlinks=True))


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Path]]:
    """Recordings by (count, seconds, fault), made once each; not those that were learnt."""
    folder = tmp_path_factory.mktemp("sounds")
    made: dict[tuple[int, int, str | None], list[Path]] = {}

    def get(count: int, seconds: int, fault: str | None = None) -> list[Path]:
        wanted = (count, seconds, fault)
        if wanted not in made:
            made[wanted] = write_recordings(folder / f"{count}x{seconds}-{fault}", count, seconds, fault, first=50)
        return made[wanted]

    return get


@pytest.fixture(scope="session")
def fan(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> FanJob:
    """A real fan: trained by the command line with the default preset on 8 of its 12 normal recordings."""
    normal = sorted((shared_data / "recordings" / "fan" / "normal").glob("*.flac"))
    unheard = normal[3:5] + normal[-2:]  # of both days on which it was recorded
    learnt = [path for path in normal if path not in unheard]
    folder = tmp_path_factory.mktemp("fan")
    config = write_config(folder / "monitor.yaml", folder / "state", 1, {"fan-1": FAN_SOURCE}, **FAN_WINDOWS)
    done = monitor("train", "fan-1", *map(str, learnt), "--config", str(config))
    assert done.returncode == 0, done.stderr
    anomaly = sorted((shared_data / "recordings" / "fan" / "anomaly").glob("*.flac"))
    return FanJob(folder / "state", tuple(unheard), tuple(anomaly), done.stdout)
