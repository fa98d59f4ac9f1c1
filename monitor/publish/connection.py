"""How the broker is reached: settings, TLS, password, and a paho client that lends its network thread."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from monitor.errors import BadInputError, ConfigurationError
from monitor.publish.messages import Message

_JOIN_S: Final = 2.0  # for a network thread to end: it sleeps for at most a second at a time
_PROTOCOLS: Final = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS to the broker."""

    ca_file: Path | None = None
    """Authorities that may sign the broker's certificate, PEM; None is the system's."""
    cert_file: Path | None = None
    """This node's certificate, PEM."""
    key_file: Path | None = None
    """Its key, PEM, without a pass phrase."""


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is and how it is spoken to."""

    host: str = "localhost"
    port: int = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    """With 3.1.1 a broker cannot say that it refused a publish."""
    client_id: str | None = None
    """None is ``monitor-NODE``; two clients with one id evict each other."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    """Its first line is the password, read at each connect, so that a change needs no restart; wins over it."""
    tls: TlsSettings | None = None
    keepalive_s: int = 30
    """A dead connection is noticed after at most twice this."""
    will_delay_s: int = 0
    """The broker waits so long before it publishes the last will; MQTT 5's only."""
    connect_timeout_s: float = 5.0
    """For the TCP and the TLS handshake."""
    retry_min_s: float = 1.0
    """Wait before the first new attempt; doubles from one to the next, with a random part."""
    retry_max_s: float = 60.0
    """Longest wait between attempts: a broker that is back is found within a minute."""
    resume: bool = False
    """The first connect takes over what `handover` has left at the broker; MQTT 5's only."""
    window: int = 8
    """Most publishes without acknowledgement; small, so that little is sent twice after a lost connection."""


class Client(paho.Client):
    """A paho client whose network thread takes a turn of ours after each of its own.

    All sending happens in that turn: one thread owns the state of the connection, and no lock of ours meets paho's.
    """

    turn: Callable[[], None] | None = None
    _woken = False
    """Whether a turn is on its way that sees everything put there by now: another costs a call of the system."""

    def loop_misc(self) -> MQTTErrorCode:
        """See paho; called after each read or write, and once a second."""
        code = super().loop_misc()
        self._woken = False  # before the turn looks: what is put there from here on may be missed by it
        if self.turn is not None:
            self.turn()
        return code

    def end(self) -> None:
        """Disconnect and let the network thread end; waits for it, but not for ever."""
        self.disconnect()
        # paho joins its thread without a limit, and that one may be resolving a name: wait for it from the outside.
        ending = threading.Thread(target=self.loop_stop, name="mqtt-stop", daemon=True)
        ending.start()
        ending.join(_JOIN_S)

    def break_off(self) -> None:
        """Go without a word, as after a crash: the broker is to publish the last will when its time has come."""
        self._sock_close()

    def begin_clean(self) -> None:
        """Let further connects find no session of before: the outbox is the session."""
        self._clean_start = True

    def wake(self) -> None:
        """Let the turn come now and not within a second; from any thread, never blocks."""
        pair = self._sockpairW
        if pair is not None and not self._woken:
            self._woken = True
            with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it has ended
                pair.send(b"\0")


def read_password(settings: MqttSettings) -> str | None:
    """The password; None when there is none.

    Raises:
        BadInputError: its file cannot be read.
    """
    if settings.password_file is None:
        return settings.password
    try:
        lines = settings.password_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"mqtt.password_file {settings.password_file}: {error}") from error
    return lines[0] if lines else ""


def renew_password(client: paho.Client, settings: MqttSettings) -> None:
    """Read the password again, for the next attempt to connect."""
    if settings.username is not None:
        with contextlib.suppress(BadInputError):  # the password of before will do, or the broker will say so
            client.username_pw_set(settings.username, read_password(settings))


def own_id(settings: MqttSettings, node: str) -> str:
    """The client id of the node's connection."""
    return settings.client_id or f"monitor-{node}"


def make_client(settings: MqttSettings, default_id: str, will: Message | None) -> Client:
    """A client with TLS, password and last will, not connected yet.

    Raises:
        BadInputError: a file cannot be used, or the host is no host name; names the key.
    """
    _check_host(settings.host)
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=settings.client_id or default_id,
        clean_session=True if settings.protocol == "3.1.1" else None,  # the outbox is the session
        protocol=_PROTOCOLS[settings.protocol],
    )
    client.connect_timeout = settings.connect_timeout_s
    client.max_inflight_messages_set(0)  # never in paho's queue: the window is ours
    if will is not None:
        client.will_set(will.topic, will.payload, will.qos, will.retain, _will_properties(settings))
    if settings.username is not None:
        client.username_pw_set(settings.username, read_password(settings))
    if settings.tls is not None:
        client.tls_set_context(_tls_context(settings.tls))
    return client


def connect_in_background(client: Client, settings: MqttSettings) -> None:
    """Have the client connect, and again whenever the connection is lost, once its network thread runs."""
    clean_start = not settings.resume if settings.protocol == "5" else paho.MQTT_CLEAN_START_FIRST_ONLY  # 5's only
    client.connect_async(
        settings.host,
        settings.port,
        settings.keepalive_s,
        clean_start=clean_start,
        properties=connect_properties(settings),
    )


def connect_properties(settings: MqttSettings) -> Properties | None:
    """What a connect says beside MQTT 3.1.1's; a will waits only for as long as its session lasts."""
    if settings.protocol == "3.1.1" or not settings.will_delay_s:
        return None
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = settings.will_delay_s
    return properties


def _will_properties(settings: MqttSettings) -> Properties | None:
    if settings.protocol == "3.1.1" or not settings.will_delay_s:
        return None
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = settings.will_delay_s
    return properties


def _check_host(host: str) -> None:
    try:
        encoded = host.encode("idna")
    except UnicodeError as error:
        raise ConfigurationError((f"mqtt.host {host!r} is no host name or address: {error}",)) from error
    if not encoded or host.startswith("."):
        raise ConfigurationError((f"mqtt.host {host!r} is no host name or address",))


class _TlsSocket(ssl.SSLSocket):
    """Is closed when its handshake fails: paho leaves it open then, for whenever memory is next tidied up."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  as the class has it
        """See ssl."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


def _tls_context(tls: TlsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
    except (OSError, ValueError) as error:
        raise ConfigurationError((f"mqtt.tls.ca_file {tls.ca_file}: {error}",)) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _TlsSocket
    if tls.cert_file is not None:
        try:
            # An empty pass phrase: a protected key is an error here, not a question on the terminal of a daemon.
            context.load_cert_chain(tls.cert_file, tls.key_file, password="")
        except (OSError, ValueError) as error:
            problem = f"mqtt.tls.cert_file {tls.cert_file} with key_file {tls.key_file}: {error}"
            raise ConfigurationError((problem,)) from error
    return context
