"""Read the folders and file names of DCASE Challenge Task 2, 2020 to 2025: which clip is what of which machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from monitor.audio.recording_set import SUFFIXES
from monitor.counted import counted, first_names
from monitor.errors import BadInputError

Domain: TypeAlias = Literal["source", "target", ""]
Label: TypeAlias = Literal["normal", "anomaly", ""]

TRAIN_FOLDER = "train"
TEST_FOLDERS = ("test", "source_test", "target_test")
"""2021 keeps its two domains in folders of their own."""
RENAMED_FOLDER = "test_rename"
"""What the challenge's own tools call the evaluation clips once their labels are known; read in place of ``test``."""
SUPPLEMENTAL_FOLDER = "supplemental"
"""2025: clean machine sound or plain noise, neither of which the microphone hears in service; not used."""
DEPTH = 4
"""Folders below the given one that are searched: the challenge's tools unpack to `dev_data/raw/<machine>/train`."""
NAMED = 3
"""Bad names that a message lists."""

_SECTION = re.compile(  # 2021 to 2025; the evaluation sets leave out the label, or the domain too, or `test`
    r"section_(?P<section>\d+)(?:_(?P<domain>source|target))?(?:_(?P<split>train|test))?"
    r"(?:_(?P<label>normal|anomaly))?_(?P<number>\d+)(?:_(?P<attributes>.*))?"
)
_ID = re.compile(r"(?:(?P<label>normal|anomaly)_)?id_(?P<section>\d+)_(?P<number>\d+)")  # 2020

_EXPECTED = (
    "expected names like section_00_source_test_normal_0000_noAttribute.wav (2021 to 2025) "
    "or normal_id_01_00000000.wav (2020)"
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One file, by its name."""

    path: Path
    section: str
    """Two digits as in the name; the machine id of 2020."""
    domain: Domain
    """Empty where the name does not say; 2020 knew one domain, which later years call source."""
    label: Label
    """Empty in an evaluation set whose answers are not in the names."""
    attributes: str = ""
    """Whatever follows the number; empty for `noAttribute`."""


@dataclass(frozen=True, slots=True)
class Section:
    """What one model is trained and tested on."""

    machine: str
    name: str
    """Two digits."""
    train: tuple[Clip, ...]
    """Normal clips of both domains."""
    test: tuple[Clip, ...]

    @property
    def id(self) -> str:
        """As the challenge's files are called: ``ToyCar_section_00``."""
        return f"{self.machine}_section_{self.name}"


@dataclass(frozen=True, slots=True)
class Layout:
    """What a data folder holds."""

    sections: tuple[Section, ...]
    problems: tuple[str, ...] = field(default=())
    """One line for each thing that was left out."""


def read_layout(data_dir: Path, machines: Sequence[str] = ()) -> Layout:
    """The sections of every machine at or below ``data_dir``; no sound is opened.

    Args:
        data_dir: one machine (it holds ``train``), or a folder of machines, up to DEPTH folders down.
        machines: only these; empty takes all.

    Raises:
        BadInputError: no such folder or machine, two machines of one name, or nothing that can be trained and tested.
    """
    if not data_dir.is_dir():
        raise BadInputError(f"{data_dir}: no such folder")
    folders = _machine_folders(data_dir)
    if not folders:
        raise BadInputError(
            f"{data_dir}: holds no machine: expected <machine>/{TRAIN_FOLDER} and <machine>/{TEST_FOLDERS[0]} "
            f"at most {DEPTH} folders down"
        )
    sections: list[Section] = []
    problems: list[str] = []
    for name in _chosen(folders, machines):
        found, wrong = _sections(name, folders[name])
        sections += found
        problems += wrong
    if not sections:
        raise BadInputError("\n".join(problems) or f"{data_dir}: holds no recordings")
    return Layout(tuple(sections), tuple(problems))


def parse(path: Path) -> Clip | None:
    """What the name of a clip says; None when it follows none of the challenge's forms.

    >>> parse(Path("section_00_target_train_normal_0003_car_A1_spd_28V.wav")).attributes
    'car_A1_spd_28V'
    """
    if found := _ID.fullmatch(path.stem):
        return Clip(path, found["section"].zfill(2), "source", _label(found["label"]))
    if found := _SECTION.fullmatch(path.stem):
        attributes = found["attributes"] or ""
        domain: Domain = "source" if found["domain"] == "source" else "target" if found["domain"] else ""
        known = "" if attributes == "noAttribute" else attributes
        return Clip(path, found["section"].zfill(2), domain, _label(found["label"]), known)
    return None


def _label(text: str | None) -> Label:
    return "normal" if text == "normal" else "anomaly" if text else ""


def _machine_folders(data_dir: Path) -> dict[str, Path]:
    """Every folder that holds a ``train`` folder, by its name, sorted.

    Raises:
        BadInputError: two of them have one name, so that their results would overwrite each other.
    """
    found: dict[str, Path] = {}
    for folder in sorted(_search(data_dir.resolve(), DEPTH)):
        if folder.name in found:
            raise BadInputError(
                f"two machines are called {folder.name!r}: {found[folder.name]} and {folder}; "
                "evaluate them one after the other, each with its own --out"
            )
        found[folder.name] = folder
    return found


def _search(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / TRAIN_FOLDER).is_dir():
        yield folder
    elif depth:
        for below in sorted(folder.iterdir()):
            if below.is_dir() and not below.name.startswith("."):
                yield from _search(below, depth - 1)


def _chosen(folders: dict[str, Path], machines: Sequence[str]) -> list[str]:
    missing = [name for name in machines if name not in folders]
    if missing:
        raise BadInputError(f"--machines: there is no {missing[0]!r}; there are: {', '.join(folders)}")
    return [name for name in folders if not machines or name in machines]


def _sections(machine: str, folder: Path) -> tuple[list[Section], list[str]]:
    renamed = (folder / RENAMED_FOLDER).is_dir()
    tests = [name for name in TEST_FOLDERS if not (renamed and name == TEST_FOLDERS[0])]
    train, problems = _clips([folder / TRAIN_FOLDER])
    test, wrong = _clips([folder / name for name in (*tests, RENAMED_FOLDER)])
    problems += wrong
    if anomalous := [clip for clip in train if clip.label == "anomaly"]:
        problems.append(f"{anomalous[0].path}: {len(anomalous)} anomalous clips among those to train on were left out")
        train = [clip for clip in train if clip.label != "anomaly"]
    if (folder / SUPPLEMENTAL_FOLDER).is_dir():
        problems.append(f"{folder / SUPPLEMENTAL_FOLDER}: not used: the microphone does not hear it in service")
    sections = []
    for name in sorted({clip.section for clip in (*train, *test)}):
        section = Section(
            machine,
            name,
            tuple(clip for clip in train if clip.section == name),
            tuple(clip for clip in test if clip.section == name),
        )
        if section.train and section.test:
            sections.append(section)
        else:
            absent = TRAIN_FOLDER if not section.train else TEST_FOLDERS[0]
            problems.append(f"{folder}: section {name} was left out: it has no clips in {absent}")
    if not sections and not train and not test:
        problems.append(f"{folder}: holds no clips; {_EXPECTED}")
    return sections, problems


def _clips(folders: Sequence[Path]) -> tuple[list[Clip], list[str]]:
    """The clips in these folders as far as they exist, sorted by name, and a line for files of other names."""
    clips: list[Clip] = []
    strange: list[Path] = []
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                clip = parse(path)
                clips.append(clip) if clip else strange.append(path)
    if not strange:
        return clips, []
    named = first_names([path.name for path in strange], NAMED)
    return clips, [
        f"{strange[0].parent}: left out for their names: {counted(len(strange), 'file')} ({named}); {_EXPECTED}"
    ]
