"""Evidence: the sound that decided an alarm, kept as FLAC files in a folder that never grows beyond a limit."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import soundfile
import structlog

from monitor.audio.block import Samples
from monitor.audio.windows import Window

_log = structlog.get_logger(__name__)

_STRANGE = re.compile(r"[^A-Za-z0-9._-]")  # what file systems and shells may take amiss in a name
_HALF_WRITTEN = ".part"
_DAY_S = 86_400.0
_FULL_SCALE = 1.0  # samples beyond would wrap around in FLAC's integers


@dataclass(frozen=True, slots=True)
class EvidenceStore:
    """``<state_dir>/evidence``, with a folder per machine."""

    state_dir: Path
    most_bytes: int = 2 * 10**9
    """All clips together, the oldest go first; 2 GB are about 8000 clips of 10 s, 16 kHz."""
    most_days: float = math.inf
    """A clip goes once another is kept so many days after it, by the times in their names."""

    @property
    def folder(self) -> Path:
        """Where the clips lie; a clip's name is relative to it."""
        return self.state_dir / "evidence"

    def keep(self, window: Window, alarm_id: str) -> str | None:
        """Keep one window's sound.

        Args:
            window: the one that decided; what is not finite in it becomes silence.
            alarm_id: names the alarm.

        Returns:
            The file under the folder, for a message's ``clip``; None when it could not be written: an alarm without
            its sound is better than none.
        """
        stamp = _stamp(window.start_s)
        name = Path(_safe(window.machine)) / f"{stamp}_{_safe(alarm_id)}.flac"
        try:
            self._write(self.folder / name, window.samples, window.rate_hz)
        except (OSError, soundfile.SoundFileError) as error:
            _log.warning("evidence could not be kept", clip=str(name), error=str(error))
            return None
        self._make_room(newest=self.folder / name, oldest=_oldest(window.start_s, self.most_days))
        return name.as_posix()

    def _write(self, path: Path, samples: Samples, rate_hz: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        clean = np.clip(np.nan_to_num(samples, posinf=_FULL_SCALE, neginf=-_FULL_SCALE), -_FULL_SCALE, _FULL_SCALE)
        part = path.with_name(path.name + _HALF_WRITTEN)
        try:
            soundfile.write(part, clean, rate_hz, format="FLAC", subtype="PCM_24")  # 24 bits: nothing heard is lost
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _make_room(self, newest: Path, oldest: str) -> None:
        """Delete the clips from before ``oldest``, and the oldest until the limit holds; the newest stays."""
        found = []
        for path in self.folder.rglob("*.flac"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((path.name, status.st_size, path))  # the name begins with the time
        total = sum(size for _, size, _ in found)
        for name, size, path in sorted(found):
            if total <= self.most_bytes and name >= oldest:
                return
            if path != newest:
                with contextlib.suppress(OSError):
                    path.unlink()
                    total -= size


def _stamp(at_s: float) -> str:
    """A time (UTC, POSIX seconds) as names begin; sorts by time."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y%m%dT%H%M%SZ")


def _oldest(now_s: float, days: float) -> str:
    """How the name of the oldest clip to be kept begins at least; empty where none is too old."""
    return "" if now_s - days * _DAY_S < 0 else _stamp(now_s - days * _DAY_S)


def _safe(name: str) -> str:
    """``name`` as one part of a path."""
    safe = _STRANGE.sub("_", name)
    return safe.replace("..", "__").lstrip(".") or "_"
