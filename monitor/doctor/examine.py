"""All checks in the order in which a person would make them; each is bounded and comes as soon as it is made."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from monitor.config import Config
from monitor.counted import counted
from monitor.doctor import access, alarms, broker, database, installation, lock, models, sources, system
from monitor.doctor.bounded import TooSlowError, checked, each, within
from monitor.doctor.finding import Finding, fail, note, ok
from monitor.errors import MonitorError

QUICK_S = 5.0
"""For what takes milliseconds on a healthy disk; a network share may take seconds."""
DATABASE_S = 10.0
"""Twice the database check's own limit, which gives up in order."""
BROKER_S = 12.0
"""A connection, a handshake and an answer, 3 s each, and looking up the name."""
SOURCE_S = sources.LIST_S + 1.0
"""The longest of its own limits, which come first."""
LOAD_S = 20.0
"""Loading torch from a slow disk, once; the first model pays for it."""


def examine(config: Config, path: Path) -> Iterator[Finding]:
    """Every check, with a usable configuration.

    Args:
        config: as read.
        path: where it was read from.
    """
    machines = len(config.machines)
    yield ok("configuration", f"{path}: valid, {counted(machines, 'machine')}")
    password = _password(config)
    yield password.finding
    yield from checked("state directory", QUICK_S, lambda: installation.state_directory(config.state_dir))
    running = _running(config.state_dir / "state.sqlite.lock")
    state = config.state_dir / "state.sqlite"
    yield from checked("database", DATABASE_S, lambda: [database.examine(state, running=running)])
    unit = system.unit()
    yield lock.finding(running, config.state_dir, installed=unit is not None)
    if unit is not None:
        yield unit
    yield from checked("compute device", LOAD_S, lambda: models.compute_device(config.device))
    names = tuple(config.machines)
    # Root reads what the service cannot: it is looked at as the service's user.
    user = access.service_user(system.unit_user(), config.state_dir) if os.geteuid() == 0 else None
    yield from each("model", names, QUICK_S, lambda machine: models.model(config, machine, user))
    look = sources.Sources(config, running=running is not False)
    yield from each("source", names, SOURCE_S, look.examine)
    yield from _alarms(config, running=running)
    yield from checked("broker", BROKER_S, lambda: [broker.examine(config, password)])
    yield system.clock()


def _password(config: Config) -> installation.Password:
    try:
        return within(QUICK_S, lambda: installation.broker_password(config))
    except (MonitorError, OSError) as error:
        return installation.Password(fail("password", str(error)), known=False)


def _alarms(config: Config, *, running: bool | None) -> Iterator[Finding]:
    """What the daemon knows; nothing where its database cannot be read, which `database` has told already."""
    path = config.state_dir / "state.sqlite"
    try:
        known = within(DATABASE_S, lambda: alarms.read(path, running=running))
    except (MonitorError, OSError, sqlite3.Error, ValueError):
        return
    if not known.documents:
        return
    now_s = time.time()
    for machine in config.machines:
        yield alarms.machine_finding(known, config, machine, now_s, running=running is not False)
    node = alarms.node_finding(known) if running else None
    if node is not None:
        yield node


def _running(path: Path) -> bool | None:
    try:
        return within(QUICK_S, lambda: lock.running(path))
    except TooSlowError:
        return None


def examine_without(problems: tuple[str, ...]) -> Iterator[Finding]:
    """What can be checked without a configuration: each of its mistakes, and the computer.

    Args:
        problems: every mistake in it, one line each.
    """
    for problem in problems:
        yield fail("configuration", problem, "correct it; then: monitor doctor")
    unit = system.unit()
    if unit is not None:
        yield unit
    yield from checked("compute device", LOAD_S, lambda: models.compute_device("auto"))
    yield system.clock()
    left = "state directory, database, daemon, models, sources and broker are named by the configuration: not checked"
    yield note("the rest", left)
