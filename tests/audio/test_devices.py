"""A selector means one device, or the error says what there is to choose from."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.audio import devices
from monitor.audio.devices import SoundDevice, card_ids, find_device, list_devices
from monitor.errors import DeviceError


class PortAudioWith:
    """What sounddevice tells of a plant PC, without its hardware."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *names_and_channels: tuple[str, int]) -> None:
        self._devices = [
            {
                "name": name,
                "index": 10 + index,
                "hostapi": 0,
                "max_input_channels": channels,
                "default_samplerate": 48e3,
            }
            for index, (name, channels) in enumerate(names_and_channels)
        ]

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}]

    def query_devices(self) -> list[dict[str, object]]:
        return self._devices


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SoundDevice, ...]:
    for number, name in ((0, "PCH"), (1, "Device"), (2, "Device_1")):
        (tmp_path / f"card{number}").mkdir()
        (tmp_path / f"card{number}" / "id").write_text(f"{name}\n")
    portaudio = PortAudioWith(
        ("HDA Intel PCH: ALC3246 Analog (hw:0,0)", 2),
        ("HDA Intel PCH: HDMI 0 (hw:0,3)", 0),
        ("USB PnP Sound Device: Audio (hw:1,0)", 1),
        ("USB PnP Sound Device: Audio (hw:2,0)", 1),
        ("Multiface: Line (hw:2,1)", 8),
        ("dsnoop", 2),
        ("twice", 1),
        ("twice", 1),
    )
    monkeypatch.setattr(devices, "portaudio", lambda: portaudio)
    monkeypatch.setattr(devices, "CARDS", tmp_path)
    return list_devices()


def test_each_input_has_the_selector_to_paste(plant: tuple[SoundDevice, ...]) -> None:
    assert [device.selector for device in plant] == [
        "card-id:PCH",
        "card-id:Device",
        "card-id:Device_1",
        "card-id:Device_1,1",
        "dsnoop",
        "twice [ALSA]",
        "twice [ALSA]",
    ]
    assert plant[1] == SoundDevice("card-id:Device", "USB PnP Sound Device: Audio (hw:1,0)", "ALSA", 1, 48_000, 12)


@pytest.mark.parametrize(
    ("selector", "index"),
    [
        ("card-id:Device", 12),
        ("card-id:Device,0", 12),
        ("card-id:Device_1", 13),
        ("card-id:Device_1,1", 14),
        ("USB PnP Sound Device: Audio (hw:1,0)", 12),
        ("multiface", 14),
        ("ALC3246", 10),
        ("hw:2,0", 13),
        ("dsnoop", 15),
    ],
)
def test_a_selector_means_one_device(plant: tuple[SoundDevice, ...], selector: str, index: int) -> None:
    assert find_device(selector, plant).index == index
    assert find_device(selector).index == index


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        ("Rode", "no sound device is 'Rode'; there are 'card-id:PCH' (2 channels), 'card-id:Device' (1 channel), "),
        ("card-id:Devic", "no sound device is 'card-id:Devic'; there are "),
        ("", "no sound device is ''; there are "),
        (
            "usb pnp",
            "'usb pnp' could be any of 2 sound devices; there are 'card-id:Device' (1 channel), 'card-id:Device_1'",
        ),
        ("twice", "'twice' could be any of 2 sound devices"),
    ],
)
def test_what_means_none_or_several_is_told_with_the_candidates(
    plant: tuple[SoundDevice, ...], selector: str, words: str
) -> None:
    with pytest.raises(DeviceError) as caught:
        find_device(selector, plant)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_where_there_is_no_device_the_error_says_so() -> None:
    with pytest.raises(DeviceError, match="there is no sound device with an input"):
        find_device("mic", ())


def test_where_there_is_no_alsa_there_are_no_cards(tmp_path: Path) -> None:
    assert card_ids(tmp_path / "asound") == {}


def test_without_portaudio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(name: str) -> None:
        raise OSError("PortAudio library not found")

    monkeypatch.setattr("importlib.import_module", not_there)

    with pytest.raises(DeviceError, match="apt install libportaudio2"):
        list_devices()
