"""The command line: help at once, one clear line per error, the exit codes that scripts and systemd rely on."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from monitor.cli import main
from monitor.config import load_config

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "config" / "monitor.yaml"
COMMANDS = (
    "run",
    "demo",
    "devices",
    "record",
    "train",
    "train-all",
    "calibrate",
    "score",
    "replay",
    "check",
    "doctor",
    "models",
)
MINIMAL = "machines:\n  fan-1:\n    source: {microphone: mic1}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "monitor.yaml"
    path.write_text(f"state_dir: state\n{MINIMAL}")
    return path


def process(arguments: Sequence[str], code: str = "import sys, monitor.cli; sys.exit(monitor.cli.main())") -> list[str]:
    """A command line that runs the program, or other code, with this interpreter."""
    return [sys.executable, "-c", code, *arguments]


def cpu_s(command: list[str], runs: int = 3) -> float:
    """The least processor time of a few runs: what waiting for other processes does not change."""
    times = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


# --- at once


@pytest.mark.parametrize("arguments", [["--help"], ["check", str(EXAMPLE)], ["run", "--help"], ["--version"]])
def test_what_must_answer_at_once_loads_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys, monitor.cli\n"
        "code = monitor.cli.main()\n"
        "heavy = {'torch', 'scipy', 'numpy', 'matplotlib', 'sounddevice', 'structlog', 'paho'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    done = subprocess.run(process(arguments, code), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_help_and_check_cost_little_more_than_the_libraries_they_stand_on() -> None:
    libraries = cpu_s(process([], "import typer, yaml, pydantic.main, pydantic.types, pydantic.json_schema"))
    assert cpu_s(process(["--help"])) < 2 * libraries
    assert cpu_s(process(["check", str(EXAMPLE)])) < 3 * libraries


def test_help_names_every_command_and_each_has_help_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n  {command} " in shown
        assert main([command, "--help"]) == 0
        assert "Usage: monitor" in capsys.readouterr().out


def test_python_m_monitor_is_the_same_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Usage: monitor" in done.stdout


# --- check


def test_check_prints_the_effective_configuration_which_reads_back_as_the_same(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["check", str(EXAMPLE)]) == 0
    shown = capsys.readouterr()
    again = tmp_path / "again.yaml"
    again.write_text(shown.out)
    assert load_config(again).model_dump() == load_config(EXAMPLE).model_dump()
    assert shown.err.splitlines()[0] == f"{EXAMPLE}: valid, 5 machines"


def test_check_notes_recordings_that_are_not_there(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    config.write_text("machines: {fan-1: {source: {recording: [gone.wav, monitor.yaml]}}}")
    assert main(["check", "--config", str(config)]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("monitor: note:")]
    missing = config.parent / "gone.wav"
    assert notes == [f"monitor: note: machines.fan-1.source.recording: {missing}: no such file or folder"]


def test_check_says_every_problem_and_exits_with_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(f"nod: x\nhop_s: 0\n{MINIMAL}")
    assert main(["check", str(path)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        f"monitor: error: {path}:1: nod: unknown key; did you mean 'node'?\n"
        f"monitor: error: {path}:2: hop_s: 0 is out of range; allowed 0.1 to 3600 s\n"
    )


def test_check_shows_no_secret(capsys: pytest.CaptureFixture[str], tmp_path: Path, config: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    config.write_text(f"mqtt: {{username: u, password_file: secret}}\n{MINIMAL}")
    assert main(["check", "--config", str(config)]) == 0
    shown = capsys.readouterr()
    assert "hunter2" not in shown.out + shown.err
    assert "password_file: secret" in shown.out


def test_check_says_that_a_password_cannot_be_had(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    config.write_text(f"mqtt: {{username: u, password_env: NOT_SET_IN_ANY_TEST}}\n{MINIMAL}")
    assert main(["check", str(config)]) == 0
    assert "note: mqtt.password_env: the variable NOT_SET_IN_ANY_TEST is not set" in capsys.readouterr().err


def test_the_configuration_is_looked_for_in_the_environment_then_in_etc(
    capsys: pytest.CaptureFixture[str], config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.cli.options.DEFAULT_CONFIG", config.parent / "etc.yaml")
    assert main(["check"]) == 2
    assert "etc.yaml: no such file; name one with --config or $MONITOR_CONFIG" in capsys.readouterr().err
    monkeypatch.setenv("MONITOR_CONFIG", str(config))
    assert main(["check"]) == 0


# --- exit codes


@pytest.mark.parametrize("arguments", [["frob"], ["check", "--frob"], ["train"], ["score", "fan-1"], ["run", "extra"]])
def test_a_command_line_that_makes_no_sense_exits_with_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 2
    assert "Error: " in capsys.readouterr().err


def test_run_exits_with_78_on_a_bad_configuration_so_that_systemd_leaves_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["run", "--config", str(tmp_path / "none.yaml")]) == 78
    assert capsys.readouterr().err == f"monitor: error: {tmp_path}/none.yaml: no such file\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "fan1", "x.wav"], "unknown machine 'fan1'; configured: fan-1; did you mean 'fan-1'?"),
        (["train", "fan-1", "x.wav", "--preset", "papr"], "--preset: 'papr' is not a preset; allowed default, paper"),
        (["train", "fan-1", "x.wav", "--window-s", "90"], "--window-s: 90.0 is out of range; allowed 1 to 60 s"),
        (["train", "fan-1", "x.wav", "--device", "gpu"], "--device: 'gpu' is not a device; allowed auto, cpu, cuda"),
        (["train", "fan-1", "none.wav"], "none.wav: no such file or folder"),
        (["score", "fan-1", "none.wav"], "none.wav: no such file or folder"),
        (["score", "fan-1", "none.wav", "--json", "--csv"], "--json and --csv: only one of them"),
        (["calibrate", "fan-1", "none.wav"], "none.wav: no such file or folder"),
        (["record", "fan-2"], "unknown machine 'fan-2'; configured: fan-1"),
        (["replay", "x.wav"], "'x.wav' does not say which machine hears it; write MACHINE=x.wav"),
        (["replay", "fan-1="], "'fan-1=' names no recordings; write fan-1=FILES"),
        (["replay", "fan-1=x.wav", "--speed", "fast"], "--speed: 'fast' is not a speed; allowed a number over 0"),
        (["models", "activate", "fan-1", "v1"], "fan-1"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], config: Path, arguments: list[str], expected: str
) -> None:
    code = main([*arguments, "--config", str(config)])
    shown = capsys.readouterr()
    assert code == 2, shown
    assert shown.out == ""
    assert expected in shown.err
    assert all(line.startswith("monitor: ") for line in shown.err.splitlines())


def test_a_state_directory_alone_needs_no_configuration(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["score", "Fan 1", "x.wav", "--state-dir", str(tmp_path)]) == 2
    assert "machine 'Fan 1' is not a machine id" in capsys.readouterr().err
    assert main(["models", "list", "--state-dir", str(tmp_path)]) == 0
    assert "no models in" in capsys.readouterr().err


def test_ctrl_c_is_quiet_and_exits_with_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("monitor.cli.check.configuration", interrupted)
    assert main(["check"]) == 130
    shown = capsys.readouterr()
    assert shown.out.strip() == shown.err.strip() == ""


def test_a_reader_that_stops_reading_is_no_error() -> None:
    command = process(["check", "--schema"])
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    running.stdout.close()
    _, errors = running.communicate(timeout=60)
    assert errors == b""


def test_a_bug_keeps_its_traceback(config: Path) -> None:
    code = (
        "import sys, monitor.cli, monitor.cli.check\n"
        "def broken(_): raise ZeroDivisionError('a bug')\n"
        "monitor.cli.check.configuration = broken\n"
        "sys.exit(monitor.cli.main())"
    )
    done = subprocess.run(process(["check"], code), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ZeroDivisionError: a bug")


def test_the_schema_on_stdout_is_the_shipped_one() -> None:
    done = subprocess.run(process(["check", "--schema"]), cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == (ROOT / "config" / "monitor.schema.json").read_text()
    assert json.loads(done.stdout)["required"] == ["machines"]


def test_the_effective_configuration_is_yaml_1_1_too(capsys: pytest.CaptureFixture[str], config: Path) -> None:
    config.write_text("node: 'on'\nmachines: {'no': {source: {microphone: '1e3'}}}")
    assert main(["check", str(config)]) == 0
    values = yaml.safe_load(capsys.readouterr().out)
    assert values["node"] == "on"
    assert list(values["machines"]) == ["no"]
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"


@pytest.mark.parametrize("arguments", [[], ["alarms"], ["models"]])
def test_the_list_of_commands_says_whole_sentences_in_80_columns(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*arguments, "--help"]) == 0
    _, _, listed = capsys.readouterr().out.partition("Commands:\n")
    assert len(listed.splitlines()) >= 2
    assert all(line.endswith(".") and not line.endswith("...") and len(line) <= 80 for line in listed.splitlines())
