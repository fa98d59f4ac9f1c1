"""The service on a real systemd: a Debian booted in a container, installed by the README's own lines. ``make boot``.

Needs root, debootstrap and systemd-nspawn, and minutes for the first time; the bare Debian is kept for the next.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.broker import free_port, wait_until
from tests.drill.container import ROOT, Container, bare_debian
from tests.service.plant import train_quick, write_recordings

KEPT = Path("/var/tmp/monitor-boot-debian")
PACKAGES = "/opt/packages"
"""Where the container sees the packages of this virtual environment: torch is not installed twice."""
SITE = f"/opt/monitor/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
START = "#!/opt/monitor/bin/python3\nimport sys\nfrom monitor.cli import main\nsys.exit(main())\n"
INSTALLED = f"""
python3 -m venv --without-pip /opt/monitor
cp -r /src/monitor {SITE}/
echo {PACKAGES} > {SITE}/packages.pth
cp /root/monitor-start /opt/monitor/bin/monitor && chmod 755 /opt/monitor/bin/monitor
"""
"""What `pip install .` does, without the network."""
SECRET = "plant-secret"
NODE = "booted"


def config_text(port: int) -> str:
    """One simulated machine, a broker that wants a password, and the password as a credential."""
    return (
        f"node: {NODE}\nwindow_s: 4\nhop_s: 2\nhealth_s: 5\n"
        f"mqtt: {{port: {port}, username: monitor, password_file: mqtt-password}}\n"
        "machines:\n  fan-1: {source: {simulated: fan, seed: 3}}\n"
    )


def readme_lines() -> tuple[str, str]:
    """The README's installation and its start, as they stand in the section on the service."""
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"## As a service\s+```sh\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    *install, start = block[1].strip().splitlines()
    return "\n".join(install), start


class Service:
    """The unit as systemd and the broker see it."""

    def __init__(self, container: Container, port: int) -> None:
        self._container = container
        self._port = port

    def property(self, name: str) -> str:
        """One property, as `systemctl show` has it."""
        return self._container.run(f"systemctl show --value --property={name} monitor").strip()

    def heard(self, topic: str, wait_s: int, then: str = "") -> list[str]:
        """What comes on ``topic`` within ``wait_s``, of which a script ``then`` may take up a part."""
        subscribe = f"mosquitto_sub -p {self._port} -u monitor -P {SECRET} -t 'monitor/{NODE}/{topic}' -W {wait_s}"
        return self._container.run(f"({subscribe} || true) &\nsleep 1\n{then}\nwait").splitlines()

    def events(self, wait_s: int, then: str) -> list[dict[str, Any]]:
        """The events that come within ``wait_s``, of which the script ``then`` takes up a part."""
        return [json.loads(line) for line in self.heard("event", wait_s, then)]

    def hop_s(self) -> float:
        """What the node says of itself, seconds from window to window."""
        return float(json.loads(self.heard("info", 2)[-1])["hop_s"])

    def wait_active(self) -> None:
        """Until it is up, by its own word."""
        wait_until(lambda: self.property("ActiveState") == "active", timeout_s=120, what="the service")

    def status_topic(self) -> str:
        """`online` or `offline`, from the retained message."""
        return str(json.loads(self.heard("status", 2)[-1])["state"])


def install(container: Container, port: int) -> None:
    """The package, the README's installation, a model, a broker."""
    lines, _ = readme_lines()
    (container.root / "root" / "monitor-start").write_text(START)
    container.run(f"set -e\n{INSTALLED}\ncd /src\n{lines}")
    (container.root / "etc/monitor/monitor.yaml").write_text(config_text(port))
    with tempfile.TemporaryDirectory() as made:
        files = write_recordings(Path(made) / "recordings", 8, 30)
        train_quick(Path(made) / "state", "fan-1", files, 4.0, 2.0)
        shutil.copytree(Path(made) / "state", container.root / "var/lib/monitor", symlinks=True, dirs_exist_ok=True)
    (container.root / "etc/mosquitto/conf.d/plant.conf").write_text(
        f"listener {port} 127.0.0.1\npassword_file /etc/mosquitto/passwords\n"
    )
    container.run(
        "set -e\nmkdir -p /etc/credstore\n"
        f"(umask 077; echo {SECRET} > /etc/credstore/mqtt-password)\n"
        f"touch /etc/mosquitto/passwords; mosquitto_passwd -b /etc/mosquitto/passwords monitor {SECRET}\n"
        "chown -R monitor:monitor /var/lib/monitor\nsystemctl restart mosquitto"
    )


def starts(container: Container, service: Service) -> None:
    """The README's last line starts it, and returns once it listens."""
    container.run(readme_lines()[1])
    assert service.property("ActiveState") == "active"
    assert container.run("ps -o user= -p $(systemctl show --value -p MainPID monitor)").strip() == "monitor"


def publishes(_container: Container, service: Service) -> None:
    """Inside its sandbox it hears, scores and publishes, with the password from the credential."""
    assert service.status_topic() == "online"
    scores = [json.loads(line) for line in service.heard("machine/fan-1/score", 10)]
    assert scores
    assert {each["verdict"] for each in scores} <= {"normal", "warning", "alarm"}
    wait_until(lambda: "broker connected" in service.property("StatusText"), timeout_s=30, what="the status line")


def comes_back(container: Container, service: Service) -> None:
    """Killed with SIGKILL, it is back by itself."""
    before = service.property("MainPID")
    container.run("systemctl kill --signal=SIGKILL monitor")
    wait_until(lambda: service.property("NRestarts") == "1", timeout_s=60, what="a restart")
    service.wait_active()
    assert service.property("MainPID") != before
    assert service.status_topic() == "online"


def watched(container: Container, service: Service) -> None:
    """Frozen, it is restarted by the watchdog."""
    container.run("kill -STOP $(systemctl show --value -p MainPID monitor)")
    wait_until(lambda: service.property("NRestarts") == "2", timeout_s=180, what="the watchdog")
    service.wait_active()


def reloads(container: Container, service: Service) -> None:
    """`systemctl reload` takes over a changed configuration in the same process, and refuses one with mistakes."""
    path = container.root / "etc/monitor/monitor.yaml"
    first, before = path.read_text(), (service.property("MainPID"), service.property("NRestarts"))
    path.write_text(first.replace("hop_s: 2", "hop_s: 4"))
    container.run("systemctl reload monitor")
    wait_until(lambda: service.property("ActiveState") == "reloading", timeout_s=30, what="a reload in systemd's eyes")
    service.wait_active()
    assert service.hop_s() == 4

    path.write_text(first.replace("hop_s", "hopp_s"))
    (refused,) = service.events(10, "systemctl reload monitor")
    assert refused["event"] == "reload_refused"
    assert "did you mean 'hop_s'" in refused["detail"]
    assert "NOT in force" in service.property("StatusText")
    assert service.heard("machine/fan-1/score", 10)

    path.write_text(first)
    assert [each["event"] for each in service.events(30, "systemctl reload monitor")] == ["reloaded"]
    assert service.hop_s() == 2
    assert "NOT in force" not in service.property("StatusText")
    assert service.property("ActiveState") == "active"
    assert (service.property("MainPID"), service.property("NRestarts")) == before
    assert service.status_topic() == "online"


def stops(container: Container, service: Service) -> None:
    """Stopped, it says so to the broker and ends cleanly."""
    container.run("systemctl stop monitor")
    assert (service.property("Result"), service.property("ExecMainStatus")) == ("success", "0")
    assert service.status_topic() == "offline"


def stays_down(container: Container, service: Service) -> None:
    """A broken configuration is exit code 78, and no restart."""
    path = container.root / "etc/monitor/monitor.yaml"
    good = path.read_text()
    path.write_text(good.replace("hop_s", "hopp_s"))
    container.run("systemctl reset-failed monitor; systemctl start monitor || true")
    time.sleep(8.0)  # RestartSec is 5 s
    assert (service.property("ActiveState"), service.property("ExecMainStatus")) == ("failed", "78")
    assert service.property("NRestarts") == "0"
    assert "did you mean 'hop_s'" in container.run("journalctl --no-pager -u monitor")
    path.write_text(good)


def survives_a_reboot(container: Container, service: Service) -> None:
    """After a reboot it runs again, and nothing in the journal is a traceback."""
    container.stop()
    container.start()
    service.wait_active()
    wait_until(lambda: service.status_topic() == "online", timeout_s=60, what="the broker")
    assert "Traceback" not in container.run("journalctl --no-pager -u monitor")


FACTS: tuple[Callable[[Container, Service], None], ...] = (
    starts,
    publishes,
    reloads,
    comes_back,
    watched,
    stops,
    stays_down,
    survives_a_reboot,
)


def missing() -> str | None:
    """What this machine lacks; None when all is there."""
    if os.geteuid() != 0:
        return "root's rights"
    lacking = [name for name in ("debootstrap", "systemd-nspawn", "nsenter") if shutil.which(name) is None]
    return f"{', '.join(lacking)} (Debian: apt-get install debootstrap systemd-container)" if lacking else None


def main() -> int:
    """Every fact in order, each on the state that the one before it left; 0 when all hold."""
    if (lack := missing()) is not None:
        print(f"boot: needs {lack}", file=sys.stderr)
        return 2
    bare_debian(KEPT)
    port = free_port()
    packages = Path(sysconfig.get_path("purelib"))
    with tempfile.TemporaryDirectory(prefix="monitor-boot-", dir="/var/tmp") as folder:
        binds = {ROOT: "/src", packages: PACKAGES}
        with Container.copy_of(KEPT, Path(folder) / "debian", binds) as container:
            service = Service(container, port)
            install(container, port)
            for fact in FACTS:
                began = time.monotonic()
                try:
                    fact(container, service)
                except (AssertionError, pytest.fail.Exception) as error:
                    print(f"NOT SO   {fact.__doc__} {error}")
                    print(container.run("journalctl --no-pager -u monitor | tail -n 20"))
                    return 1
                print(f"holds    {fact.__doc__} ({time.monotonic() - began:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
