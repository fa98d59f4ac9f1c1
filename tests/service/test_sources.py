"""Machines on one sound device share one ear, however they name it."""

from __future__ import annotations

import pytest

from monitor.audio.cards import Card
from monitor.audio.windows import WindowSpec
from monitor.config import Config
from monitor.service import sources
from monitor.service.sources import build_ears, window_spec


def test_machines_on_one_device_share_its_ear_and_each_has_its_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(1, "Device", "0000:00:14.0-1.4", "0d8c:0014")
    monkeypatch.setattr(sources, "read_cards", lambda: (card,))
    named = {
        "fan-1": ("card-id:Device", 1),
        "fan-2": ("usb-path:0000:00:14.0-1.4", 4),
        "fan-3": ("usb:0d8c:0014", 2),
        "pump": ("card-id:Gone", 1),
    }
    config = Config.model_validate(
        {"machines": {name: {"source": {"microphone": m, "channel": c}} for name, (m, c) in named.items()}}
    )

    shared, alone = build_ears(config)

    assert shared.machines == ("fan-1", "fan-2", "fan-3")
    assert shared.source.channels == 4
    assert (alone.name, alone.machines) == ("card-id:Gone", ("pump",))


@pytest.mark.parametrize(
    ("preset", "hop_s", "grid"),
    [("paper", 1, 1024), ("paper", 10, 1), ("paper", 0.1, 1024), ("default", 1, 8192), ("default", 0.1, 1)],
)
def test_overlapping_windows_that_share_their_work_begin_on_a_grid(preset: str, hop_s: float, grid: int) -> None:
    machine = {"source": {"simulated": "fan"}, "preset": preset}
    config = Config.model_validate({"hop_s": hop_s, "machines": {"fan": machine}})

    assert window_spec(config, "fan", 1) == WindowSpec("fan", 0, 160_000, round(hop_s * 16_000), grid)
