"""Passwords: in a file or an environment variable, read when they are needed and kept nowhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from monitor.config.field import text
from monitor.errors import ConfigurationError

CREDENTIALS_ENV = "CREDENTIALS_DIRECTORY"
"""Where systemd says that it put what LoadCredential= names."""

MAX_PASSWORD_BYTES = 65_535
"""MQTT's own limit: a two-byte length."""


def password_file() -> Any:  # noqa: ANN401  a pydantic field
    """The key `password_file`."""
    return text(
        None,
        "A file whose first line is the password. A bare name is looked for among systemd's credentials first, "
        "then beside this file.",
        "the name of a file",
    )


def password_env() -> Any:  # noqa: ANN401  a pydantic field
    """The key `password_env`."""
    return text(None, "An environment variable that holds the password.", "the name of an environment variable")


def check_password(username: str | None, file: str | None, variable: str | None) -> None:
    """Hold the three keys together.

    Raises:
        ValueError: there are two passwords, or one without a user.
    """
    if file is not None and variable is not None:
        raise ValueError("has both password_file and password_env; allowed one of them")
    if username is None and (file is not None or variable is not None):
        raise ValueError("has a password but no username; a password is accepted only with one")


def read_password(section: str, file: str | None, variable: str | None, folder: Path) -> str | None:
    """The password, read now; None when none is configured.

    Args:
        section: where the keys stand, for the error message.
        file: of `password_file`.
        variable: of `password_env`.
        folder: where a relative ``file`` begins: the configuration file's folder.

    Raises:
        ConfigurationError: the file or variable is missing, unreadable or empty; never shows a password.
    """
    if variable is not None:
        value = os.environ.get(variable, "")
        if not value:
            raise ConfigurationError((f"{section}.password_env: the variable {variable} is not set or empty",))
        return value
    if file is None:
        return None
    path = find_secret(file, folder)
    try:
        data = path.read_bytes()[: MAX_PASSWORD_BYTES + 1]
        value = (data.decode().splitlines() or [""])[0]
    except OSError as error:
        problem = f"{section}.password_file: {path} cannot be read: {error.strerror}"
        raise ConfigurationError((problem,)) from error
    except UnicodeDecodeError:
        raise ConfigurationError((f"{section}.password_file: {path} is not UTF-8 text",)) from None
    if not value or len(data) > MAX_PASSWORD_BYTES:
        raise ConfigurationError((f"{section}.password_file: the first line of {path} is not a password",))
    return value


def find_secret(name: str, folder: Path) -> Path:
    """The file of a secret: an absolute path as it stands, else systemd's credential, else beside the configuration."""
    path = Path(name).expanduser()
    credentials = os.environ.get(CREDENTIALS_ENV)
    if not path.is_absolute() and credentials and (Path(credentials) / path).is_file():
        return Path(credentials) / path
    return folder / path
