"""Each machine's model and calibration, and what they run on."""

from __future__ import annotations

from pathlib import Path

from monitor.config import Config
from monitor.doctor.access import User, unreadable
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.errors import ArtifactError, DeviceError
from monitor.memcae import kernels
from monitor.memcae.artifact import CALIBRATION_FILE, MODEL_FILE, list_versions, load_model
from monitor.memcae.fleet import choose_device
from monitor.service.machines import mismatch, read_calibration


def model(config: Config, machine: str, user: User | None = None) -> Finding:
    """Whether the machine has a model that can be used, and a calibration made for what is configured.

    Args:
        config: of the node.
        machine: its id.
        user: who has to read it; None is whoever runs this.
    """
    name, folder = f"{machine} model", config.state_dir
    recordings = folder / "recordings" / machine
    train, calibrate = f"monitor train {machine} {recordings}", f"monitor calibrate {machine} {recordings}"
    try:
        loaded = load_model(folder, machine)
    except ArtifactError as error:
        if isinstance(error.__cause__, PermissionError):
            return note(name, str(error), "sudo monitor doctor")
        told, _, _ = str(error).partition("; `monitor")
        versions = [info.version for info in list_versions(folder, machine) if not info.current and not info.problem]
        return fail(
            name, told, f"{train}{f'; or monitor models activate {machine} {versions[-1]}' if versions else ''}"
        )
    return _closed(folder, machine, loaded.version, user) or _calibrated(
        config, machine, loaded.version, train, calibrate
    )


def _closed(folder: Path, machine: str, version: str, user: User | None) -> Finding | None:
    """What keeps the service's user from reading the version; None when nothing does."""
    kept = folder / "models" / machine
    files = (kept / version / MODEL_FILE, kept / version / CALIBRATION_FILE)
    closed = None if user is None else unreadable(user, files)
    if closed is None or user is None:
        return None
    file, by = closed
    told = f"{file} cannot be read by {user.name}, who runs the service: {by} does not let him"
    return fail(f"{machine} model", told, f"sudo chown -R {user.name}: {kept}; namei -l {file}")


def _calibrated(config: Config, machine: str, version: str, train: str, calibrate: str) -> Finding:
    name, folder = f"{machine} model", config.state_dir
    try:
        calibration = read_calibration(folder, machine, version)
    except ArtifactError as error:
        return fail(name, str(error), calibrate)
    if calibration is None:
        return fail(name, f"{version} has no calibration: it scores and never alarms", calibrate)
    doubt = mismatch(config, machine, calibration)
    if doubt is None:
        return ok(name, f"{version}, calibrated for what is configured")
    told = doubt.removeprefix(f"{machine}: ").partition("; `monitor")[0]
    return note(name, f"{version}: {told}", train if config.window_s != calibration.window_s else calibrate)


def compute_device(wanted: str) -> list[Finding]:
    """What `device:` means on this computer, and on a processor whether the kernels are compiled for it."""
    try:
        found = choose_device(wanted)
    except DeviceError as error:
        remedy = "device: auto in the configuration takes what there is; nvidia-smi"
        return [fail("compute device", str(error), remedy)]
    device = ok("compute device", f"{wanted} is {found} here" if wanted != str(found) else str(found))
    return [device, kernels_finding(kernels.build())] if found.type == "cpu" else [device]


def kernels_finding(build: str | None) -> Finding:
    """Whether there are compiled kernels, of which ``build``."""
    if build is not None:
        return ok("kernels", f"compiled for {build}")
    told = "none are compiled for this processor: torch scores, which takes several times as long"
    return note("kernels", told, "install a C++ compiler (apt-get install g++), then this package again")
