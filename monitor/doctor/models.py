"""Each machine's model and calibration, and what they run on."""

from __future__ import annotations

from monitor.config import Config
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.errors import ArtifactError, DeviceError
from monitor.memcae.artifact import list_versions, load_model
from monitor.memcae.fleet import choose_device
from monitor.service.machines import mismatch, read_calibration


def model(config: Config, machine: str) -> Finding:
    """Whether the machine has a model that can be used, and a calibration made for what is configured."""
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
    try:
        calibration = read_calibration(folder, machine, loaded.version)
    except ArtifactError as error:
        return fail(name, str(error), calibrate)
    if calibration is None:
        return fail(name, f"{loaded.version} has no calibration: it scores and never alarms", calibrate)
    doubt = mismatch(config, machine, calibration)
    if doubt is None:
        return ok(name, f"{loaded.version}, calibrated for what is configured")
    told = doubt.removeprefix(f"{machine}: ").partition("; `monitor")[0]
    return note(name, f"{loaded.version}: {told}", train if config.window_s != calibration.window_s else calibrate)


def compute_device(wanted: str) -> Finding:
    """What `device:` means on this computer."""
    try:
        found = choose_device(wanted)
    except DeviceError as error:
        return fail("compute device", str(error), "device: auto in the configuration takes what there is; nvidia-smi")
    return ok("compute device", f"{wanted} is {found} here" if wanted != str(found) else str(found))
