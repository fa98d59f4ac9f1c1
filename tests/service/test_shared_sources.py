"""From the configuration to ears: who shares a source, and what is printed of it."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.config import Config
from monitor.config.effective import effective_text
from monitor.detect.finding import MicrophoneFault
from monitor.errors import BadInputError
from monitor.service.machines import watch
from monitor.service.sources import build_ears, describe

CAMERA = "rtsp://user:s3cret@camera/audio"


def config_of(**sources: Any) -> Config:
    machines = {name.replace("_", "-"): {"source": source} for name, source in sources.items()}
    return Config.model_validate({"machines": machines})


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


def test_there_is_one_standard_input_and_one_description_of_it() -> None:
    config = config_of(fan={"stdin": {"rate_hz": 48_000}}, pump={"stdin": {"rate_hz": 16_000}})
    with pytest.raises(BadInputError, match="one standard input, but machines describe it in 2 ways"):
        build_ears(config)


def test_a_password_in_an_address_is_in_no_name_description_or_printed_configuration() -> None:
    config = config_of(press={"stream": CAMERA})
    (ear,) = build_ears(config)
    for shown in (ear.name, describe(config.machine("press").source), effective_text(config)):
        assert "camera/audio" in shown
        assert "s3cret" not in shown


def test_ignored_faults_are_read_by_their_names() -> None:
    machine = {"source": {"simulated": "fan"}, "ignored_faults": ["mains_hum", "too_loud"]}
    config = Config.model_validate({"machines": {"fan": machine}})
    assert config.machine("fan").ignored_faults == (MicrophoneFault.HUM, MicrophoneFault.LOUD)
    assert watch(config, "fan").detector.policy.microphone.ignored == {MicrophoneFault.HUM, MicrophoneFault.LOUD}
