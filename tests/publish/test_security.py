"""Passwords and TLS against a real mosquitto."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.errors import BadInputError
from monitor.publish.mqtt import MqttSettings, Publisher, TlsSettings
from monitor.publish.outbox import Outbox
from tests.broker import Broker, Listener, needs_mosquitto, wait_until
from tests.certificates import Certificates
from tests.publish.conftest import TOPICS, MakePublisher
from tests.publish.samples import event

pytestmark = needs_mosquitto


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


class Printed:
    """What was logged so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def __contains__(self, text: str) -> bool:
        self._text += self._capsys.readouterr().out
        return text in self._text


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    return Printed(capsys)


def test_a_wrong_password_is_a_warning_and_a_corrected_file_needs_no_restart(
    tmp_path: Path, publish_to: MakePublisher, printed: Printed
) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    with Broker(tmp_path / "b", passwords={"node": "right"}) as broker:
        publisher = publish_to(broker.port, username="node", password_file=secret)
        wait_until(lambda: "the broker refused the connection: Not authorized" in printed, what="the warning")
        assert not publisher.connected
        secret.write_text("right\n")
        assert publisher.wait_connected(10)
    assert "wrong" not in printed


def test_a_missing_password_file_is_named(outbox: Outbox, tmp_path: Path) -> None:
    settings = MqttSettings(username="node", password_file=tmp_path / "nowhere")
    with pytest.raises(BadInputError, match=r"mqtt\.password_file .*nowhere"):
        Publisher(settings, TOPICS, outbox).start()


def test_the_password_is_in_no_representation() -> None:
    assert "secret" not in repr(MqttSettings(username="node", password="secret"))


@pytest.mark.parametrize("host", ["", ".example.org", "a" * 70, "a..b"])
def test_what_is_no_host_name_is_refused(host: str, outbox: Outbox) -> None:
    with pytest.raises(BadInputError, match=r"mqtt\.host"):
        Publisher(MqttSettings(host=host), TOPICS, outbox).start()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_events_go_over_tls(
    tmp_path: Path, certificates: Certificates, publish_to: MakePublisher, protocol: str
) -> None:
    tls = TlsSettings(ca_file=certificates.ca)
    with (
        Broker(tmp_path / "b", certificates=certificates) as broker,
        Listener(broker.port, ca=certificates.ca) as listener,
    ):
        publisher = publish_to(broker.port, host="localhost", tls=tls, protocol=protocol)
        publisher.publish_events([event(1)])
        listener.wait_for(lambda it: it.on(TOPICS.event), "an event over TLS")


def test_a_client_certificate_is_shown_when_the_broker_asks_for_one(
    tmp_path: Path, certificates: Certificates, publish_to: MakePublisher, printed: Printed
) -> None:
    with Broker(tmp_path / "b", certificates=certificates, require_client_certificate=True) as broker:
        without = publish_to(broker.port, host="localhost", tls=TlsSettings(certificates.ca), client_id="without")
        assert not without.wait_connected(1.0)
        without.stop(0)
        tls = TlsSettings(certificates.ca, certificates.client, certificates.client_key)
        assert publish_to(broker.port, host="localhost", tls=tls).wait_connected(10)


# paho leaves the socket of a failed handshake to the garbage collector.
_LEFT_BY_PAHO = "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"


@pytest.mark.filterwarnings(_LEFT_BY_PAHO)
def test_a_broker_that_another_authority_signed_is_not_trusted(
    tmp_path: Path, certificates: Certificates, publish_to: MakePublisher, printed: Printed
) -> None:
    other = Certificates.make(tmp_path / "other")
    with Broker(tmp_path / "b", certificates=certificates) as broker:
        publisher = publish_to(broker.port, host="localhost", tls=TlsSettings(other.ca))
        wait_until(lambda: "certificate verify failed" in printed, what="the warning")
        assert not publisher.connected
        assert publisher.alive


@pytest.mark.filterwarnings(_LEFT_BY_PAHO)
def test_a_certificate_for_another_host_is_not_trusted(
    tmp_path: Path, certificates: Certificates, publish_to: MakePublisher, printed: Printed
) -> None:
    with Broker(tmp_path / "b", certificates=certificates, host="127.0.0.2") as broker:
        publisher = publish_to(broker.port, host="127.0.0.2", tls=TlsSettings(certificates.ca))
        wait_until(lambda: "IP address mismatch" in printed, what="the warning")
        assert not publisher.connected


@pytest.mark.parametrize("key", ["ca_file", "cert_file"])
def test_a_file_that_is_no_certificate_is_named(key: str, tmp_path: Path, outbox: Outbox) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate\n")
    with pytest.raises(BadInputError, match=rf"mqtt\.tls\.{key} .*wrong\.pem"):
        Publisher(MqttSettings(tls=TlsSettings(**{key: wrong})), TOPICS, outbox).start()
