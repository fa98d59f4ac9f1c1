"""The demonstration itself: record, train, start a broker and the real daemon, listen, and sum up."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from monitor.demo import plant
from monitor.demo.listener import Listener
from monitor.demo.story import Story, clock
from monitor.errors import BadInputError, MonitorError
from monitor.learn.progress import Progress as Stand

SETTLE_S = 60.0
"""Sound to hear after the end of the alarm: a healthy machine that is about to cry wolf shows it here."""
PATIENCE_S = 600.0
"""Sound after the fault's beginning in which its alarm must come and, once the machine is mended, go; the first takes
half a minute, the second a minute after the end of the fault."""
ANSWER_AFTER_S = 30.0
"""Sound from the alarm to its acknowledgement: a second or two at the demonstration's speed."""
SILENCE_S = 60.0
"""Without a message for so long (wall clock) the daemon has died; its start-up takes a few seconds."""
STOP_S = 30.0
"""For the daemon to end after SIGTERM."""

_EMBEDDED_PROTOCOL = "3.1.1"
"""All that amqtt completes connections with."""


def run_demo(broker: str | None = None, folder: Path | None = None) -> int:
    """Run the demonstration; prints as it goes.

    Args:
        broker: HOST:PORT of a running broker; None starts an embedded one.
        folder: where its files go; None makes a temporary one.

    Returns:
        0 when the alarm came and no healthy machine alarmed, else 1.

    Raises:
        MonitorError: the broker cannot be reached, or the daemon ended by itself.
        BadInputError: ``broker`` is no HOST:PORT, or ``folder`` cannot be made or is in use.
    """
    console = Console(highlight=False, soft_wrap=True)
    address = None if broker is None else _address(broker)
    if address is not None:
        Listener(*address, "monitor/demo").close()  # a broker that is not there is told before a minute of learning
    home = home_of(folder)
    console.print(f"[bold]monitor demo[/]  three simulated machines; files in {home}\n")
    _learn(console, home)
    with contextlib.ExitStack() as stack:
        host, port, protocol = _broker(stack, address)
        config = plant.write_config(home, host, port, protocol)
        console.print(
            f"\n[bold]Listening[/]  broker {host}:{port}, topics monitor/demo/#, {plant.SPEED:g} times real time\n"
        )
        listener = Listener(host, port, "monitor/demo")
        stack.callback(listener.close)
        daemon = stack.enter_context(_daemon(config, home / "daemon.log"))
        story = _listen(console, listener, daemon, home / "daemon.log")
    return _sum_up(console, story, home, config)


def _learn(console: Console, home: Path) -> None:
    """Record and learn every machine's normal sound."""
    from monitor.detect.alarm import AlarmPolicy
    from monitor.detect.budget import Budget
    from monitor.learn.fit import Job, fit_machine
    from monitor.memcae.preset import DEFAULT

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    now_s = time.time()
    began = time.monotonic()
    with Progress(*columns, console=console) as bars:
        for machine in plant.MACHINES:
            bar = bars.add_task(f"{machine.machine} learns its sound", total=1.0, note="recording")
            files = plant.record_normal(home / "recordings" / machine.machine, machine, now_s)

            def show(stand: Stand, bar: object = bar) -> None:
                share = stand.done / max(1, stand.total)
                bars.update(bar, completed=share, note=stand.stage)  # type: ignore[arg-type]

            job = Job(machine.machine, DEFAULT, plant.WINDOW_S, plant.WINDOW_S, Budget(), AlarmPolicy())
            report = fit_machine(job, files, state_dir=home / "state", created_s=time.time(), progress=show)
            promise = report.calibration.promise
            note = f"threshold {report.calibration.threshold:.2f}, {promise.expected:.1f} false alarms a week expected"
            bars.update(bar, completed=1.0, note=note)
    minutes = plant.RECORDINGS * plant.RECORDING_S / 60
    console.print(f"{minutes:g} minutes of normal sound each, learnt in {time.monotonic() - began:.0f} s")


def _listen(console: Console, listener: Listener, daemon: subprocess.Popen[bytes], log: Path) -> Story:
    faulty = next(machine for machine in plant.MACHINES if machine.fault is not None)
    story = Story(faulty.machine, plant.FAULT_AFTER_S)
    told = False
    commanded = False
    silent_s = 0.0
    while not _over(story):
        came = False
        for message in listener.received(timeout_s=1.0):
            came = True
            if message.retained:
                continue  # of an earlier run on this broker
            line = story.tell(message)
            if line is not None:
                console.print(line, style=_style(line))
            if not told and story.fault_s is not None and story.last_s > story.fault_s:
                told = True
                console.print(f"--- {faulty.machine}: the {faulty.fault} fault began at {clock(story.fault_s)} ---")
            if not commanded and story.alarm_s is not None and story.last_s > story.alarm_s + ANSWER_AFTER_S:
                commanded = True
                console.print(f"--- an operator acknowledges: command/acknowledge {faulty.machine} ---")
                listener.command("acknowledge", {"machine": faulty.machine, "by": "operator", "reason": "seen"})
            if _over(story):
                break
        if daemon.poll() is not None:
            raise MonitorError(f"the daemon ended by itself (exit code {daemon.returncode}); see {log}")
        silent_s = 0.0 if came else silent_s + 1.0
        if silent_s > SILENCE_S:
            raise MonitorError(f"nothing was heard for {SILENCE_S:g} s; see {log}")
    return story


def _over(story: Story) -> bool:
    if story.fault_s is None:
        return False
    if story.alarm_s is None or story.cleared_s is None:
        return story.last_s > story.fault_s + PATIENCE_S
    return story.last_s > story.cleared_s + SETTLE_S


def _sum_up(console: Console, story: Story, home: Path, config: Path) -> int:
    console.print("\n[bold]Summary[/]")
    began = story.fault_s or 0.0
    console.print(f"  fault began   {clock(began)}  {story.faulty}")
    if story.alarm_s is None:
        console.print("  alarm         [red]did not come[/]")
    else:
        console.print(
            f"  alarm raised  {clock(story.alarm_s)}  {story.alarm_s - began:.0f} s of sound later; {story.bands}"
        )
        console.print(f"  acknowledged  {'yes' if story.acknowledged else '[red]no[/]'}")
        over = "[red]not[/]" if story.cleared_s is None else clock(story.cleared_s)
        console.print(f"  cleared       {over}  the machine was mended at {clock(began + plant.FAULT_LASTS_S)}")
    count = sum(story.scores.values())
    wolf = ", ".join(story.false_alarms) or "none"
    console.print(f"  false alarms  {wolf}  ({count} windows of {len(story.scores)} machines judged)")
    good = story.acknowledged and story.cleared_s is not None and not story.false_alarms
    console.print("\n[bold]Try next[/]" if good else "\n[red]Not as it should be[/]; the daemon's log may say why:")
    console.print(f"  less {home / 'daemon.log'}")
    program = "monitor" if shutil.which("monitor") else f"{sys.executable} -m monitor"
    console.print(f"  {program} score gearbox-1 {home}/recordings/pump-1 --config {config}")
    console.print(f"  {program} models list --config {config}")
    console.print(f"  {program} alarms log --config {config}")
    console.print(f"  {program} run --config {config}    # with a broker at the address that it names")
    return 0 if good else 1


def _style(line: str) -> str:
    if line.startswith(("event", "response")) or "ACTIVE" in line:
        return "bold yellow"
    return "" if "normal" not in line else "dim"


def home_of(folder: Path | None) -> Path:
    """The demonstration's folder, made and marked as its own.

    Raises:
        BadInputError: it cannot be made, or holds other things than an earlier demonstration's.
    """
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="monitor-demo-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        strange = any(folder.iterdir()) and not plant.is_demo(folder)
    except OSError as error:
        raise BadInputError(f"--out: {folder} cannot be made: {error.strerror}") from error
    if strange:
        raise BadInputError(f"--out: {folder} is in use: name a new or empty folder, or that of an earlier demo")
    plant.sign(folder)
    return folder.absolute()


def _address(broker: str) -> tuple[str, int]:
    host, colon, port = broker.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise BadInputError(f"--broker: {broker!r} is not HOST:PORT, such as localhost:1883")
    return host, int(port)


def _broker(stack: contextlib.ExitStack, address: tuple[str, int] | None) -> tuple[str, int, str]:
    if address is not None:
        return (*address, "5")
    from monitor.publish.embedded_broker import EmbeddedBroker

    broker = stack.enter_context(EmbeddedBroker())
    return broker.host, broker.port, _EMBEDDED_PROTOCOL


@contextlib.contextmanager
def _daemon(config: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`monitor run` as a process of its own, as systemd would start it."""
    with log.open("wb") as out:
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)  # noqa: S603  our own
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
