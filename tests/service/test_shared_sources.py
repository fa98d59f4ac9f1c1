"""From the configuration to ears: who shares a source, and what is printed of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from monitor.config import Config, StreamSource
from monitor.config.effective import effective_text
from monitor.detect.finding import MicrophoneFault
from monitor.errors import ConfigurationError
from monitor.service.machines import watch
from monitor.service.sources import build_ears, describe

CAMERA = "rtsp://camera/audio"


def config_of(**sources: Any) -> Config:
    machines = {name.replace("_", "-"): {"source": source} for name, source in sources.items()}
    return Config.model_validate({"machines": machines})


def source_of(config: Config, machine: str) -> StreamSource:
    source = config.machine(machine).source
    assert isinstance(source, StreamSource)
    return source


def test_a_password_in_the_address_itself_is_refused_without_showing_it() -> None:
    with pytest.raises(ValidationError) as told:
        config_of(press={"stream": "rtsp://anna:s3cret@camera/audio"})
    assert "they have keys of their own" in told.value.errors()[0]["msg"]


def test_a_password_file_that_is_missing_is_told_by_its_key(tmp_path: Path) -> None:
    source = {"stream": CAMERA, "username": "anna", "password_file": str(tmp_path / "none")}
    with pytest.raises(ConfigurationError, match=r"source\.password_file: .*none cannot be read"):
        build_ears(config_of(press=source))


def test_machines_on_one_stream_or_pipe_share_it_and_are_heard_on_channels_of_their_own() -> None:
    pipe = {"rate_hz": 48_000, "channels": 3}
    config = config_of(
        press={"stream": CAMERA},
        saw={"stream": CAMERA, "channel": 2},
        fan={"stdin": pipe},
        pump={"stdin": pipe, "channel": 3},
        gate={"stream": "http://gate/audio"},
    )
    heard = {ear.machines: ear.source.channels for ear in build_ears(config)}
    assert heard == {("press", "saw"): 2, ("fan", "pump"): 3, ("gate",): 1}


def test_a_stream_is_opened_with_its_password_which_is_in_no_name_description_or_printed_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CAMERA", "s3cret/@")
    source = {"stream": CAMERA, "username": "anna", "password_env": "CAMERA"}
    config = config_of(press=source)
    assert config.stream_address(source_of(config, "press")) == "rtsp://anna:s3cret%2F%40@camera/audio"
    (ear,) = build_ears(config)
    for shown in (ear.name, describe(config.machine("press").source), effective_text(config)):
        assert "camera/audio" in shown
        assert "s3cret" not in shown


def test_ignored_faults_are_read_by_their_names() -> None:
    machine = {"source": {"simulated": "fan"}, "ignored_faults": ["mains_hum", "too_loud"]}
    config = Config.model_validate({"machines": {"fan": machine}})
    assert config.machine("fan").ignored_faults == (MicrophoneFault.HUM, MicrophoneFault.LOUD)
    assert watch(config, "fan").detector.policy.microphone.ignored == {MicrophoneFault.HUM, MicrophoneFault.LOUD}
