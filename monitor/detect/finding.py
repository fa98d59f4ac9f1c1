"""What can be wrong with the sound of a microphone, and one such finding with its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from monitor.detect.fields import JsonObject, get_one_of, get_optional_float, get_str


class MicrophoneFault(StrEnum):
    """Why the sound that comes in cannot be trusted."""

    DEVICE = "device"
    """The source cannot be opened, or has failed."""
    NO_SAMPLES = "no_samples"
    """The source is open, but nothing comes."""
    RATE = "rate"
    """Samples come faster or slower than the device says."""
    NOT_FINITE = "not_finite"
    """There are samples that are not numbers."""
    SILENT = "silent"
    """Every sample is zero, or the same."""
    OFFSET = "dc_offset"
    """The sound does not swing about zero."""
    TWIN = "channels_identical"
    """Another channel of the device has the same sound, so that one of the two machines is not heard."""
    CLIPPED = "clipped"
    """The sound is cut off at the converter's limit."""
    QUIET = "too_quiet"
    """Far below anything that was calibrated, and below what a hall sounds like."""
    LOUD = "too_loud"
    """Far above anything that was calibrated."""
    MUFFLED = "muffled"
    """The treble has gone while the rest is as ever."""
    HUM = "mains_hum"
    """A comb of lines at the mains frequency drowns the machine."""

    @property
    def certain(self) -> bool:
        """Whether no machine, however broken, can sound so."""
        return self not in {
            MicrophoneFault.CLIPPED,
            MicrophoneFault.QUIET,
            MicrophoneFault.LOUD,
            MicrophoneFault.MUFFLED,
            MicrophoneFault.HUM,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now."""

    fault: MicrophoneFault
    detail: str
    """What was found, with its figures, for a person."""
    value: float | None = None
    """What was measured; None where there is no number."""
    limit: float | None = None
    """What is allowed."""
    unit: str = ""
    """Of the two."""

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "fault": self.fault.value,
            "detail": self.detail,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Finding:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        return cls(
            fault=MicrophoneFault(get_one_of(data, "fault", list(MicrophoneFault))),
            detail=get_str(data, "detail"),
            value=get_optional_float(data, "value"),
            limit=get_optional_float(data, "limit"),
            unit=get_str(data, "unit"),
        )
