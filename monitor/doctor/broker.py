"""The broker: does it let the configured user in. Nothing is published, and the daemon keeps its session."""

from __future__ import annotations

import secrets
import socket
import ssl
import time
from dataclasses import replace

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from monitor.config import Config, TlsConfig
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.doctor.installation import Password
from monitor.doctor.sources import unreachable
from monitor.publish.connection import make_client
from monitor.service.broker import mqtt_settings

STEP_S = 3
"""Each for the connection, for the TLS handshake and for the answer."""
LOOK_S = 0.1
"""Between two looks whether the answer is there."""


def examine(config: Config, password: Password) -> Finding:
    """Connect as the daemon would, under another client id, and leave again.

    Raises:
        BadInputError: a certificate or key cannot be used, or the host is no host name.
    """
    mqtt = config.mqtt
    where = f"{mqtt.host}:{mqtt.port}"
    if not password.known:
        problem = unreachable(mqtt.host, mqtt.port)
        if problem is not None:
            return fail("broker", f"{where} cannot be reached: {problem}", _remedy(None, mqtt.host, mqtt.port))
        return note("broker", f"{where} takes connections; without the password no login was tried")
    # The password is known: it is not read again.
    plain = config.model_copy(update={"mqtt": mqtt.model_copy(update={"password_file": None, "password_env": None})})
    settings = replace(
        mqtt_settings(plain),
        password=password.value,
        client_id=f"{mqtt.client_id or f'monitor-{config.node}'}-doctor-{secrets.token_hex(4)}",
        connect_timeout_s=float(STEP_S),
        will_delay_s=0,
    )
    client = make_client(settings, "", None)
    answers: list[ReasonCode] = []
    client.on_connect = lambda _client, _userdata, _flags, reason, _properties: answers.append(reason)
    try:
        client.connect(settings.host, settings.port, STEP_S)
    except OSError as error:
        return fail(
            "broker", f"{where} cannot be reached: {_why(error)}", _remedy(error, mqtt.host, mqtt.port, mqtt.tls)
        )
    try:
        ended = _await(client, answers)
    finally:
        client.disconnect()
    how = f"MQTT {mqtt.protocol}{' over TLS' if mqtt.tls is not None else ''}"
    if not answers:
        told = "closes the connection without a word" if ended else f"gives no answer within {STEP_S} s"
        return fail("broker", f"{where} takes connections and {told}", "is that port an MQTT broker's, and with TLS?")
    if answers[0].is_failure:
        return fail("broker", f"{where} refused the connection: {answers[0]}", _refused(mqtt.username))
    return ok("broker", f"{where} lets {mqtt.username or 'anyone'} in ({how})")


def _await(client: Client, answers: list[ReasonCode]) -> bool:
    """Wait for the broker's answer; gives whether it ended the connection instead."""
    deadline = time.monotonic() + STEP_S
    while not answers and time.monotonic() < deadline:
        if client.loop(LOOK_S) is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return True
    return False


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return f"no answer within {STEP_S} s"
    return error.strerror or str(error)


def _remedy(error: OSError | None, host: str, port: int, tls: TlsConfig | None = None) -> str:
    if tls is not None and isinstance(error, ConnectionResetError | ssl.SSLEOFError):
        return f"does port {port} speak TLS? 8883 is usual; without it, leave out mqtt.tls"
    if isinstance(error, ssl.SSLError):
        return "set mqtt.tls.ca_file to the authority of the broker, and mqtt.host to the name in its certificate"
    if isinstance(error, socket.gaierror):
        return f"correct mqtt.host, or the name service: getent hosts {host}"
    return f"is the broker running, and mqtt.host, mqtt.port right? nc -vz {host} {port}"


def _refused(username: str | None) -> str:
    if username is None:
        return "set mqtt.username and mqtt.password_file, or let the broker take clients without them"
    return f"correct mqtt.username and its password, or the broker's list of users; {username!r} was tried"
