"""The drills of the microphones: each lets one thing go wrong, and counts what every other microphone lost by it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.drill.microphone_delivery import eight_channels, resampled, stalled_and_runaway
from tests.drill.microphone_hall import hall, residue
from tests.drill.microphone_scale import FOUR, LIMIT_S, Found, Scale
from tests.drill.microphone_soak import soak
from tests.virtual_microphone import virtual_microphones


def unplugged(folder: Path, scale: Scale) -> Found:
    """One of four microphones unplugged and plugged in again."""
    noticed, returned = [], []
    with (
        virtual_microphones(_folder(folder, "others"), *FOUR[1:]) as three,
        virtual_microphones(_folder(folder, "one"), FOUR[0], also=three.alsa) as running,
        hall(running.env, *FOUR) as plant,
    ):
        for _ in range(scale.unplugs):
            out_s = time.monotonic()
            running.unplug("mic1")
            noticed.append(plant.failed("mic1") - out_s)
            plant.run(2.0)
            in_s = time.monotonic()
            running.plug("mic1")
            returned.append(plant.back("mic1") - in_s)
            plant.run(1.0)
        others = [plant.told[name] for name in FOUR[1:]]
    windows = sum(len(told.windows) for told in others)
    good = max(noticed) < LIMIT_S and max(returned) < LIMIT_S and all(told.unbroken() for told in others)
    return Found(
        good,
        f"{scale.unplugs} times; told within {max(noticed):.1f} s, heard again within {max(returned):.1f} s; "
        f"the others lost {sum(not told.unbroken() for told in others)} of {windows} windows",
    )


def _folder(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir()
    return path


def alarmed(folder: Path, scale: Scale) -> Found:
    """The same in the daemon: the microphone alarm comes and goes, and no other machine knows of it."""
    from tests.drill.microphone_daemon import cycles, trained  # torch: the other drills do without

    came, went, windows, missing, others = cycles(folder, scale.alarms, trained(folder))
    good = max(came) < LIMIT_S and max(went) < LIMIT_S and missing == 0 and not others
    return Found(
        good,
        f"{scale.alarms} times; alarm within {max(came):.1f} s, over within {max(went):.1f} s of the return; "
        f"the others lost {missing} of {sum(windows.values())} windows; other alarms: {', '.join(others) or 'none'}",
    )


def bad_sound(folder: Path, scale: Scale) -> Found:
    """Good microphones go bad in the daemon, all at once: each is told as what it is, and never as its machine."""
    from tests.drill.microphone_bad import go_bad  # torch: the other drills do without

    found = go_bad(folder, scale.bad_sounds)
    return Found(found.good(LIMIT_S), f"{scale.bad_sounds} times; {found}")


def killed(folder: Path, scale: Scale) -> Found:
    """Capture processes of three of four microphones killed (-9) again and again."""
    away, count = [], 0
    with virtual_microphones(folder, *FOUR) as running:
        with hall(running.env, *FOUR) as plant:
            before = residue()
            while count < scale.restarts:
                begun_s = time.monotonic()
                opened = {name: len(plant.told[name].opened) for name in FOUR[:3]}
                for name in FOUR[:3]:
                    os.kill(plant.pid(name), signal.SIGKILL)
                count += 3
                back_s = plant.until(
                    lambda opened=opened: all(len(plant.told[name].opened) > n for name, n in opened.items())  # type: ignore[misc]
                )
                away.append(back_s - begun_s)
            after = residue()
            fourth = plant.told["mic4"]
        left = residue()
    nothing_left = left["children"] == before["children"] - len(FOUR) and left["memories"] == 0
    good = max(away) < LIMIT_S and before == after and fourth.unbroken() and nothing_left
    return Found(
        good,
        f"{count} restarts; heard again within {max(away):.1f} s; the fourth lost "
        f"{0 if fourth.unbroken() else 'some'} of {len(fourth.windows)} windows; before {before}, after {after}",
    )


def frozen(folder: Path, scale: Scale) -> Found:
    """Capture process of one of four microphones stopped (SIGSTOP)."""
    noticed, away = [], []
    with virtual_microphones(folder, *FOUR) as running, hall(running.env, *FOUR) as plant:
        for _ in range(scale.freezes):
            begun_s = time.monotonic()
            os.kill(plant.pid("mic1"), signal.SIGSTOP)
            noticed.append(plant.failed("mic1") - begun_s)
            away.append(plant.back("mic1") - begun_s)
        left = residue()
        said = {text for _, text in plant.told["mic1"].faults}
        others = [plant.told[name] for name in FOUR[1:]]
    good = (
        max(away) < LIMIT_S
        and left["zombies"] == 0
        and said == {"microphone mic1: its capture process stands still"}
        and all(told.unbroken() for told in others)
    )
    return Found(
        good,
        f"{scale.freezes} times; told within {max(noticed):.1f} s, heard again within {max(away):.1f} s; "
        f"{left['zombies']} zombies; the others lost {sum(not told.unbroken() for told in others)} windows",
    )


def soaked(_folder: Path, scale: Scale) -> Found:
    """Hours of microphones in minutes: nothing grows and nothing is lost."""
    found = soak(scale.soak_h, scale.soak_speed, scale.soak_devices, scale.warm_up_s)
    return Found(found.good(scale.soak_growth), str(found))


Drill = Callable[[Path, Scale], Found]
DRILLS: tuple[Drill, ...] = (
    unplugged,
    alarmed,
    bad_sound,
    killed,
    frozen,
    stalled_and_runaway,
    eight_channels,
    resampled,
    soaked,
)
