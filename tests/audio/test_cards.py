"""A card is known again after a reboot: by its socket, by what it is, by its name; on a kernel's file tree as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.audio.cards import Card, find_card, read_cards, same_device
from monitor.errors import DeviceError

CONTROLLER = "devices/pci0000:00/0000:00:14.0"
STREAM = """C-Media USB Audio at usb-0000:00:14.0-1.4, full speed : USB Audio

Playback:
  Status: Stop
  Interface 1
    Altset 1
    Format: S16_LE
    Channels: 2
    Endpoint: 0x01 (1 OUT) (ADAPTIVE)
    Rates: 32000

Capture:
  Status: Stop
  Interface 2
    Altset 1
    Format: S16_LE
    Channels: 1
    Endpoint: 0x82 (2 IN) (ASYNC)
    Rates: 48000, 44100
"""


class Kernel:
    """A file tree as the kernel shows it, that a test plugs cards into."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.proc, self.sys = root / "proc", root / "class"
        for folder in (self.proc, self.sys):
            folder.mkdir(parents=True)

    def plug(self, number: int, card_id: str, device: str, captures: tuple[int, ...] = (0,)) -> Path:
        """A card whose ``device`` is a folder below the tree's own root."""
        card = self.proc / f"card{number}"
        card.mkdir()
        (card / "id").write_text(f"{card_id}\n")
        for capture in captures:
            (card / f"pcm{capture}c").mkdir()
        folder = self.root / device
        folder.mkdir(parents=True, exist_ok=True)
        (self.sys / f"card{number}").mkdir()
        (self.sys / f"card{number}" / "device").symlink_to(folder)
        return folder

    def plug_usb(
        self, number: int, card_id: str, path: str, product: str = "0d8c:0014", serial: str | None = None
    ) -> None:
        """A USB microphone at ``usb1/1-1/1-1.4`` or the like."""
        usb = self.plug(number, card_id, f"{CONTROLLER}/{path}/{path.rpartition('/')[2]}:1.0").parent
        for name, text in zip(("idVendor", "idProduct"), product.split(":"), strict=True):
            (usb / name).write_text(f"{text}\n")
        if serial is not None:
            (usb / "serial").write_text(f"{serial}\n")
        (self.proc / f"card{number}" / "stream0").write_text(STREAM)

    def cards(self) -> tuple[Card, ...]:
        return read_cards(self.proc, self.sys)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path / "before")


def test_a_card_is_read_with_socket_identity_devices_and_rates(kernel: Kernel) -> None:
    kernel.plug(0, "PCH", CONTROLLER.replace("14.0", "1f.3"), captures=(0, 2))
    kernel.plug_usb(1, "Device", "usb1/1-1/1-1.4", serial="A:1")

    onboard, usb = kernel.cards()

    assert onboard == Card(0, "PCH", captures=(0, 2))
    assert usb == Card(1, "Device", "0000:00:14.0-1.4", "0d8c:0014:A:1", (0,), (44_100, 48_000))
    assert onboard.selectors(2) == ("card-id:PCH,2",)
    assert usb.selectors(0) == ("usb-path:0000:00:14.0-1.4", "usb:0d8c:0014:A:1", "card-id:Device")


def test_after_a_reboot_that_numbers_everything_anew_each_socket_is_the_same_microphone(
    kernel: Kernel, tmp_path: Path
) -> None:
    kernel.plug_usb(1, "Device", "usb1/1-1/1-1.4")
    kernel.plug_usb(2, "Device_1", "usb1/1-2")
    after = Kernel(tmp_path / "after")
    after.plug_usb(0, "Device", "usb3/3-2")
    after.plug_usb(3, "Device_1", "usb3/3-1/3-1.4")

    left, right = (card.selectors(0)[0] for card in kernel.cards())

    assert find_card(left, after.cards())[0].number == 3
    assert find_card(right, after.cards())[0].number == 0


def test_a_microphone_that_is_put_into_another_socket_is_known_by_its_serial_number(kernel: Kernel) -> None:
    kernel.plug_usb(4, "Device", "usb1/1-7", serial="0042")
    kernel.plug_usb(5, "Device_1", "usb1/1-8", serial="0043")

    assert find_card("usb:0d8c:0014:0043", kernel.cards())[0].number == 5


@pytest.mark.parametrize(
    ("selector", "number", "device"),
    [
        ("card-id:PCH", 0, 0),
        ("card-id:PCH,0", 0, 0),
        ("card-id:PCH,2", 0, 2),
        ("usb:1234:5678", 2, 0),
        ("usb:1234:5678:X 1", 2, 0),
        ("usb:1234:5678:X 1,1", 2, 1),
        ("usb-path:0000:00:14.0-1.4,1", 1, 1),
    ],
)
def test_a_selector_means_one_device_of_one_card(kernel: Kernel, selector: str, number: int, device: int) -> None:
    kernel.plug(0, "PCH", "pci", captures=(0, 2))
    kernel.plug_usb(1, "Device", "usb1/1-1/1-1.4")
    kernel.plug_usb(2, "Other", "usb1/1-2", "1234:5678", "X 1")

    card, of_card = find_card(selector, kernel.cards())

    assert (card.number, of_card) == (number, device)


def test_of_two_alike_the_error_names_the_sockets(kernel: Kernel) -> None:
    kernel.plug_usb(1, "Device", "usb1/1-1/1-1.4")
    kernel.plug_usb(2, "Device_1", "usb1/1-2")

    with pytest.raises(DeviceError) as caught:
        find_card("usb:0d8c:0014", kernel.cards())

    assert str(caught.value) == (
        "'usb:0d8c:0014' could be any of 2 sound cards; "
        "there are 'usb-path:0000:00:14.0-1.4' (Device), 'usb-path:0000:00:14.0-2' (Device_1)"
    )


@pytest.mark.parametrize("selector", ["card-id:Devic", "usb-path:0000:00:14.0-3", "usb:0d8c", "card-id:"])
def test_what_means_none_is_told_with_what_there_is(kernel: Kernel, selector: str) -> None:
    kernel.plug_usb(1, "Device", "usb1/1-1/1-1.4")
    kernel.plug(2, "HDMI", "hdmi", captures=())

    with pytest.raises(DeviceError) as caught:
        find_card(selector, kernel.cards())

    assert str(caught.value) == f"no sound card is {selector!r}; there are 'usb-path:0000:00:14.0-1.4' (Device)"


def test_all_selectors_of_one_device_are_known_to_mean_the_same(kernel: Kernel) -> None:
    kernel.plug_usb(1, "Device", "usb1/1-1/1-1.4")
    cards = kernel.cards()

    assert {same_device(selector, cards) for selector in cards[0].selectors(0)} == {"usb-path:0000:00:14.0-1.4"}
    assert same_device("card-id:Device,1", cards) == "usb-path:0000:00:14.0-1.4,1"
    assert same_device("card-id:Gone", cards) == "card-id:Gone"
    assert same_device("dsnoop", cards) == "dsnoop"


def test_where_there_is_no_alsa_there_are_no_cards(tmp_path: Path) -> None:
    assert read_cards(tmp_path / "asound", tmp_path / "sound") == ()
    with pytest.raises(DeviceError, match="there is no sound card that records"):
        find_card("card-id:PCH", ())
