"""Named tensors and JSON metadata in one safetensors file that proves itself whole when read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from monitor.errors import ArtifactError

_CONTENT = "monitor"  # the header's key for our JSON; safetensors allows strings only
_DIGEST = "sha256"  # the header's key for the digest of the JSON and of every tensor


def digest(tensors: Mapping[str, Tensor], content: str = "") -> str:
    """SHA-256 of ``content`` and of every tensor's name, type, shape and bytes, in hexadecimal."""
    whole = hashlib.sha256(content.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        whole.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        whole.update(tensor.numpy().tobytes())
    return whole.hexdigest()


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write a new file and force it to the disk.

    Args:
        path: where; an existing file is an error.
        tensors: by name, on any device.
        metadata: JSON-ready values.
    """
    content = json.dumps(metadata, sort_keys=True, allow_nan=False)
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    whole = safetensors.torch.save(stored, {_CONTENT: content, _DIGEST: digest(stored, content)})
    write_durably(path, whole)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The metadata and tensors of a file that `write` wrote.

    Raises:
        ArtifactError: the file is missing, cut off, altered, or not of this kind; names file and reason.
    """
    metadata, claimed, content = _header(path)
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (OSError, safetensors.SafetensorError) as error:
        raise ArtifactError(f"{path}: cannot be read: {error}") from error
    if digest(tensors, content) != claimed:
        raise ArtifactError(f"{path}: was altered since it was written (its SHA-256 does not match)")
    return metadata, tensors


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata alone, without proving the tensors whole.

    Raises:
        ArtifactError: as `read`.
    """
    return _header(path)[0]


def _header(path: Path) -> tuple[dict[str, Any], str, str]:
    """The metadata, the digest the file claims, and the metadata's text."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
    except FileNotFoundError as error:
        raise ArtifactError(f"{path}: no such file") from error
    except (OSError, safetensors.SafetensorError) as error:
        raise ArtifactError(f"{path}: cut off or damaged: {error}") from error
    if _CONTENT not in header or _DIGEST not in header:
        raise ArtifactError(f"{path}: is no model of this program (its header says nothing of `{_CONTENT}`)")
    try:
        metadata = json.loads(header[_CONTENT])
    except ValueError as error:
        raise ArtifactError(f"{path}: damaged header: {error}") from error
    if not isinstance(metadata, dict):
        raise ArtifactError(f"{path}: damaged header: not an object")
    return metadata, header[_DIGEST], header[_CONTENT]


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and return once it is on the disk; an existing file is an error."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Return once the names in ``folder`` are on the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
