"""How to reach the broker: address, protocol, credentials from a file or the environment, TLS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from monitor.config.field import MISSING, FilePath, Section, number, text
from monitor.config.secret import check_password, password_env, password_file, read_password


class TlsConfig(Section):
    """TLS to the broker; an empty mapping uses the system's certificate authorities."""

    ca_file: FilePath | None = Field(
        default=None, description="The authority that signed the broker's certificate (PEM); `null` is the system's."
    )
    cert_file: FilePath | None = Field(default=None, description="This node's own certificate (PEM), with `key_file`.")
    key_file: FilePath | None = Field(default=None, description="The key of `cert_file` (PEM).")

    @property
    def files(self) -> Mapping[str, Path]:
        """The files that are named, by their keys."""
        named = {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}
        return {key: path for key, path in named.items() if path is not None}

    @model_validator(mode="after")
    def _pair(self) -> TlsConfig:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("names only one of cert_file and key_file; a certificate needs its key")
        return self


class SparkplugConfig(Section):
    """The node as a Sparkplug B edge node, beside the topics of its own."""

    group: str = text(MISSING, "The Sparkplug group id; the node's name is the edge node id, every machine a device.")
    primary_host: str | None = text(
        None, "The host id of the primary host application, to wait for it; `null` waits for none."
    )

    @field_validator("group", "primary_host")
    @classmethod
    def _level(cls, value: str | None) -> str | None:
        if value is not None and re.search(r"[/+#\x00-\x1f\x7f]", value):
            raise ValueError("is not a level of a topic; allowed text without / + #")
        return value


class MqttConfig(Section):
    """The broker."""

    host: str = text("localhost", "The broker's host name or address.", "a host name or address without port or user")
    port: int = number(1883, 1, 65_535, "", "The broker's port; 8883 is usual with TLS.")
    protocol: Annotated[
        Literal["5", "3.1.1"],
        BeforeValidator(
            lambda value: str(value) if type(value) is int else value, json_schema_input_type=Literal[5, "5", "3.1.1"]
        ),
    ] = Field(default="5", description="The MQTT version: 5, or 3.1.1 for an older broker.")
    prefix: str = text("monitor", "What every topic begins with; may hold slashes, e.g. acme/stuttgart/hall3/monitor.")
    client_id: str | None = text(
        None, "The client id; `null` is `monitor-NODE`. Two clients with one id evict each other."
    )
    username: str | None = text(None, "The user name; `null` is none.")
    password_file: str | None = password_file()
    password_env: str | None = password_env()
    keepalive_s: int = number(30, 5, 3600, "s", "How soon a dead connection is noticed, at the latest.")
    will_delay_s: int = number(
        0,
        0,
        3600,
        "s",
        "How long the broker waits before it tells that a lost node is offline; needs MQTT 5.",
    )
    home_assistant: str | None = text(
        None,
        "Home Assistant's discovery prefix, usually homeassistant, to appear there, each machine too; `null` is not.",
    )
    sparkplug: SparkplugConfig | None = Field(
        default=None, description="Sparkplug B, on a second connection; `null` is not."
    )
    tls: TlsConfig | None = Field(default=None, description="TLS settings; `null` is no TLS, `{}` TLS with defaults.")

    @field_validator("host")
    @classmethod
    def _bare_host(cls, value: str) -> str:
        if re.search(r"[\s/@]", value) or (value.count(":") == 1):
            raise ValueError("is not a bare host; allowed a host name or address; port and username have own keys")
        return value

    @field_validator("prefix")
    @classmethod
    def _topic(cls, value: str) -> str:
        return topic_prefix(value)

    @field_validator("home_assistant")
    @classmethod
    def _discovery(cls, value: str | None) -> str | None:
        return None if value is None else topic_prefix(value)

    @model_validator(mode="after")
    def _one_password(self) -> MqttConfig:
        check_password(self.username, self.password_file, self.password_env)
        return self

    def password(self, folder: Path) -> str | None:
        """The password, read now and kept nowhere; None when none is configured.

        Args:
            folder: where a relative ``password_file`` begins: the configuration file's folder.

        Raises:
            ConfigurationError: the file or variable is missing, unreadable or empty; never shows a password.
        """
        return read_password("mqtt", self.password_file, self.password_env, folder)


def topic_prefix(value: str) -> str:
    """The prefix itself, when topics can begin with it.

    Raises:
        ValueError: it holds a wildcard, an empty level or a control character, or begins with `$`.
    """
    if re.search(r"[+#\x00-\x1f\x7f]", value) or "" in value.split("/") or value.startswith("$") or len(value) > 200:
        raise ValueError(
            "is not a topic prefix; allowed levels joined by /, without + # or empty levels, 200 characters at most"
        )
    return value
