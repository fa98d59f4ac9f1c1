"""The capture process: devices are opened one at a time, and what cannot be is told in words."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from monitor.audio.capture.child import one_at_a_time
from monitor.audio.capture.order import Order
from monitor.audio.capture.process import CaptureProcess
from monitor.errors import DeviceError

HOLD = """
import time
from monitor.audio.capture.child import one_at_a_time
with one_at_a_time() as alone:
    print(alone, flush=True)
    time.sleep(60)
"""


def said(process: CaptureProcess) -> str:
    """What a capture process fails with."""
    try:
        while True:
            process.take(time.monotonic())
            time.sleep(0.02)
    except DeviceError as error:
        return str(error)
    finally:
        process.close()


def test_a_device_waits_while_another_is_opened_but_not_for_ever_and_not_for_a_dead_one() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"

        began_s = time.monotonic()
        with one_at_a_time(limit_s=0.2) as alone:
            assert not alone
        assert time.monotonic() - began_s >= 0.2
        holder.kill()
    with one_at_a_time() as alone:
        assert alone


def test_an_order_comes_through_as_it_is() -> None:
    order = Order('usb:1:2:Ü "x"', 2, None, 7, 99)
    assert Order.from_json(order.to_json()) == order


@pytest.mark.parametrize(
    ("program", "error"),
    [
        (("-c", "raise SystemExit(3)"), "microphone mic1: its capture process has ended (exit code 3)"),
        (("-c", "import os; os.abort()"), "microphone mic1: its capture process has ended (killed by SIGABRT)"),
    ],
)
def test_a_process_that_ends_without_a_word_is_told_with_its_ending(program: tuple[str, ...], error: str) -> None:
    assert said(CaptureProcess("mic1", 1, None, time.monotonic(), program)) == error


def test_a_bug_in_the_process_is_told_and_not_a_traceback_in_the_log() -> None:
    broken = "import sys; from monitor.audio.capture import child; child.read_cards = None; child.main(sys.argv[1])"

    error = said(CaptureProcess("mic1", 1, None, time.monotonic(), ("-c", broken)))

    assert error.startswith("microphone mic1: the capture process failed: TypeError(")


def test_a_process_that_never_opens_its_device_is_given_up_after_ten_seconds_of_the_clock() -> None:
    began_s = time.monotonic()
    process = CaptureProcess("mic1", 1, None, began_s, ("-c", "import time; time.sleep(600)"))

    assert process.take(began_s + 9.9) == []
    assert process.take(began_s + 10.1) == []  # this process may itself have stood still
    with pytest.raises(DeviceError, match="PortAudio hangs opening it, no answer in 10 s"):
        process.take(began_s + 10.7)
    process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_process_waits_for_its_end_in_peace_until_its_parent_lets_go() -> None:
    process = CaptureProcess("mic1", 1, None, time.monotonic(), ("-c", "import sys; sys.stdin.read()"))
    os.kill(process.pid, 15)  # as systemd does to every process of a service that stops
    os.kill(process.pid, 2)  # as a terminal does at Ctrl-C
    time.sleep(0.3)

    assert process.take(time.monotonic()) == []
    began_s = time.monotonic()
    process.close()
    assert time.monotonic() - began_s < 5


def test_where_portaudio_is_missing_the_process_says_what_to_install() -> None:
    missing = (
        "import sys, ctypes.util; ctypes.util.find_library = lambda name: None; "
        "from monitor.audio.capture.child import main; main(sys.argv[1])"
    )
    assert "apt install libportaudio2" in said(CaptureProcess("mic1", 1, None, time.monotonic(), ("-c", missing)))


def test_while_a_killed_process_hangs_in_the_driver_no_other_is_begun_for_its_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sleeps = ("-c", "import time; time.sleep(600)")
    hanging = CaptureProcess("mic1", 1, None, time.monotonic(), sleeps)
    with monkeypatch.context() as kernel:  # nothing but a broken driver makes a process outlive SIGKILL
        kernel.setattr(subprocess.Popen, "kill", lambda _process: None)
        hanging.close()

    with pytest.raises(DeviceError, match="microphone mic1: an earlier capture process still hangs in the driver"):
        CaptureProcess("mic1", 1, None, time.monotonic(), sleeps)
    CaptureProcess("mic2", 1, None, time.monotonic(), sleeps).close()

    os.kill(hanging.pid, 9)
    os.waitid(os.P_PID, hanging.pid, os.WEXITED | os.WNOWAIT)
    CaptureProcess("mic1", 1, None, time.monotonic(), sleeps).close()
