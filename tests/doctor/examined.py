"""What `monitor doctor` is shown, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import main
from tests.broker import Broker
from tests.service.conftest import HOP_S, WINDOW_S
from tests.service.plant import write_config

Sounds = Callable[..., list[Path]]
Capture = pytest.CaptureFixture[str]

SIMULATED = {"fan-1": {"source": {"simulated": "fan", "seed": 3}}}
WINDOWS = {"window_s": WINDOW_S, "hop_s": HOP_S}


def configure(tmp_path: Path, state_dir: Path, port: int, machines: Any = None, **mqtt: Any) -> Path:
    more = {"mqtt": {"host": "127.0.0.1", "port": port, **mqtt}} if mqtt else {}
    return write_config(tmp_path / "monitor.yaml", state_dir, port, machines or SIMULATED, **WINDOWS, **more)


def login(tmp_path: Path, password: str = "right") -> dict[str, str]:
    (tmp_path / "password").write_text(password)
    return {"username": "node", "password_file": str(tmp_path / "password")}


def examined(capsys: Capture, config: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit code, and the checks by name."""
    code = main(["doctor", "--json", "--config", str(config)])
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is (code == 0)
    return code, {check["name"]: check for check in found["checks"]}


def contents(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Every file with when it was last written and what is in it; the shared memory of SQLite by its name alone."""
    return {
        str(path.relative_to(folder)): (
            (0, 0, b"")
            if path.name.endswith("-shm")
            else (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def connected(broker: Broker) -> list[str]:
    return [line for line in broker.log.splitlines() if "New client connected" in line]
