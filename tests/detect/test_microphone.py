"""Verdicts on a microphone: each fault its own, and no machine, however broken, taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from monitor.audio.block import AudioBlock, Samples
from monitor.audio.health import MeterState, Second, measure
from monitor.audio.resample import to_model_rate
from monitor.audio.simulated import FAULTS, MACHINES, FaultSpec, faults_of, render
from monitor.audio.source import MODEL_RATE_HZ, Pace
from monitor.detect.finding import Finding, MicrophoneFault
from monitor.detect.microphone import (
    MicrophonePolicy,
    judge_device,
    judge_pace,
    judge_second,
    judge_silence,
)
from monitor.detect.normal_sound import NormalSound, normal_sound
from tests.bad_sound import BAD, constant, hum, saturated

ALL = MicrophonePolicy()
MINUTE = 60 * MODEL_RATE_HZ


def seconds_of(sound: Samples) -> tuple[Second, ...]:
    return measure((0,), MeterState(), AudioBlock(sound.reshape(-1, 1), MODEL_RATE_HZ, 0.0, gap=True))[1]


def healthy(kind: str, frames: int = MINUTE, faults: tuple[FaultSpec, ...] = ()) -> Samples:
    return render(kind, 1, 10**9, frames, faults)


@pytest.fixture(scope="module")
def normals() -> dict[str, NormalSound]:
    """How each simulated machine sounds when it is well."""
    found = {kind: normal_sound(seconds_of(healthy(kind))) for kind in MACHINES}
    return {kind: normal for kind, normal in found.items() if normal is not None}


def told(sound: Samples, normal: NormalSound | None, policy: MicrophonePolicy = ALL) -> list[set[MicrophoneFault]]:
    """What is found in each second."""
    return [
        {found.fault for found in judge_second(policy, second, normal, running=True)} for second in seconds_of(sound)
    ]


@pytest.mark.parametrize("kind", ["fan", "gearbox", "pump", "varying"])
@pytest.mark.parametrize("fault", BAD)
def test_each_fault_of_a_microphone_gets_its_own_verdict(
    kind: str, fault: MicrophoneFault, normals: dict[str, NormalSound]
) -> None:
    found = told(BAD[fault](healthy(kind, 10 * MODEL_RATE_HZ)), normals[kind])[5:]  # the comb takes six seconds
    assert all(fault in second for second in found)
    beside = {MicrophoneFault.LOUD} if fault is MicrophoneFault.CLIPPED else set()
    assert all(second <= {fault, *beside} for second in found)


def test_a_stuck_converter_is_silent_and_a_saturated_amplifier_clips(normals: dict[str, NormalSound]) -> None:
    sound = healthy("fan", 2 * MODEL_RATE_HZ)
    assert told(constant(sound), normals["fan"]) == [{MicrophoneFault.SILENT}] * 2
    assert told(saturated(sound), normals["fan"]) == [{MicrophoneFault.CLIPPED}] * 2


def test_hum_of_american_mains_is_found_too(normals: dict[str, NormalSound]) -> None:
    assert told(hum(healthy("fan", 7 * MODEL_RATE_HZ), 60.0), normals["fan"])[5:] == [{MicrophoneFault.HUM}] * 2


@pytest.mark.parametrize("kind", MACHINES)
def test_no_healthy_or_broken_simulated_machine_is_taken_for_a_bad_microphone(
    kind: str, normals: dict[str, NormalSound]
) -> None:
    assert not any(told(healthy(kind), normals[kind]))
    for fault in faults_of(kind):
        assert fault in FAULTS
        broken = healthy(kind, 15 * MODEL_RATE_HZ, (FaultSpec(fault, snr_db=10.0),))
        assert not any(told(broken, normals[kind])), fault


def test_a_stopped_machine_need_not_sound_like_itself_but_zeros_are_zeros(normals: dict[str, NormalSound]) -> None:
    quiet = (second,) = seconds_of(np.random.default_rng(0).normal(0, 1e-5, MODEL_RATE_HZ).astype(np.float32))
    assert judge_second(ALL, second, normals["fan"], running=True)
    assert not judge_second(ALL, quiet[0], normals["fan"], running=False)
    (zero,) = seconds_of(np.zeros(MODEL_RATE_HZ, np.float32))
    assert judge_second(ALL, zero, normals["fan"], running=False)


def test_without_a_calibration_only_what_no_machine_sounds_like_is_told(normals: dict[str, NormalSound]) -> None:
    sound = healthy("fan", 5 * MODEL_RATE_HZ)
    known = {fault for fault, damage in BAD.items() if any(told(damage(sound), None))}
    assert known == {MicrophoneFault.SILENT, MicrophoneFault.OFFSET, MicrophoneFault.CLIPPED}


def test_a_machine_that_always_clips_is_no_bad_microphone(normals: dict[str, NormalSound]) -> None:
    loud = replace(normals["fan"], clipped=0.6, level_high_dbfs=0.0)
    sound = BAD[MicrophoneFault.CLIPPED](healthy("fan", 2 * MODEL_RATE_HZ))
    assert any(told(sound, normals["fan"]))
    assert not any(told(sound, loud))


def test_what_is_ignored_is_not_told(normals: dict[str, NormalSound]) -> None:
    policy = MicrophonePolicy(frozenset(MicrophoneFault))
    assert not any(told(np.zeros(MODEL_RATE_HZ, np.float32), normals["fan"], policy))
    assert not judge_pace(policy, Pace(1, 2))
    assert not judge_silence(policy, 100)
    assert not judge_device(policy, "gone")


@pytest.mark.parametrize(("delivered", "bad"), [(48_000, False), (48_900, False), (49_100, True), (46_900, True)])
def test_a_rate_that_is_off_by_more_than_2_percent_is_told(delivered: int, bad: bool) -> None:
    found = judge_pace(ALL, Pace(delivered, 48_000))
    assert [each.fault for each in found] == [MicrophoneFault.RATE] * bad
    assert not judge_pace(ALL, None)


def test_a_source_may_be_without_samples_for_a_moment() -> None:
    assert not judge_silence(ALL, 2.9)
    (found,) = judge_silence(ALL, 3.1)
    assert found.fault is MicrophoneFault.NO_SAMPLES


def test_a_finding_says_what_was_measured_and_what_is_allowed(normals: dict[str, NormalSound]) -> None:
    (second,) = seconds_of(BAD[MicrophoneFault.MUFFLED](healthy("fan", MODEL_RATE_HZ)))
    (found,) = judge_second(ALL, second, normals["fan"], running=True)
    assert found.value is not None
    assert found.limit is not None
    assert found.value > found.limit
    assert f"{found.value:.0f} dB" in found.detail
    assert Finding.from_dict(found.to_dict()) == found


def test_normal_sound_is_kept_with_the_calibration(normals: dict[str, NormalSound]) -> None:
    for normal in normals.values():
        assert NormalSound.from_dict(normal.to_dict()) == normal


# --- real machines


def recorded(folder: Path, pattern: str) -> Iterator[Samples]:
    for path in sorted(folder.glob(pattern)):
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        yield to_model_rate(samples[:, :1], rate_hz)[:, 0]


REAL = {
    "fan": ("recordings/fan/normal/*.flac", ["recordings/fan/anomaly/*.flac", "recordings/fan/off/*.flac"]),
    "bldc_m1": ("recordings/bldc_m1/normal/*.flac", ["recordings/bldc_m1/anomaly_propeller/*.flac"]),
    "compressor": (
        "recordings/compressor/run/*.flac",
        ["recordings/compressor/rest/*.flac", "recordings/compressor/off/*.flac"],
    ),
    "ToyCar1": ("dcase/ToyCar1/train/*.flac", ["dcase/ToyCar1/test/*.flac"]),
    "ToyCar2": ("dcase/ToyCar2/train/*.flac", ["dcase/ToyCar2/test/*.flac"]),
}


@pytest.mark.parametrize("machine", REAL)
def test_no_second_of_a_real_recording_normal_broken_or_off_is_taken_for_a_bad_microphone_and_each_bad_one_is_found(
    machine: str, shared_data: Path
) -> None:
    normal_pattern, others = REAL[machine]
    learnt = list(recorded(shared_data, normal_pattern))
    normal = normal_sound([second for sound in learnt[::2] for second in seconds_of(sound)])
    unheard = [*learnt[1::2], *(sound for pattern in others for sound in recorded(shared_data, pattern))]
    assert len(unheard) >= 10
    assert not any(fault for sound in unheard for fault in told(sound, normal))
    if machine == "compressor":  # clips when all is well, and its clips are too short for a comb
        return
    for fault, damage in BAD.items():
        found = [second for sound in learnt[1:60:4] for second in told(damage(sound), normal)[5:]]
        assert np.mean([fault in second for second in found]) > 0.9, fault
