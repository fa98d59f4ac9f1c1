"""A selector means one device, or the error says what there is to choose from."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from monitor.audio.capture.portaudio import present_devices
from monitor.audio.cards import Card
from monitor.audio.devices import SoundDevice, describe_devices, find_device, taken_devices
from monitor.errors import DeviceError


def portaudio_with(*names_and_channels: tuple[str, int]) -> list[dict[str, object]]:
    """What sounddevice tells of a plant PC, without its hardware."""
    return [
        {"name": name, "index": 10 + index, "hostapi": 0, "max_input_channels": channels, "default_samplerate": 44.1e3}
        for index, (name, channels) in enumerate(names_and_channels)
    ]


CARDS = (
    Card(0, "PCH"),
    Card(1, "Device", "0000:00:14.0-1.4", "0d8c:0014", rates_hz=(44_100, 48_000)),
    Card(2, "Device_1", "0000:00:14.0-2", "1234:5678:X1", captures=(0, 1), rates_hz=(16_000,)),
    Card(3, "Busy", "0000:00:14.0-3", "1234:9999"),
)


@pytest.fixture
def plant() -> tuple[SoundDevice, ...]:
    found = portaudio_with(
        ("HDA Intel PCH: ALC3246 Analog (hw:0,0)", 2),
        ("HDA Intel PCH: HDMI 0 (hw:0,3)", 0),
        ("USB PnP Sound Device: Audio (hw:1,0)", 1),
        ("USB PnP Sound Device: Audio (hw:2,0)", 1),
        ("Multiface: Line (hw:2,1)", 8),
        ("dsnoop", 2),
        ("twice", 1),
        ("twice", 1),
    )
    return describe_devices(found, ("ALSA",), CARDS)


def test_each_input_has_the_selector_to_paste(plant: tuple[SoundDevice, ...]) -> None:
    assert [device.selector for device in plant] == [
        "card-id:PCH",
        "usb-path:0000:00:14.0-1.4",
        "usb-path:0000:00:14.0-2",
        "usb-path:0000:00:14.0-2,1",
        "dsnoop",
        "twice [ALSA]",
        "twice [ALSA]",
    ]
    assert plant[1] == SoundDevice(
        selector="usb-path:0000:00:14.0-1.4",
        name="USB PnP Sound Device: Audio (hw:1,0)",
        host_api="ALSA",
        channels=1,
        native_rate_hz=48_000,
        index=12,
        others=("usb:0d8c:0014", "card-id:Device"),
        rates_hz=(44_100, 48_000),
    )


def test_a_device_is_captured_at_its_full_rate_or_at_what_portaudio_says(plant: tuple[SoundDevice, ...]) -> None:
    assert [device.native_rate_hz for device in plant[:3]] == [44_100, 48_000, 44_100]


def test_a_listed_device_comes_whole_through_json(plant: tuple[SoundDevice, ...]) -> None:
    assert tuple(SoundDevice.from_dict(json.loads(json.dumps(asdict(device)))) for device in plant) == plant


@pytest.mark.parametrize(
    ("selector", "index"),
    [
        ("card-id:Device", 12),
        ("card-id:Device,0", 12),
        ("card-id:Device_1", 13),
        ("card-id:Device_1,1", 14),
        ("usb-path:0000:00:14.0-2", 13),
        ("usb-path:0000:00:14.0-2,1", 14),
        ("usb:0d8c:0014", 12),
        ("usb:1234:5678:X1", 13),
        ("USB PnP Sound Device: Audio (hw:1,0)", 12),
        ("multiface", 14),
        ("ALC3246", 10),
        ("hw:2,0", 13),
        ("dsnoop", 15),
    ],
)
def test_a_selector_means_one_device(plant: tuple[SoundDevice, ...], selector: str, index: int) -> None:
    assert find_device(selector, plant, CARDS).index == index


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("Rode", "no sound device is 'Rode'; there are 'card-id:PCH' (2 channels), 'usb-path:0000:00:14.0-1.4' (1 "),
        ("card-id:Devic", "no sound card is 'card-id:Devic'; there are "),
        ("card-id:PCH,7", "'card-id:PCH,7' is sound card PCH, which records on device 0"),
        ("card-id:Busy", "'card-id:Busy' is sound card Busy, which another program is using"),
        ("", "no sound device is ''; there are "),
        (
            "usb pnp",
            "'usb pnp' could be any of 2 sound devices; there are 'usb-path:0000:00:14.0-1.4' (1 channel), 'usb-path:",
        ),
        ("twice", "'twice' could be any of 2 sound devices"),
    ],
)
def test_what_means_none_or_several_is_told_with_the_candidates(
    plant: tuple[SoundDevice, ...], selector: str, words: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        find_device(selector, plant, CARDS)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_card_that_portaudio_cannot_open_is_listed_as_taken(plant: tuple[SoundDevice, ...]) -> None:
    assert taken_devices(plant, CARDS) == (("usb-path:0000:00:14.0-3", "Busy"),)


def test_where_there_is_no_device_the_error_says_so() -> None:
    with pytest.raises(DeviceError, match="there is no sound device with an input"):
        find_device("mic", (), ())


def test_without_portaudio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(name: str) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("importlib.import_module", not_there)

    with pytest.raises(DeviceError, match="apt install libportaudio2"):
        present_devices()
