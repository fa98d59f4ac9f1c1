"""Whatever a user gives that cannot be used: one clear line on stderr, the right exit code, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.cli import main
from tests.service.plant import train_quick, write_recordings

CONFIG = "window_s: 4\nhop_s: 4\nstate_dir: state\nmachines: {fan-1: {source: {simulated: fan, seed: 3}}}\n"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, recordings and a model of `fan-1`."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "monitor.yaml").write_text(CONFIG)
    files = write_recordings(folder / "recordings", 6, 20)
    train_quick(folder / "state", "fan-1", files, 4.0, 4.0)
    return folder


@pytest.fixture
def plant(trained: Path, tmp_path: Path) -> Path:
    """A copy of its own."""
    return Path(shutil.copytree(trained, tmp_path / "plant", symlinks=True))


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


Ask = Callable[..., Answer]
Refused = Callable[..., str]


@pytest.fixture
def ask(plant: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Run a command on the plant's configuration, in this process: a bug would come out as its exception."""

    def run(*arguments: str) -> Answer:
        capsys.readouterr()
        code = main([*arguments, "--config", str(plant / "monitor.yaml")])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return run


@pytest.fixture
def refused(ask: Ask) -> Callable[..., str]:
    """Run a command; gives the one line of error that it says, and fails when it ends otherwise."""

    def run(*arguments: str, code: int = 2) -> str:
        answer = ask(*arguments)
        assert answer.code == code, answer.err
        errors = [line for line in answer.err.splitlines() if line.startswith("monitor: error: ")]
        assert len(errors) == 1, answer.err
        return errors[0]

    return run


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("this is no sound\n" * 100)


def cut_off(path: Path) -> None:
    soundfile.write(path, np.zeros(160_000, np.float32), 16_000)
    path.write_bytes(path.read_bytes()[:5000])


def zero_hertz(path: Path) -> None:
    soundfile.write(path, np.zeros(160_000, np.float32), 16_000)
    data = bytearray(path.read_bytes())
    data[24:28] = struct.pack("<I", 0)  # the sample rate of a canonical WAV header
    path.write_bytes(data)


def not_a_number(path: Path) -> None:
    samples = np.zeros(160_000, np.float32)
    samples[80_000] = np.nan
    soundfile.write(path, samples, 16_000, subtype="FLOAT")


@pytest.mark.parametrize("spoil", [empty, text, cut_off, zero_hertz, not_a_number])
@pytest.mark.parametrize("command", ["train", "score"])
def test_a_recording_that_cannot_be_used_is_named_with_the_reason(
    plant: Path, refused: Refused, spoil: Callable[[Path], None], command: str
) -> None:
    path = plant / "bad.wav"
    spoil(path)
    assert str(path) in refused(command, "fan-1", str(path))


def test_a_bad_recording_among_good_ones_is_named_and_the_rest_is_scored(plant: Path, ask: Ask) -> None:
    text(plant / "recordings" / "bad.wav")
    answer = ask("score", "fan-1", str(plant / "recordings"))
    assert answer.code == 0
    assert "bad.wav" in answer.err
    assert "normal-00" in answer.out


def test_a_recording_of_three_channels_is_scored_on_the_configured_one(plant: Path, ask: Ask) -> None:
    samples = np.random.default_rng(0).normal(0, 0.01, (160_000, 3)).astype(np.float32)
    soundfile.write(plant / "three.wav", samples, 16_000)
    answer = ask("score", "fan-1", str(plant / "three.wav"), "--json")
    assert answer.code == 0, answer.err
    assert len(json.loads(answer.out)) == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("windw_s: 4", "did you mean 'window_s'"),
        ("window_s: four", "window_s"),
        ("window_s: 600", "1 to 60"),
        ("device: gpu", "auto, cpu, cuda"),
    ],
)
def test_a_mistake_in_the_configuration_is_named_with_its_line(
    plant: Path, refused: Refused, line: str, said: str
) -> None:
    (plant / "monitor.yaml").write_text(CONFIG.replace("window_s: 4", line))
    answer = refused("score", "fan-1", str(plant / "recordings"))
    assert "monitor.yaml:1: " in answer
    assert said in answer


def test_under_run_a_mistake_in_the_configuration_is_exit_code_78(plant: Path, refused: Refused) -> None:
    (plant / "monitor.yaml").write_text(CONFIG.replace("hop_s", "hops"))
    assert "monitor.yaml:2: " in refused("run", code=78)


def test_under_run_a_broker_that_no_name_can_be_is_exit_code_78_too(plant: Path, refused: Refused) -> None:
    (plant / "monitor.yaml").write_text(CONFIG + "mqtt: {host: a..b}\n")
    assert "mqtt.host 'a..b' is no host name" in refused("run", code=78)


def test_an_unknown_machine_is_answered_with_those_there_are(plant: Path, refused: Refused) -> None:
    assert "fan-1" in refused("score", "fan-2", str(plant / "recordings"))


def test_a_missing_model_is_answered_with_the_command_that_makes_one(plant: Path, refused: Refused) -> None:
    shutil.rmtree(plant / "state")
    assert "monitor train fan-1" in refused("score", "fan-1", str(plant / "recordings"))


def test_a_model_file_that_was_cut_off_is_named(plant: Path, refused: Refused) -> None:
    model = next((plant / "state" / "models" / "fan-1").glob("2*/model.safetensors"))
    model.write_bytes(model.read_bytes()[:-1000])
    assert model.name in refused("score", "fan-1", str(plant / "recordings"))


def test_a_model_file_that_was_altered_is_named(plant: Path, refused: Refused) -> None:
    model = next((plant / "state" / "models" / "fan-1").glob("2*/model.safetensors"))
    data = bytearray(model.read_bytes())
    data[-1000] ^= 1
    model.write_bytes(data)
    assert model.name in refused("score", "fan-1", str(plant / "recordings"))


def test_too_little_sound_to_learn_from_is_refused(plant: Path, refused: Refused) -> None:
    soundfile.write(plant / "short.wav", np.random.default_rng(0).normal(0, 0.1, 20_000), 16_000)
    assert "sound" in refused("train", "fan-1", str(plant / "short.wav"))


def test_models_of_a_machine_that_has_none_are_answered_with_those_there_are(plant: Path, refused: Refused) -> None:
    said = refused("models", "list", "fan-2")
    assert "no models of 'fan-2'" in said
    assert "there are models of: fan-1; did you mean 'fan-1'?" in said


def test_check_tells_of_certificates_that_cannot_be_read(plant: Path, ask: Ask) -> None:
    (plant / "monitor.yaml").write_text(f"mqtt: {{tls: {{ca_file: nowhere.pem}}}}\n{CONFIG}")
    answer = ask("check")
    assert answer.code == 0
    assert f"note: mqtt.tls.ca_file: {plant / 'nowhere.pem'} cannot be read: No such file" in answer.err


@pytest.mark.parametrize("arguments", [["models", "list"], ["models", "list", "fan-1"], ["alarms", "log"]])
def test_a_folder_that_this_user_may_not_enter_is_named(
    plant: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as name:  # tmp_path is below a folder that another user may not enter either
        folder = Path(shutil.copytree(plant, Path(name) / "plant", symlinks=True))
        Path(name).chmod(0o755)
        folder.chmod(0o755)
        command = [*arguments, "--config", str(folder / "monitor.yaml")]
        main(command)  # all modules are loaded, which the other user may not read
        with locked(folder / "state"):
            capsys.readouterr()
            code = main(command)
        said = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(said) == 1
    assert said[0].startswith(f"monitor: error: {folder / 'state'}")
    assert "Permission denied" in said[0]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody but root may enter the folder, and we are not root."""
    folder.chmod(0)
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
        folder.chmod(0o755)


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_a_name_that_the_terminal_has_no_letters_for_is_written_with_numbers(plant: Path, form: list[str]) -> None:
    sound = next((plant / "recordings").glob("*"))
    named = sound.rename(sound.with_stem("pr\u00fcf"))
    arguments = ["score", "fan-1", str(named), *form, "--config", str(plant / "monitor.yaml")]
    command = [sys.executable, "-m", "monitor", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0, done.stderr
    if form == ["--json"]:
        assert json.loads(done.stdout)[0]["recording"] == str(named)
    else:
        assert rb"pr\xfcf" in done.stdout
