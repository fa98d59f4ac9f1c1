"""A daemon that is told to stop before it has started stops at once, and nobody has heard of it."""

from __future__ import annotations

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker, listening, needs_mosquitto, wait_until
from tests.service.plant import Daemon, give_model, write_config

MACHINES = 300
"""Their models take seconds to load."""
AT_ONCE_S = 2.0
"""A model's load, the interpreter's end and a busy machine's share: far less than all models take."""


@pytest.fixture
def many(state_dir: Path) -> Path:
    """A state directory with the models of `fan-1` to `fan-300`."""
    for number in range(2, MACHINES + 1):
        give_model(state_dir, f"fan-{number}")
    return state_dir


@contextlib.contextmanager
def manager_at(path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(path))
        manager.settimeout(60)
        yield manager


def stopped(daemon: Daemon, by: signal.Signals) -> tuple[int, float]:
    """Its exit code after the signal, and how long that took, seconds."""
    assert daemon.process is not None
    began_s = time.monotonic()
    daemon.process.send_signal(by)
    return daemon.process.wait(60), time.monotonic() - began_s


@needs_mosquitto
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_models_are_loaded_ends_the_start_before_anything_is_published(
    many: Path, tmp_path: Path, by: signal.Signals
) -> None:
    machines = {f"fan-{number}": {"source": {"simulated": "fan"}} for number in range(1, MACHINES + 1)}
    with (
        manager_at(tmp_path / "notify") as manager,
        Broker(tmp_path / "broker") as broker,
        listening(broker) as listener,
    ):
        config = write_config(tmp_path / "monitor.yaml", many, broker.port, machines)
        with Daemon(config, {"NOTIFY_SOCKET": str(tmp_path / "notify")}) as daemon:
            assert manager.recv(4096).decode() == f"STATUS=loading the models of {MACHINES} machines"
            code, took_s = stopped(daemon, by)
        told = manager.recv(4096).decode()
        heard = listener.messages
    assert code == 0
    assert took_s < AT_ONCE_S
    assert told.startswith("STOPPING=1")
    assert [record["event"] for record in daemon.records] == ["stopped before it had started"]
    assert heard == []
    assert not (many / "state.sqlite").exists()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_program_itself_is_loaded_ends_it_with_the_same_exit_code(
    state_dir: Path, tmp_path: Path, by: signal.Signals
) -> None:
    config = write_config(tmp_path / "monitor.yaml", state_dir, 1, {"fan-1": {"source": {"simulated": "fan"}}})
    with Daemon(config) as daemon:
        assert daemon.process is not None
        status = Path(f"/proc/{daemon.process.pid}/status")
        wait_until(lambda: _catches(status, signal.SIGTERM), what="a handler of its own")
        code, took_s = stopped(daemon, by)
    assert code == 0
    assert took_s < AT_ONCE_S
    assert daemon.log == ""


def _catches(status: Path, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal, as proc_pid_status(5) tells it."""
    caught = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)
