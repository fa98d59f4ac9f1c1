"""Whether the sound of a microphone can be trusted: one second's measurements -> what is wrong with it. Pure.

The limits are wide on purpose. A broken machine must stay an anomaly of the machine: of real and simulated faults, the
loudest were 30 dB louder than normal, clipped 17 % of a second, and changed the tilt by 7 dB.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from monitor.audio.health import SILENT_SPAN, Hum, Second
from monitor.audio.source import Pace
from monitor.detect.finding import Finding, MicrophoneFault
from monitor.detect.normal_sound import MIDDLE, NormalSound, tilt

MOST_RATE_DEVIATION: Final = 0.02
"""Sound cards are off by 0.01 %; 2 % shifts every line of the spectrum by a third of a semitone."""
NO_SAMPLES_S: Final = 3.0
"""An open source that brings nothing for so long has failed: USB hiccups and starting take less than two seconds."""
MOST_OFFSET: Final = 0.1
"""Share of full scale: cheap converters are off by up to a hundredth, what is cut off lopsidedly by 6 hundredths."""
MOST_CLIPPED: Final = 0.25
"""Share of a second's samples. A fan with a broken blade clips 17 %, and is told as an anomaly all the same; a sine
spends 13 % of its time at its tops."""
CLIPPED_FACTOR: Final = 1.5
"""Times the share that is normal: a loud machine before a sensitive microphone clips whenever it runs."""
QUIET_DB: Final = 30.0
"""Below the lowest normal level."""
QUIET_DBFS: Final = -70.0
"""And below this: a hall with every machine off is louder than a microphone's own noise. Measured: -58 dBFS."""
LOUD_DB: Final = 40.0
"""Above the highest normal level; a damaged propeller is 30 dB louder."""
MUFFLED_DB: Final = 8.0
"""Mean over the treble's octaves, below the least normal tilt. A low-pass at 1 kHz of second order takes away 23 dB."""
MIDDLE_DB: Final = 6.0
"""By which the middle may lie outside of what is normal and still be as ever: a stopped compressor's falls by 10 dB,
a loose part raises it by 13 dB."""
HUM_DB: Final = 16.0
"""By which most of the comb stands out at least. Machines reach 13 dB by chance; hum as loud as a toy car, whose own
sound is loudest there, 17 dB."""
HUM_RISE_DB: Final = 6.0
"""Above the greatest normal prominence: that of a machine that turns at mains frequency is up to 20 dB. By chance a
second exceeds the greatest of four minutes by 1 dB; hum as loud as the machine does by 7.5 dB at least (fan, pump,
compressor, real and simulated)."""
HUM_BELOW_DB: Final = 10.0
"""Below the lowest normal level at most: what is weaker disturbs nothing."""


@dataclass(frozen=True, slots=True)
class MicrophonePolicy:
    """What is judged of one machine's microphone."""

    ignored: frozenset[MicrophoneFault] = frozenset()
    """What is never told, because this machine or its place is so."""


def judge_second(
    policy: MicrophonePolicy, second: Second, normal: NormalSound | None, *, running: bool
) -> tuple[Finding, ...]:
    """What is wrong with the sound of one second, the gravest first; mostly nothing.

    Args:
        policy: what is not told.
        second: as measured.
        normal: as calibrated; without it only what no machine can sound like is told, and clipping.
        running: False while the machine is off or starting: it then need not sound like itself.
    """
    return tuple(found for found in _findings(second, normal, running=running) if found.fault not in policy.ignored)


def judge_pace(policy: MicrophonePolicy, pace: Pace | None) -> tuple[Finding, ...]:
    """What is wrong with how fast samples come."""
    if pace is None or abs(pace.deviation) <= MOST_RATE_DEVIATION or MicrophoneFault.RATE in policy.ignored:
        return ()
    value = 100 * pace.deviation
    limit = 100 * MOST_RATE_DEVIATION
    detail = f"samples come {abs(value):.3g} % too {'fast' if value > 0 else 'slow'} (at most {limit:g} %)"
    return (Finding(MicrophoneFault.RATE, detail, value, limit, "%"),)


def judge_silence(policy: MicrophonePolicy, starved_s: float) -> tuple[Finding, ...]:
    """What is wrong with an open source that has brought nothing for ``starved_s`` seconds."""
    if starved_s < NO_SAMPLES_S or MicrophoneFault.NO_SAMPLES in policy.ignored:
        return ()
    detail = f"no samples for {starved_s:.0f} s"
    return (Finding(MicrophoneFault.NO_SAMPLES, detail, starved_s, NO_SAMPLES_S, "s"),)


def judge_device(policy: MicrophonePolicy, reason: str) -> tuple[Finding, ...]:
    """A source that failed, in its own words."""
    return () if MicrophoneFault.DEVICE in policy.ignored else (Finding(MicrophoneFault.DEVICE, reason),)


def _findings(second: Second, normal: NormalSound | None, *, running: bool) -> Iterator[Finding]:
    if not second.finite:
        yield Finding(MicrophoneFault.NOT_FINITE, "there are samples that are not numbers")
        return
    if second.span <= SILENT_SPAN:
        what = "zero" if abs(second.offset) <= SILENT_SPAN else f"{second.offset:.3g} of full scale"
        yield Finding(MicrophoneFault.SILENT, f"every sample is {what}", second.span, SILENT_SPAN, "full scale")
        return
    if second.twin is not None:
        yield Finding(
            MicrophoneFault.TWIN,
            f"channels {second.channel + 1} and {second.twin + 1} have the same sound",
            second.twin + 1,
            None,
            "channel",
        )
    yield from _offset(second, normal)
    yield from _clipping(second, normal)
    if normal is not None and running:
        yield from _level(second.level_dbfs, normal)
        yield from _muffled(second, normal)
        yield from _hum(second.hums, normal)


def _offset(second: Second, normal: NormalSound | None) -> Iterator[Finding]:
    limit = MOST_OFFSET + (0.0 if normal is None else normal.offset)
    if abs(second.offset) > limit:
        detail = f"the mean is {100 * second.offset:.3g} % of full scale (at most {100 * limit:.3g} %)"
        yield Finding(MicrophoneFault.OFFSET, detail, 100 * second.offset, 100 * limit, "% of full scale")


def _clipping(second: Second, normal: NormalSound | None) -> Iterator[Finding]:
    limit = MOST_CLIPPED if normal is None else max(MOST_CLIPPED, CLIPPED_FACTOR * normal.clipped)
    if second.clipped >= limit:
        detail = f"{second.clipped:.0%} of the samples are cut off (at most {limit:.0%})"
        yield Finding(MicrophoneFault.CLIPPED, detail, 100 * second.clipped, 100 * limit, "%")


def _level(level: float, normal: NormalSound) -> Iterator[Finding]:
    quiet = min(normal.level_low_dbfs - QUIET_DB, QUIET_DBFS)
    loud = normal.level_high_dbfs + LOUD_DB
    usual = f"normal are {normal.level_low_dbfs:.0f} to {normal.level_high_dbfs:.0f} dBFS"
    if level < quiet:
        yield Finding(MicrophoneFault.QUIET, f"the level is {level:.0f} dBFS ({usual})", level, quiet, "dBFS")
    if level > loud:
        yield Finding(MicrophoneFault.LOUD, f"the level is {level:.0f} dBFS ({usual})", level, loud, "dBFS")


def _muffled(second: Second, normal: NormalSound) -> Iterator[Finding]:
    bounds = zip(second.bands_dbfs[MIDDLE], normal.middle_low_dbfs, normal.middle_high_dbfs, strict=True)
    if not all(low - MIDDLE_DB <= level <= high + MIDDLE_DB for level, low, high in bounds):
        return
    lacking = [low - level for level, low in zip(tilt(second), normal.tilt_low_db, strict=True)]
    mean = sum(lacking) / len(lacking)
    if mean >= MUFFLED_DB:
        detail = f"above 1.4 kHz {mean:.0f} dB are lacking (at most {MUFFLED_DB:g} dB), below it sounds as ever"
        yield Finding(MicrophoneFault.MUFFLED, detail, mean, MUFFLED_DB, "dB")


def _hum(hums: tuple[Hum, ...], normal: NormalSound) -> Iterator[Finding]:
    for hum, usual in zip(hums, normal.hum_db, strict=False):
        limit = max(HUM_DB, usual + HUM_RISE_DB)
        if hum.prominence_db >= limit and hum.level_dbfs >= normal.level_low_dbfs - HUM_BELOW_DB:
            detail = (
                f"lines at multiples of {hum.mains_hz} Hz stand out by {hum.prominence_db:.0f} dB "
                f"(at most {limit:.0f} dB)"
            )
            yield Finding(MicrophoneFault.HUM, detail, hum.prominence_db, limit, "dB")
            return
