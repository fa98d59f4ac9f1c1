"""A call that never comes back is left behind, and nothing is begun beside it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from monitor.audio.patience import hung, patiently
from monitor.errors import DeviceError


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name == "opening mic1":
            thread.join(10)
    assert not hung()


def test_what_comes_back_in_time_is_returned() -> None:
    assert patiently("counting", lambda: 7, 10) == 7


def test_an_error_comes_to_the_one_who_asked() -> None:
    def fail() -> None:
        raise DeviceError("unplugged")

    with pytest.raises(DeviceError, match="unplugged"):
        patiently("opening", fail, 10)


def test_a_call_that_hangs_is_left_behind_and_the_next_is_refused(release: threading.Event) -> None:
    with pytest.raises(DeviceError, match=r"PortAudio hangs opening mic1: no answer in 0\.05 s"):
        patiently("opening mic1", release.wait, 0.05)

    assert hung()
    with pytest.raises(DeviceError, match="PortAudio still hangs opening mic1"):
        patiently("opening mic2", lambda: 7, 10)


def test_what_comes_too_late_is_undone_and_calls_go_on(release: threading.Event) -> None:
    undone: list[bool] = []
    finished = threading.Event()

    def undo(result: bool) -> None:
        undone.append(result)
        finished.set()

    with pytest.raises(DeviceError):
        patiently("opening mic1", release.wait, 0.05, undo)
    release.set()
    assert finished.wait(10)
    for thread in threading.enumerate():
        if thread.name == "opening mic1":
            thread.join(10)

    assert undone == [True]
    assert patiently("opening mic2", lambda: 7, 10) == 7
