"""sd_notify against a real AF_UNIX datagram socket, as systemd binds one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.service.notify import Notifier


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "notify"))
        bound.settimeout(2)
        yield bound


def test_every_state_reaches_the_socket_in_the_form_systemd_reads(manager: socket.socket) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("3 machines")
    notifier.alive()
    notifier.status("two\nlines")
    notifier.stopping("signal 15")
    assert [manager.recv(4096).decode() for _ in range(4)] == [
        "READY=1\nSTATUS=3 machines",
        "WATCHDOG=1",
        "STATUS=two lines",
        "STOPPING=1\nSTATUS=signal 15",
    ]


def test_an_at_sign_means_the_abstract_namespace() -> None:
    name = f"monitor-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + name)
        bound.settimeout(2)
        Notifier("@" + name).alive()
        assert bound.recv(4096) == b"WATCHDOG=1"


def test_without_a_manager_and_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    Notifier.from_environment({}).ready("alone")
    Notifier(str(tmp_path / "gone")).ready("nobody listens")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
    ],
)
def test_the_watchdog_interval_counts_only_when_it_is_meant_for_this_process(
    environ: dict[str, str], expected: float | None
) -> None:
    assert Notifier.from_environment(environ).watchdog_s == expected
