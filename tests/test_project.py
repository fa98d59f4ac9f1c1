"""The project itself: the unit file, the import rules, the layout, and what the version numbers promise."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from monitor.cli.service import EX_CONFIG

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "systemd" / "monitor.service"
PURE = (
    "detect",
    "audio/windows.py",
    "audio/level.py",
    "memcae/spectrogram.py",
    "memcae/memory.py",
    "memcae/network.py",
)
PURE_PUBLISH = ("publish/messages.py", "publish/commands.py", "publish/contract.py")
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "config",
    "monitor",
    "pyproject.toml",
    "systemd",
    "tests",
}
MAX_LINES = 300


def tracked() -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).exists()]


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed")
    return found


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The shipped unit, with a program that exists wherever the tests run."""
    path = tmp_path / UNIT.name
    path.write_text(UNIT.read_text().replace("/opt/monitor/bin/monitor", "/bin/true"))
    return path


def setting(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)


# --- systemd


def test_systemd_finds_nothing_wrong_with_the_unit(systemd_analyze: str, unit: Path) -> None:
    done = subprocess.run([systemd_analyze, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_is_hardly_exposed(systemd_analyze: str, unit: Path) -> None:
    done = subprocess.run(
        [systemd_analyze, "security", "--offline=yes", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= 2.0  # systemd calls everything below 4 OK; a web server unit as shipped has about 9


def test_the_unit_stays_down_on_what_a_restart_cannot_mend_and_returns_from_all_else() -> None:
    assert setting("Restart") == ["on-failure"]
    assert str(EX_CONFIG) in setting("RestartPreventExitStatus")[0].split()
    assert setting("StartLimitIntervalSec") == ["0"]
    assert setting("Type") == ["notify"]
    assert int(setting("WatchdogSec")[0]) > 0


def test_the_credential_of_the_unit_is_the_one_that_the_example_configuration_names() -> None:
    (credential,) = setting("LoadCredential")
    assert f"password_file: {credential}" in (ROOT / "config" / "microphones.yaml").read_text()


def test_the_service_user_can_be_made(tmp_path: Path) -> None:
    sysusers = shutil.which("systemd-sysusers")
    if sysusers is None:
        pytest.skip("systemd-sysusers is not installed")
    done = subprocess.run(
        [sysusers, "--dry-run", f"--root={tmp_path}", "--replace=/usr/lib/sysusers.d/monitor.conf", "-"],
        input=(ROOT / "systemd" / "monitor.sysusers.conf").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (user,) = setting("User")
    assert f"'{user}'" in done.stdout + done.stderr


# --- the layout


def test_the_top_level_holds_what_the_design_draws_and_nothing_else() -> None:
    assert {path.parts[0] for path in tracked()} <= TOP_LEVEL


def modules() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.parts[0] == "monitor"]


def test_no_module_is_longer_than_a_person_reads_at_a_time() -> None:
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > MAX_LINES} == {}


def test_every_module_says_first_what_it_is_for() -> None:
    silent = [
        path
        for path in modules()
        if (text := (ROOT / path).read_text()).strip() and ast.get_docstring(ast.parse(text)) is None
    ]
    assert silent == []


# --- purity


def pure_modules() -> list[Path]:
    found: list[Path] = []
    for name in (*PURE, *PURE_PUBLISH):
        path = ROOT / "monitor" / name
        found.extend(sorted(path.glob("*.py")) if path.is_dir() else [path])
    return found


@pytest.mark.parametrize("path", pure_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_module_asks_no_clock_and_opens_nothing(path: Path) -> None:
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    attributes = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    assert not names & {"open", "print", "input", "exec", "eval", "__import__"}
    assert not attributes & {"now", "utcnow", "today", "sleep"}


# --- what is promised


def test_the_pins_satisfy_the_bounds() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / ".ci" / "constraints.txt").read_text().lower().splitlines()
        if "==" in line and not line.startswith("#")
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [entry for group in project["optional-dependencies"].values() for entry in group]
    for entry in [*project["dependencies"], *extras]:
        name, _, bound = entry.lower().partition(">=")
        if name.startswith("factory-sound-monitor"):
            continue
        assert bound, f"{entry} has no lower bound"
        assert name in pins, f"{name} is not pinned"
        assert [int(part) for part in pins[name].split(".")[:2]] >= [int(part) for part in bound.split(".")[:2]], name


def test_the_changelog_knows_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_scripts_are_sound_shell() -> None:
    for name in ("run", "setup", "system"):
        script = ROOT / ".ci" / name
        assert script.stat().st_mode & 0o111, f"{name} is not executable"
        subprocess.run(["bash", "-n", str(script)], check=True)
