"""Logging: readable lines on a terminal, one JSON object per line otherwise, both to stderr; no secret in either.

Everything goes through the standard library's root logger, so that the broker client and library code come out alike.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Literal, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "console", "json"]

TALKATIVE = ("amqtt", "transitions", "asyncio", "matplotlib", "websockets")
"""Libraries whose `info` is our `debug`: an embedded broker reports every packet."""

SECRET = re.compile(r"password|secret|token", re.IGNORECASE)
"""Fields of these names are masked, whoever logs them."""


def configure(level: Level = "info", form: Format = "auto", stream: TextIO | None = None) -> None:
    """Set up logging for this process; calling it again replaces what was set up before.

    Args:
        level: the least serious thing that is logged.
        form: ``auto`` is ``console`` on a terminal and ``json`` otherwise.
        stream: where to; stderr by default.
    """
    stream = stream if stream is not None else sys.stderr
    console = form == "console" or (form == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(console=console, colors=stream.isatty()))
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "monitor_own", False):
            root.removeHandler(old)
    handler.monitor_own = True  # type: ignore[attr-defined]  # marks ours, so that a second call replaces it alone
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.captureWarnings(capture=True)


def _shared() -> list[Processor]:
    """What every record goes through, ours and the libraries'."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]


def _formatter(*, console: bool, colors: bool) -> logging.Formatter:
    last: list[Processor]
    if console:
        last = [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]
    else:
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(), processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
    )


def mask_secrets(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Replace the value of every field whose name speaks of a secret; a name of a file may stay."""
    for key, value in event.items():
        if SECRET.search(key) and not key.endswith(("_file", "_env")) and value is not None:
            event[key] = "***"
    return event
