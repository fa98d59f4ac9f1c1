"""A Debian with a running systemd, in a container on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.broker import wait_until

ROOT = Path(__file__).parents[2]
SUITE = "bookworm"
"""Debian 12, whose Python is 3.11."""
INCLUDED = "systemd,systemd-sysv,dbus,procps,python3,python3-venv,libportaudio2,mosquitto,mosquitto-clients"


def bare_debian(folder: Path) -> None:
    """Make ``folder`` a Debian that has never been booted, unless it is one."""
    if (folder / "etc/debian_version").exists():
        return
    print(f"making a Debian in {folder}, which takes minutes", flush=True)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={INCLUDED}", SUITE, str(part)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    (part / "etc/hosts").write_text("127.0.0.1 localhost\n")  # a bare one has none
    part.rename(folder)


class Container:
    """A booted system; shares this machine's network.

    Args:
        root: its root folder.
        binds: folders of this machine, and where it sees them, read-only.
    """

    def __init__(self, root: Path, binds: Mapping[Path, str]) -> None:
        self.root = root
        self._binds = [f"--bind-ro={here}:{there}" for here, there in binds.items()]
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def copy_of(cls, bare: Path, root: Path, binds: Mapping[Path, str]) -> Self:
        """One of its own, from a bare system."""
        subprocess.run(["cp", "--archive", "--reflink=auto", str(bare), str(root)], check=True)
        return cls(root, binds)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Boot it; returns once it is up."""
        options = ["--register=no", "--keep-unit", "--console=pipe", *self._binds]
        self._process = subprocess.Popen(
            ["systemd-nspawn", "-D", str(self.root), *options, "-b"],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "0"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        wait_until(self._is_up, timeout_s=120, what="the container's systemd")

    def stop(self) -> None:
        """Shut it down."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)  # nspawn asks its init to shut down in order
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def run(self, script: str) -> str:
        """Run a script of bash in it; gives what it says, and raises AssertionError when it fails."""
        done = self._enter(script)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _is_up(self) -> bool:
        return self._enter("systemctl is-system-running").stdout.strip() in {"running", "degraded"}

    def _enter(self, script: str) -> subprocess.CompletedProcess[str]:
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        leader = children[0] if children else "none"
        namespaces = ["--mount", "--uts", "--ipc", "--pid", "--root", "--wd"]
        return subprocess.run(
            ["nsenter", "--target", leader, *namespaces, "--", "/bin/bash", "-c", script],
            capture_output=True, text=True, check=False, timeout=300,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
