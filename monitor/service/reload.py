"""A configuration that has changed: read and checked beside the work, and taken over by a successor of this process."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog

from monitor.config import Config, StreamSource
from monitor.counted import counted
from monitor.errors import BadInputError, ConfigurationError, MonitorError
from monitor.memcae.fleet import choose_device
from monitor.publish.connection import make_client
from monitor.publish.messages import DeliveryEvent
from monitor.service.broker import mqtt_settings
from monitor.service.machines import stamp
from monitor.service.notify import Notifier
from monitor.service.signals import hold_reloads
from monitor.service.sources import build_ears

_log = structlog.get_logger(__name__)

SUCCESSOR_ENV: Final = "MONITOR_SUCCESSOR"
"""Tells a process that it has taken the place of one that listened until a moment ago; holds its own number, so that
nobody who inherits it takes it for his."""

SHOWN: Final = 3
"""Mistakes that the event of a refused reload names: one that follows from another shows beside it."""
SHOWN_LENGTH: Final = 300
"""Characters of each: the longest that the configuration's own checks make are of this length."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What reading the configuration again has shown."""

    problems: tuple[str, ...] = ()
    """Why it cannot be used, one line each."""
    changed: bool = False
    """Whether it is another one than that in force."""


class Reload:
    """Lives on the main thread; what may hang on a slow disk has a thread of its own.

    Args:
        running: the configuration in force.
        reread: reads it again.
        notifier: hears of each try.
        tell: whoever watches from afar, of what came of it.
    """

    def __init__(
        self,
        running: Config,
        reread: Callable[[], Config],
        notifier: Notifier,
        tell: Callable[[DeliveryEvent, str], None],
    ) -> None:
        self._running = in_force(running)
        self._reread = reread
        self._notifier = notifier
        self._tell = tell
        self._answers: list[Answer] = []
        self._looking = False
        self.doubt: str | None = None
        """What is to be known of the file beside the daemon's status; None while it is the one in force."""

    def turn(self, asked: threading.Event) -> bool:
        """Begin what was asked for, and tell of what was found; gives whether to make room for a successor now."""
        if asked.is_set() and not self._looking:
            asked.clear()
            self._looking = True
            self._notifier.reloading("checking the configuration")
            threading.Thread(target=self._look, name="reload", daemon=True).start()
        if not self._answers:
            return False
        self._looking = False
        return self._take(self._answers.pop())

    def _take(self, answer: Answer) -> bool:
        if answer.problems:
            for problem in answer.problems:
                _log.error(problem)
            count = len(answer.problems)
            mistakes = f"the configuration file is NOT in force: {counted(count, 'mistake')}"
            self.doubt = f"{mistakes}, see the log"
            _log.error("the configuration stays as it was: the file cannot be used", problems=count)
            self._notifier.ready(self.doubt)
            self._tell(DeliveryEvent.RELOAD_REFUSED, f"{mistakes}: {_first(answer.problems)}")
            return False
        doubted, self.doubt = self.doubt is not None, None
        if answer.changed:
            _log.info("the configuration has changed; starting anew with it")
            self._notifier.status("starting anew with the changed configuration")
            return True
        _log.info("the configuration is unchanged")
        self._notifier.ready("the configuration is unchanged")
        if doubted:
            self._tell(DeliveryEvent.RELOADED, "the configuration file is the one in force again")
        return False

    def _look(self) -> None:
        try:
            found = self._reread()
            problems = obstacles(found)
            answer = Answer(problems) if problems else Answer(changed=in_force(found) != self._running)
        except ConfigurationError as error:
            answer = Answer(error.problems)
        except Exception as error:  # noqa: BLE001  whatever it is, the daemon goes on as it was, and says so
            answer = Answer((f"{type(error).__name__}: {error}",))
        self._answers.append(answer)


def _first(problems: tuple[str, ...]) -> str:
    """The first of them on one line; the log has them all, and in full."""
    shown = [" ".join(each.split())[:SHOWN_LENGTH] for each in problems[:SHOWN]]
    return "; ".join(shown) + (f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else "")


def in_force(config: Config) -> tuple[Config, str]:
    """All that a start takes from the configuration, and a digest of the passwords and certificates that it names.

    Raises:
        ConfigurationError: a password cannot be read.
        OSError: a certificate or key cannot be read.
    """
    streams = [one.source for one in config.machines.values() if isinstance(one.source, StreamSource)]
    secrets = [config.mqtt_password() or "", *(config.stream_address(source) for source in streams)]
    digest = hashlib.sha256("\0".join(secrets).encode())
    tls = config.mqtt.tls
    for file in ({} if tls is None else tls.files).values():
        digest.update(file.read_bytes())
    return config, digest.hexdigest()


def obstacles(config: Config) -> tuple[str, ...]:
    """What would keep a daemon from starting with it, one line each; nothing is opened to find out."""
    problems: list[str] = []
    for check in (_sources, _broker, _device, _models):
        try:
            check(config)
        except ConfigurationError as error:
            problems += error.problems
        except MonitorError as error:
            problems.append(str(error))
    return tuple(problems)


def _sources(config: Config) -> None:
    build_ears(config)


def _broker(config: Config) -> None:
    make_client(mqtt_settings(config), "", None)


def _device(config: Config) -> None:
    choose_device(config.device)


def _models(config: Config) -> None:
    if not any(stamp(config.state_dir, machine)[0] for machine in config.machines):
        raise BadInputError(f"no machine has a model under {config.state_dir}")


def begin_successor() -> NoReturn:
    """Start this program anew, with the same arguments and under the same process number; everything is closed."""
    hold_reloads()  # a handler does not outlive what comes now
    os.environ[SUCCESSOR_ENV] = str(os.getpid())
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  our own command line, no shell


def is_successor() -> bool:
    """Whether this process has taken the place of one that listened until a moment ago; says so once."""
    return os.environ.pop(SUCCESSOR_ENV, "") == str(os.getpid())
