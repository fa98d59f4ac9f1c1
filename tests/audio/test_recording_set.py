"""Files, folders and patterns stand for the recordings that a person means by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.audio.recording_set import find_recordings


@pytest.fixture
def hall(tmp_path: Path) -> Path:
    for name in (
        "b.wav",
        "a.FLAC",
        "day2/c.Wav",
        "day2/deep/d.flac",
        "notes.txt",
        "day2/._c.wav",
        ".x.flac.part",
        ".git/e.wav",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(hall: Path, *patterns: str | Path) -> list[str]:
    return [str(path.relative_to(hall)) for path in find_recordings(patterns).files]


def test_a_folder_stands_for_all_recordings_below_it_sorted(hall: Path) -> None:
    assert names(hall, hall) == ["a.FLAC", "b.wav", "day2/c.Wav", "day2/deep/d.flac"]


def test_a_pattern_may_match_files_and_folders(hall: Path) -> None:
    assert names(hall, str(hall / "*")) == ["a.FLAC", "b.wav", "day2/c.Wav", "day2/deep/d.flac"]
    assert names(hall, str(hall / "**" / "*.flac")) == ["day2/deep/d.flac"]
    assert names(hall, str(hall / "*.txt")) == ["notes.txt"]


def test_a_file_named_twice_comes_once_and_the_order_given_is_kept(hall: Path) -> None:
    assert names(hall, hall / "b.wav", hall) == ["b.wav", "a.FLAC", "day2/c.Wav", "day2/deep/d.flac"]


def test_a_file_named_outright_is_taken_whatever_its_name(hall: Path) -> None:
    assert names(hall, hall / "notes.txt") == ["notes.txt"]


def test_a_name_with_a_bracket_in_it_is_a_name(hall: Path) -> None:
    (hall / "fan[1].wav").touch()

    assert names(hall, hall / "fan[1].wav") == ["fan[1].wav"]


def test_a_link_to_a_folder_is_followed_and_a_circle_is_not(
    hall: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("nas")
    (elsewhere / "z.wav").touch()
    (hall / "nas").symlink_to(elsewhere)
    (hall / "day2" / "up").symlink_to(hall)

    assert names(hall, hall) == ["a.FLAC", "b.wav", "day2/c.Wav", "day2/deep/d.flac", "nas/z.wav"]


def test_a_name_that_leads_nowhere_is_told(hall: Path) -> None:
    (hall / "silent").mkdir()

    found = find_recordings([hall / "gone.wav", str(hall / "*.mp3"), hall / "silent", hall / "b.wav"])

    assert [path.name for path in found.files] == ["b.wav"]
    assert found.problems[0] == f"{hall / 'gone.wav'}: no such file or folder"
    assert found.problems[1] == f"{hall / '*.mp3'}: nothing matches this pattern"
    assert found.problems[2].startswith(f"{hall / 'silent'}: no recordings in this folder (looked for .wav ")
