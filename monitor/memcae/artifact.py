"""Models on disk: a folder per version, a `current` link swapped atomically, and a calibration beside each model.

Layout: `<state_dir>/models/<machine>/<version>/{model.safetensors,calibration.json}`, and the link `<machine>/current`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor import writable
from monitor.errors import ArtifactError
from monitor.memcae import preset as presets
from monitor.memcae import tensorfile
from monitor.memcae.model import MachineModel, from_tensors

FORMAT = 3
"""Of the metadata and tensor names; raised when an older program could not read what a newer one writes."""

MODEL_FILE = "model.safetensors"
CALIBRATION_FILE = "calibration.json"
CURRENT = "current"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # a folder's name everywhere, and no way out of the folder


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """What `list_versions` says of one version."""

    machine: str
    version: str
    current: bool
    """Whether it is the one in service."""
    metadata: Mapping[str, Any]
    """As `save_version` wrote it: preset, window_s, training, code_version, created_s; empty when unreadable."""
    calibrated: bool
    problem: str = ""
    """Why the model file's header cannot be read; empty when it can."""


def version_id(model: MachineModel, created_s: float) -> str:
    """The name of a version: when it was made (UTC) and the beginning of its tensors' digest; sorts by time."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(created_s))
    return f"{stamp}-{tensorfile.digest(model.tensors())[:8]}"


def free_version_id(state_dir: Path, machine: str, model: MachineModel, created_s: float) -> str:
    """As `version_id`, a second or more later where that name is taken: by the same model, made in the same second.

    Raises:
        ArtifactError: the machine's id is no folder name.
    """
    folder = _machine_folder(state_dir, machine)
    while (folder / (version := version_id(model, created_s))).exists():
        created_s += 1.0
    return version


def refuse_unwritable(state_dir: Path, machine: str) -> None:
    """Find out before an hour of training, and not after it, whether `save_version` may write; leaves nothing behind.

    Raises:
        ArtifactError: it may not.
    """
    writable.refuse_unwritable(_machine_folder(state_dir, machine), ArtifactError)


def save_version(
    state_dir: Path,
    machine: str,
    model: MachineModel,
    *,
    created_s: float,
    code_version: str,
    training: Mapping[str, Any],
    calibration: Mapping[str, Any] | None = None,
) -> str:
    """Store ``model`` as a new version, whole or not at all, and put it in service.

    Args:
        state_dir: the root of everything the program keeps.
        machine: the machine's id.
        model: what to store; its `version` is used when it has one.
        created_s: now, POSIX seconds.
        code_version: of this program.
        training: what it was trained on and how it went, JSON-ready.
        calibration: as `save_calibration`; a model without one is uncalibrated.

    Returns:
        The version's id.

    Raises:
        ArtifactError: the machine's id is no folder name, the version exists already, or the disk refuses.
    """
    version = model.version or version_id(model, created_s)
    folder = _machine_folder(state_dir, machine)
    metadata = {
        "format": FORMAT,
        "machine": machine,
        "preset": presets.to_dict(model.preset),
        "window_s": model.window_s,
        "created_s": created_s,
        "code_version": code_version,
        "training": dict(training),
    }
    unfinished = folder / f".{version}.{os.getpid()}"
    try:
        unfinished.mkdir(parents=True)
        tensorfile.write(unfinished / MODEL_FILE, model.tensors(), metadata)
        if calibration is not None:
            tensorfile.write_durably(unfinished / CALIBRATION_FILE, _sealed(calibration))
        tensorfile.sync_folder(unfinished)
        unfinished.rename(folder / version)
        tensorfile.sync_folder(folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise ArtifactError(f"{folder / version}: cannot be written: {error.strerror}") from error
    activate(state_dir, machine, version)
    return version


def load_model(state_dir: Path, machine: str, version: str | None = None) -> MachineModel:
    """The stored model of ``machine``, on the CPU: ``version``, or the one in service.

    Raises:
        ArtifactError: there is none, or its file is cut off, altered, or of another format, machine or preset.
    """
    folder = _version_folder(state_dir, machine, version)
    path = folder / MODEL_FILE
    metadata, tensors = tensorfile.read(path)
    if metadata.get("format") != FORMAT:
        raise ArtifactError(
            f"{path}: is of format {metadata.get('format')!r}; this program reads format {FORMAT}: train again"
        )
    if metadata.get("machine") != machine:
        raise ArtifactError(f"{path}: is the model of machine {metadata.get('machine')!r}, not of {machine!r}")
    try:
        preset = presets.from_dict(metadata["preset"])
        return from_tensors(machine, folder.name, preset, float(metadata["window_s"]), tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"{path}: {error}") from error


def list_versions(state_dir: Path, machine: str) -> tuple[VersionInfo, ...]:
    """Every stored version of ``machine``, the oldest first; empty when there is none."""
    folder = _machine_folder(state_dir, machine)
    try:
        names = sorted(entry.name for entry in folder.iterdir() if _NAME.fullmatch(entry.name) and entry.is_dir())
    except FileNotFoundError:
        return ()
    current = str((folder / CURRENT).readlink()) if (folder / CURRENT).is_symlink() else ""
    return tuple(_info(folder, machine, name, current) for name in names if name != CURRENT)


def activate(state_dir: Path, machine: str, version: str) -> None:
    """Put ``version`` in service from the next load on; the switch is atomic.

    Raises:
        ArtifactError: there is no such version; names those there are.
    """
    folder = _machine_folder(state_dir, machine)
    if version == CURRENT or not _NAME.fullmatch(version) or not (folder / version / MODEL_FILE).is_file():
        known = ", ".join(info.version for info in list_versions(state_dir, machine)) or "none"
        raise ArtifactError(f"{folder}: holds no version {version!r}; there are: {known}")
    link = folder / f".{CURRENT}.{os.getpid()}"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(version)
        link.replace(folder / CURRENT)
        tensorfile.sync_folder(folder)
    except OSError as error:
        raise ArtifactError(f"{folder / CURRENT}: cannot be switched to {version}: {error.strerror}") from error


def save_calibration(state_dir: Path, machine: str, calibration: Mapping[str, Any], version: str | None = None) -> None:
    """Replace the calibration of ``version`` (default: the one in service), atomically.

    Raises:
        ArtifactError: there is no such version, or the disk refuses.
    """
    path = _version_folder(state_dir, machine, version) / CALIBRATION_FILE
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.unlink(missing_ok=True)
        tensorfile.write_durably(unfinished, _sealed(calibration))
        unfinished.replace(path)
        tensorfile.sync_folder(path.parent)
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be written: {error.strerror}") from error


def load_calibration(state_dir: Path, machine: str, version: str | None = None) -> dict[str, Any] | None:
    """The calibration of ``version`` (default: the one in service); None when it has none.

    Raises:
        ArtifactError: there is no such version, or its calibration is cut off or altered.
    """
    path = _version_folder(state_dir, machine, version) / CALIBRATION_FILE
    try:
        whole = json.loads(path.read_bytes())
        calibration, claimed = whole["calibration"], whole["sha256"]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtifactError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: cut off or damaged: {error}") from error
    if not isinstance(calibration, dict) or _digest(calibration) != claimed:
        raise ArtifactError(f"{path}: was altered since it was written (its SHA-256 does not match)")
    return calibration


def _machine_folder(state_dir: Path, machine: str) -> Path:
    if not _NAME.fullmatch(machine):
        raise ArtifactError(
            f"machine {machine!r}: allowed are letters, digits, '.', '_' and '-', first a letter or digit"
        )
    return state_dir / "models" / machine


def _version_folder(state_dir: Path, machine: str, version: str | None) -> Path:
    folder = _machine_folder(state_dir, machine)
    try:
        if version is None:
            link = folder / CURRENT
            if not link.is_symlink():
                raise ArtifactError(
                    f"{folder}: machine {machine!r} has no model yet; `monitor train {machine} RECORDINGS...`"
                )
            version = str(link.readlink())
        if not _NAME.fullmatch(version) or not (folder / version).is_dir():
            raise ArtifactError(f"{folder}: holds no version {version!r}")
    except OSError as error:
        raise ArtifactError(f"{folder}: cannot be read: {error.strerror}") from error
    return folder / version


def _info(folder: Path, machine: str, version: str, current: str) -> VersionInfo:
    metadata: dict[str, Any] = {}
    problem = ""
    try:
        metadata = tensorfile.read_metadata(folder / version / MODEL_FILE)
    except ArtifactError as error:
        problem = str(error)
    calibrated = (folder / version / CALIBRATION_FILE).is_file()
    return VersionInfo(machine, version, version == current, metadata, calibrated, problem)


def _sealed(calibration: Mapping[str, Any]) -> bytes:
    whole = {"calibration": dict(calibration), "sha256": _digest(calibration)}
    return json.dumps(whole, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def _digest(calibration: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(dict(calibration), sort_keys=True, allow_nan=False).encode()).hexdigest()
