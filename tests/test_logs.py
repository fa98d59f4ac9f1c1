"""Logging: JSON for machines, lines for people, one way for every library, and no secret in either."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from monitor import logs


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_without_a_terminal_every_line_is_json_with_time_level_and_fields() -> None:
    stream = io.StringIO()
    logs.configure("info", "auto", stream)
    structlog.get_logger("monitor.test").info("listening", machines=3)
    (record,) = records(stream)
    assert record["event"] == "listening"
    assert record["machines"] == 3
    assert (record["level"], record["logger"]) == ("info", "monitor.test")
    assert str(record["timestamp"]).endswith("Z")


def test_on_a_terminal_a_line_is_for_people() -> None:
    stream = Terminal()
    logs.configure("info", "auto", stream)
    structlog.get_logger("monitor.test").warning("no broker", host="localhost")
    assert "no broker" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_the_standard_library_comes_out_alike() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    logging.getLogger("paho.mqtt").warning("refused by %s", "broker")
    (record,) = records(stream)
    assert (record["event"], record["level"], record["logger"]) == ("refused by broker", "warning", "paho.mqtt")


def test_the_level_holds_and_talkative_libraries_wait_for_debug() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    structlog.get_logger("monitor.test").debug("hidden")
    logging.getLogger("amqtt.broker").info("hidden")
    assert stream.getvalue() == ""
    logs.configure("debug", "json", stream)
    logging.getLogger("amqtt.broker").info("shown")
    assert [record["event"] for record in records(stream)] == ["shown"]


def test_secrets_are_masked_but_the_names_of_their_files_are_not() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    structlog.get_logger("monitor.test").info("connecting", password="hunter2", password_file="secret.txt", token=None)
    (record,) = records(stream)
    assert (record["password"], record["password_file"], record["token"]) == ("***", "secret.txt", None)


def test_an_exception_stays_on_one_line_of_json() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        structlog.get_logger("monitor.test").exception("failed")
    (record,) = records(stream)
    assert "ValueError: broken" in str(record["exception"])


def test_configuring_twice_does_not_log_twice() -> None:
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    logs.configure("info", "json", stream)
    structlog.get_logger("monitor.test").info("once")
    assert len(records(stream)) == 1
