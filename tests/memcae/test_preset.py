from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from monitor.memcae.preset import PAPER, PAPER_LITERAL, PRESETS, Preset, from_dict, to_dict


def test_ten_seconds_are_the_papers_257_by_1251() -> None:
    assert PAPER.spectrogram.bins == 257
    assert PAPER.spectrogram.columns(160_000) == 1251


def test_paper_and_paper_literal_differ_in_the_slot_size_alone() -> None:
    assert (PAPER.network.slots, PAPER.network.slot_size) == (2000, 64)
    assert (PAPER_LITERAL.network.slots, PAPER_LITERAL.network.slot_size) == (2000, 2000)
    assert PAPER.training == PAPER_LITERAL.training


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_a_preset_survives_its_dictionary(preset: Preset) -> None:
    assert from_dict(to_dict(preset)) == preset


@pytest.mark.parametrize(
    ("where", "field", "value", "named"),
    [
        ((), "name", 3, "preset.name"),
        ((), "colour", "red", "colour"),
        (("network",), "slots", "many", "preset.network.slots"),
        (("network",), "widths", [16, "x"], "preset.network.widths"),
        (("network",), "decoder", 1, "preset.network.decoder"),
        (("spectrogram",), "scale", "bark", "preset.spectrogram.scale"),
        (("training",), "epochs", True, "preset.training.epochs"),
    ],
)
def test_a_wrong_field_is_named(where: tuple[str, ...], field: str, value: object, named: str) -> None:
    values: dict[str, Any] = to_dict(PAPER)
    inner = values
    for key in where:
        inner = inner[key]
    inner[field] = value
    with pytest.raises(ValueError, match=named):
        from_dict(values)


def test_a_missing_field_is_named() -> None:
    values = to_dict(PAPER)
    del values["network"]["leak"]
    with pytest.raises(ValueError, match="leak"):
        from_dict(values)


def test_presets_are_read_without_torch() -> None:
    code = "import sys, monitor.memcae.preset; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
