"""Whether the service's user can read what root can: owner, group and others, of the file and every folder above it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from monitor.doctor.access import Place, User, obstacle, way_to
from tests.broker import free_port
from tests.doctor.examined import Capture, configure, examined

MONITOR = User("monitor", 990, {990, 29})
FOLDER, FILE = stat.S_IFDIR, stat.S_IFREG


@pytest.mark.parametrize(
    ("folder", "file", "closed"),
    [
        ((0, 0, 0o755), (0, 0, 0o644), None),
        ((0, 0, 0o700), (0, 0, 0o644), "folder"),
        ((990, 990, 0o700), (0, 0, 0o600), "file"),
        ((990, 990, 0o700), (990, 990, 0o400), None),
        ((0, 29, 0o710), (0, 29, 0o640), None),
        ((0, 0, 0o711), (0, 29, 0o604), "file"),  # the group's bits hold for its members, not those of others
        ((990, 990, 0o077), (0, 0, 0o644), "folder"),  # likewise the owner's
    ],
)
def test_the_owners_the_groups_or_the_others_bits_decide(
    folder: tuple[int, int, int], file: tuple[int, int, int], closed: str | None
) -> None:
    way = [
        Place(Path("/"), 0, 0, FOLDER | 0o755),
        Place(Path("folder"), folder[0], folder[1], FOLDER | folder[2]),
        Place(Path("file"), file[0], file[1], FILE | file[2]),
    ]
    assert obstacle(MONITOR, way) == (None if closed is None else Path(closed))
    assert obstacle(User("root", 0, {0}), way) is None


def test_the_way_leads_through_links_from_the_root_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("")
    (tmp_path / "link").symlink_to("real")
    way = [place.path for place in way_to(tmp_path / "link" / "file")]
    assert way[0] == Path("/")
    assert way[-2:] == [tmp_path.resolve() / "real", tmp_path.resolve() / "real" / "file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that is another's")
def test_a_model_of_root_alone_in_a_state_directory_of_another_is_a_failure_though_root_can_read_it(
    tmp_path: Path, state_dir: Path, capsys: Capture
) -> None:
    nobody = 65534
    closed_ways = [folder for folder in tmp_path.resolve().parents if not folder.stat().st_mode & stat.S_IXOTH]
    for folder in (state_dir, *closed_ways, tmp_path):
        folder.chmod(0o755)
    os.chown(state_dir, nobody, nobody)
    config = configure(tmp_path, state_dir, free_port())
    machine = state_dir / "models" / "fan-1"
    for path in machine.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    machine.chmod(0o700)
    _, closed = examined(capsys, config)
    assert closed["fan-1 model"]["state"] == "FAIL"
    assert f"{machine.resolve()} does not let him" in closed["fan-1 model"]["detail"]
    os.chown(machine, nobody, nobody)
    _, found = examined(capsys, config)
    assert found["fan-1 model"]["state"] == "ok"
