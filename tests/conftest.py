"""What every test may ask for, and what no test may inherit from the machine that it runs on."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# The same examples every time, so that a failure is of the change that is tested, not of the day's luck. To look for
# new ones: HYPOTHESIS_PROFILE=default.
settings.register_profile("same", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

REAL_TIME = tuple(ROOT / "tests" / name for name in ("audio", "cli", "drill", "publish", "service", "test_demo.py"))
"""What waits for brokers, sound servers and processes that really run."""

# As `monitor` itself does, and before anything loads torch: threads that spin while they wait make a training many
# times slower as soon as anything else runs on the machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A script that runs the tests in the background has them ignore Ctrl-C, and whatever they start: it could never be
# sent to a program that is tested. With a handler of its own here, what is started begins with the system's.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in real time get two more tries, which are reported: another test beside them may starve one for seconds.

    All others state a fact that no load can change, and get none. They come last: where several processes share the
    tests, their short files then end at about the same time.
    """
    items.sort(key=lambda item: not _in_real_time(item))  # stable: a file's own order stays
    for item in items:
        if _in_real_time(item):
            item.add_marker(pytest.mark.flaky(reruns=2))


def _in_real_time(item: pytest.Item) -> bool:
    return any(item.path.is_relative_to(place) for place in REAL_TIME)


@pytest.fixture(autouse=True)
def _no_configuration_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must decide nothing."""
    for name in ("MONITOR_CONFIG", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _signals_held_by_no_other_test() -> Iterator[None]:
    """A daemon that ran in this process holds SIGHUP back, and what the next test starts would never hear of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


@pytest.fixture(autouse=True)
def _logs_of_no_other_test() -> Iterator[None]:
    """A command that ran in this process has set up logging; the next test finds it as at the start."""
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [one for one in root.handlers if getattr(one, "monitor_own", False)]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings, kept beside the repository (or where MONITOR_TEST_DATA says); too large to be part of it."""
    folder = Path(os.environ.get("MONITOR_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real recordings in {folder}; MONITOR_TEST_DATA can name another folder")
    return folder
