"""The daemon: one start list, one mirrored stop list, and a main thread that waits for signals and watches the work."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from monitor import __version__
from monitor.config import Config
from monitor.counted import counted
from monitor.memcae.fleet import Fleet
from monitor.publish.evidence import EvidenceStore
from monitor.publish.messages import DeliveryEvent
from monitor.publish.mqtt import Publisher
from monitor.publish.outbox import Outbox
from monitor.publish.topics import Topics
from monitor.service.broker import home_assistant, mqtt_settings, not_at_home, sparkplug
from monitor.service.clockwatch import ClockWatch
from monitor.service.crew import Crew, gather
from monitor.service.fetching import pause_s
from monitor.service.inference import Inference, Judged
from monitor.service.lifetime import unexpected_end
from monitor.service.machines import stamp, watch
from monitor.service.memory import Memory
from monitor.service.notify import Notifier
from monitor.service.reload import Reload, begin_successor, is_successor
from monitor.service.reports import Reporter
from monitor.service.retired import retire, topics_of
from monitor.service.signals import stop_on_signals

_log = structlog.get_logger(__name__)

BEAT_S = 1.0
"""How often the main thread looks whether the work goes on."""
STUCK_S = 60.0
"""A turn that takes longer than this is stuck: a hundred times what a window of a large plant costs."""
STOP_S = 10.0
"""For the last turn and the last messages; systemd kills after 90 s."""
RELOAD_S = 10.0
"""How often the model folders are looked at: a calibration made now is in service within this time."""


def run_daemon(config: Config, reread: Callable[[], Config]) -> int:
    """Run until SIGTERM or SIGINT; gives the exit code. SIGHUP has a successor take over a changed configuration.

    Args:
        config: of the node.
        reread: reads it again.

    Raises:
        BadInputError: the configuration names something that cannot be used, or no machine has a model.
    """
    stop, reload = threading.Event(), threading.Event()
    with stop_on_signals(stop, reload):
        if _listen(config, reread, stop, reload) and not stop.is_set():
            begin_successor()
    return 0


def _listen(config: Config, reread: Callable[[], Config], stop: threading.Event, reload: threading.Event) -> bool:
    """Everything from open to closed; gives whether a successor is to go on."""
    notifier = Notifier.from_environment()
    successor = is_successor()

    def stopped() -> bool:
        if successor:  # systemd has watched all along, and loading hundreds of models takes a while
            notifier.alive()
        return stop.is_set()

    with contextlib.ExitStack() as stack:
        notifier.status(f"loading the models of {counted(len(config.machines), 'machine')}")
        crew = gather(config, stopped)
        if crew is None:  # nothing is open yet, and no broker has heard of this start
            notifier.stopping("stopped before it had started")
            _log.info("stopped before it had started")
            return False
        plant = open_plant(config, crew, stack, successor=successor)
        work = Work(plant, config, threading.Event())
        stack.callback(work.close)
        work.start()
        machines = len(plant.inference.watched)
        listening = f"listening to {counted(machines, 'machine')}"
        notifier.ready(listening)
        if successor:
            plant.outbox.note(DeliveryEvent.RELOADED, f"a changed configuration is in force; {listening}")
        _log.info("started", node=config.node, machines=machines, device=str(plant.fleet.device))
        reloads = Reload(config, reread, notifier, plant.outbox.note)
        plant.publisher.has_successor = _supervise(work, stop, notifier, reloads, reload)
        if not plant.publisher.has_successor:
            notifier.stopping("stopping")
            _log.info("stopping")
        return plant.publisher.has_successor


@dataclass(frozen=True, slots=True)
class Plant:
    """Everything that is open while the daemon runs."""

    inference: Inference
    fleet: Fleet
    publisher: Publisher
    outbox: Outbox
    reporter: Reporter


def open_plant(
    config: Config,
    crew: Crew,
    stack: contextlib.ExitStack,
    database: str = "state.sqlite",
    *,
    fresh: bool = False,
    successor: bool = False,
) -> Plant:
    """Open everything in order; what ``stack`` closes is the mirror image.

    Args:
        config: of the node.
        crew: who hears and judges.
        stack: takes what is to be closed.
        database: file in the state directory that keeps alarms and detector states.
        fresh: begin with no alarm and unmoved thresholds, whatever the database keeps, and leave nothing retained.
        successor: a process listened until a moment ago, and has told of its machines.

    Raises:
        BadInputError: see `run_daemon`.
    """
    watched, fleet = crew.watched, crew.fleet
    reporter = Reporter.of(config, str(fleet.device), __version__, time.time())
    config.state_dir.mkdir(parents=True, exist_ok=True)
    outbox = Outbox(config.state_dir / database, config.node)
    outbox.open()
    stack.callback(outbox.close)
    if not fresh and (told := unexpected_end(outbox.states())) is not None:
        outbox.note(DeliveryEvent.OUTAGE, told)
    gone = retire(outbox, watched, reporter, time.time())
    topics = Topics(config.mqtt.prefix, config.node)
    settings = replace(mqtt_settings(config), resume=successor)
    publisher = Publisher(settings, topics, outbox, face=sparkplug(config, outbox))
    for topic in (*(each for machine in gone for each in topics_of(machine, topics)), *not_at_home(config, gone)):
        publisher.clear(topic)
    publisher.start()
    stack.callback(publisher.stop, STOP_S / 2, leave_nothing=fresh)
    kept = config.evidence
    clips = EvidenceStore(config.state_dir, kept.max_mb * 1_000_000, kept.max_days) if kept.enabled else None
    memory = Memory(watched, {} if fresh else outbox.states())
    inference = Inference(crew.ears, watched, fleet, memory, reporter, publisher, clips)
    publisher.send(reporter.info(watched.values(), time.time()))
    for message in home_assistant(config, __version__):
        publisher.retain(message)
    inference.announce({machine for machine, _ in outbox.documents()} if successor else ())
    return Plant(inference, fleet, publisher, outbox, reporter)


class Work:
    """The inference thread.

    Args:
        plant: open.
        config: for the intervals, and where newer models appear.
        stop: ends the work.
        observe: told of every judged window, on the inference thread; work then ends by itself once every source has
            (a daemon goes on: a machine whose recording has ended is quiet, not gone).
    """

    def __init__(
        self,
        plant: Plant,
        config: Config,
        stop: threading.Event,
        observe: Callable[[Judged], None] | None = None,
    ) -> None:
        self._plant = plant
        self._config = config
        self._stop = stop
        self._observe = observe
        self._thread = threading.Thread(target=self._run, name="inference")
        self._next_health_s = self._next_reload_s = time.monotonic()
        self._clock = ClockWatch(partial(plant.outbox.note, DeliveryEvent.CLOCK_STEPPED))
        self.failure: BaseException | None = None
        self.beat_s = time.monotonic()
        """When the last turn ended, monotonic seconds."""
        self.done = threading.Event()
        """Set when the thread has ended."""

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """End after the present turn; re-raises what ended the thread before its time."""
        self._stop.set()
        self._thread.join(STOP_S)
        if self.failure is not None:
            raise self.failure

    def status(self) -> str:
        """One line for `systemctl status`."""
        machines = counted(len(self._plant.inference.watched), "machine")
        waiting = counted(self._plant.publisher.depth, "event")
        broker = "connected" if self._plant.publisher.connected else "NOT connected"
        return f"{machines}; broker {broker}, {waiting} waiting"

    def _run(self) -> None:
        inference = self._plant.inference
        try:
            while not self._stop.is_set() and not (self._observe and inference.finished):
                began_s = time.monotonic()
                judged = inference.turn()
                if self._observe is not None:
                    for one in judged:
                        self._observe(one)
                self._stop.wait(pause_s(began_s, time.monotonic(), inference.rest_s))
                self._now_and_then()
                self.beat_s = time.monotonic()
                if not self._plant.publisher.alive:
                    raise RuntimeError("the MQTT client's network thread has ended; its own traceback says why")
            inference.close()
        except BaseException as error:  # noqa: BLE001  whatever it is, the main thread must end with it, not live on
            self.failure = error
        finally:
            self.done.set()

    def _now_and_then(self) -> None:
        self._clock.look()
        now_s = time.monotonic()
        if now_s >= self._next_health_s:
            self._next_health_s = now_s + self._config.health_s
            self._plant.inference.save()
            self._tell_health()
            self._plant.inference.desk.tell_kpi()
        if now_s >= self._next_reload_s:
            self._next_reload_s = now_s + RELOAD_S
            self._reload()

    def _tell_health(self) -> None:
        plant = self._plant
        try:
            free = shutil.disk_usage(self._config.state_dir).free
        except OSError:
            free = None
        plant.publisher.send(plant.reporter.health(plant.inference.counts(), plant.outbox.health(), free, time.time()))

    def _reload(self) -> None:
        """Take what `monitor train`, `calibrate` or `models activate` put in service since the last look."""
        changed = False
        for machine, before in self._plant.inference.watched.items():
            if stamp(self._config.state_dir, machine) == before.seen:
                continue
            watched = watch(self._config, machine)
            if watched.model is None and before.model is not None:
                _log.warning(f"the model in service stays: {watched.problem}", machine=machine)
                self._plant.inference.replace(replace(before, seen=watched.seen))  # not read again until it changes
                continue
            for doubt in filter(None, (watched.problem, watched.warning)):
                _log.warning(doubt, machine=machine)
            self._plant.inference.replace(watched)
            _log.info("model or calibration replaced", machine=machine, model=watched.seen[0])
            changed = True
        if changed:
            self._plant.publisher.send(self._plant.reporter.info(self._plant.inference.watched.values(), time.time()))


def _supervise(work: Work, stop: threading.Event, notifier: Notifier, reload: Reload, asked: threading.Event) -> bool:
    """Feed the watchdog while the work goes on, until told to stop or the work ends; gives whether to start anew."""
    beat_s = BEAT_S if notifier.watchdog_s is None else min(BEAT_S, notifier.watchdog_s / 3)
    status = ""
    while not stop.wait(beat_s) and not work.done.is_set():
        if time.monotonic() - work.beat_s < STUCK_S:
            notifier.alive()
        if reload.turn(asked):
            return True
        if (now := "; ".join(filter(None, (work.status(), reload.doubt)))) != status:
            status = now
            notifier.status(status)
    return False
