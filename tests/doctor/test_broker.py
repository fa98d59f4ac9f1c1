"""What `monitor doctor` says of the broker, against a real mosquitto and hosts that are none."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import main
from tests.broker import Broker, needs_mosquitto
from tests.certificates import Certificates
from tests.doctor.examined import Capture, configure, examined, login


@needs_mosquitto
def test_a_wrong_password_is_told_in_the_brokers_words_and_shown_to_nobody(
    tmp_path: Path, state_dir: Path, broker: Broker, capsys: Capture
) -> None:
    config = configure(tmp_path, state_dir, broker.port, **login(tmp_path, "hunter2"))
    assert main(["doctor", "--config", str(config)]) == 1
    shown = capsys.readouterr().out
    assert "refused the connection: Not authorized" in shown
    assert "hunter2" not in shown


@needs_mosquitto
@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_tls_is_checked_with_the_configured_authority(
    tmp_path: Path, state_dir: Path, capsys: Capture, protocol: str
) -> None:
    certificates, strangers = Certificates.make(tmp_path / "own"), Certificates.make(tmp_path / "strange")
    with Broker(tmp_path / "tls", certificates=certificates) as broker:
        for authority, state in ((certificates.ca, "ok"), (strangers.ca, "FAIL")):
            tls = {"tls": {"ca_file": str(authority)}, "protocol": protocol}
            _, found = examined(capsys, configure(tmp_path, state_dir, broker.port, **tls))
            assert found["broker"]["state"] == state, found["broker"]
            if state == "FAIL":
                assert "certificate is not trusted" in found["broker"]["detail"]
                assert "ca_file" in found["broker"]["remedy"]


@needs_mosquitto
def test_tls_towards_a_port_without_it_is_told_as_such(tmp_path: Path, state_dir: Path, capsys: Capture) -> None:
    with Broker(tmp_path / "plain") as broker:
        _, found = examined(capsys, configure(tmp_path, state_dir, broker.port, tls={}))
    assert found["broker"]["state"] == "FAIL"
    assert found["broker"]["remedy"].startswith(f"does port {broker.port} speak TLS?")


@pytest.mark.parametrize("tls", [False, True])
def test_a_host_that_takes_connections_and_never_answers_is_given_up_within_seconds(
    tmp_path: Path, state_dir: Path, capsys: Capture, tls: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        more: dict[str, Any] = {"tls": {}} if tls else {"keepalive_s": 600}
        config = configure(tmp_path, state_dir, silent.getsockname()[1], **more)
        begun_s = time.monotonic()
        _, found = examined(capsys, config)
        assert time.monotonic() - begun_s < 15
    assert found["broker"]["state"] == "FAIL"
    assert "no answer within 3 s" in found["broker"]["detail"]
