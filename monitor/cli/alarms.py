"""`monitor alarms`: how every alarm stands, and what a person does about it, over the broker to the running daemon."""

from __future__ import annotations

import getpass
import re
import socket
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.options import ConfigOption, JsonOption, configuration
from monitor.errors import BadInputError

if TYPE_CHECKING:  # loaded when a command needs them, so that --help answers at once
    from monitor.publish.commander import Commander

app = typer.Typer(help="List alarms, acknowledge, shelve and suppress them, and see who did.", no_args_is_help=True)

AlarmArgument = Annotated[
    str,
    typer.Argument(
        help="MACHINE, or MACHINE/KIND for another kind than anomaly; or delivery, flood or common_cause of the node.",
        metavar="ALARM",
    ),
]
ByOption = Annotated[
    str | None, typer.Option(help="Who you are. [default: user name and computer]", show_default=False)
]
ReasonOption = Annotated[str | None, typer.Option(help="Why; it is kept.", show_default=False)]
NeededReasonOption = Annotated[str, typer.Option(help="Why; it is kept.", show_default=False)]

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@app.command("list", short_help="List the alarms that are not normal.")
def list_alarms(
    config: ConfigOption = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are normal, too.")] = False,
    json: JsonOption = False,
) -> None:
    """List the alarms that are not normal: what a shift has to know, and first whether their node is there at all."""
    from dataclasses import asdict

    from monitor.cli.table import print_json, print_rows

    with commander(config) as connection:
        node, documents = connection.alarms()
    wanted = [each for each in documents if every or each.get("state") != "normal" or each.get("level") != "normal"]
    if json:
        print_json({"node": asdict(node), "alarms": wanted})
        return
    if not node.alive:
        typer.secho(f"{node.sentence()}; its alarms may have changed since", fg="red", bold=True)
    if wanted:
        print_rows([_row(each) for each in wanted], "table", {"unacknowledged": "bold red", "acknowledged": "yellow"})
    else:
        typer.echo(f"no alarm {'stands' if node.alive else 'stood'} ({len(documents)} are normal)", err=True)


@app.command("ack")
def acknowledge(
    alarm: AlarmArgument,
    config: ConfigOption = None,
    by: ByOption = None,
    reason: ReasonOption = None,
    alarm_id: Annotated[
        str | None, typer.Option(help="Only if this is still the present alarm.", show_default=False)
    ] = None,
) -> None:
    """Acknowledge an alarm: you have taken note of it."""
    _order("acknowledge", alarm, config, by, reason, {"alarm_id": alarm_id})


@app.command("shelve")
def shelve(
    alarm: AlarmArgument,
    duration: Annotated[str, typer.Option("--for", help="How long, such as 90s, 45m or 8h; up to 12h.")],
    reason: NeededReasonOption,
    config: ConfigOption = None,
    by: ByOption = None,
) -> None:
    """Silence an alarm for a time."""
    _order("shelve", alarm, config, by, reason, {"duration_s": seconds(duration)})


@app.command("unshelve")
def unshelve(
    alarm: AlarmArgument, config: ConfigOption = None, by: ByOption = None, reason: ReasonOption = None
) -> None:
    """End a shelf before its time."""
    _order("unshelve", alarm, config, by, reason)


@app.command("suppress")
def suppress(
    alarm: AlarmArgument, reason: NeededReasonOption, config: ConfigOption = None, by: ByOption = None
) -> None:
    """Silence an alarm during maintenance, until unsuppress."""
    _order("suppress", alarm, config, by, reason)


@app.command("unsuppress")
def unsuppress(
    alarm: AlarmArgument, config: ConfigOption = None, by: ByOption = None, reason: ReasonOption = None
) -> None:
    """End what suppress began."""
    _order("unsuppress", alarm, config, by, reason)


@app.command("out-of-service")
def out_of_service(
    alarm: AlarmArgument, reason: NeededReasonOption, config: ConfigOption = None, by: ByOption = None
) -> None:
    """Take an alarm out of service, until in-service."""
    _order("out-of-service", alarm, config, by, reason)


@app.command("in-service")
def in_service(
    alarm: AlarmArgument, config: ConfigOption = None, by: ByOption = None, reason: ReasonOption = None
) -> None:
    """Bring an alarm back into service."""
    _order("in-service", alarm, config, by, reason)


@app.command("reset", short_help="Release the latch of an alarm that is over.")
def reset(alarm: AlarmArgument, config: ConfigOption = None, by: ByOption = None, reason: ReasonOption = None) -> None:
    """Release the latch of an alarm that is over and acknowledged."""
    _order("reset", alarm, config, by, reason)


@app.command("log")
def log(
    config: ConfigOption = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, help="How many entries, the newest.")] = 50,
    json: JsonOption = False,
) -> None:
    """Print the audit trail: who commanded what, when and why. Read from the state directory on the node itself."""
    from monitor.cli.table import print_rows
    from monitor.publish.store import read_audit_file

    entries = read_audit_file(configuration(config).state_dir / "state.sqlite", last)
    if not entries and not json:
        typer.echo("nobody has commanded anything yet", err=True)
        return
    rows = [
        {
            "time": datetime.fromtimestamp(each.at_s, UTC).isoformat(timespec="seconds"),
            "by": each.by,
            "command": each.verb,
            "alarm": f"{each.machine}/{each.kind}".strip("/"),
            "accepted": each.accepted,
            "reason": each.answer or each.reason,
        }
        for each in entries
    ]
    print_rows(rows, "json" if json else "table")


def commander(config: Any) -> Commander:  # noqa: ANN401  a path or None, as typer gives it
    """A connection to the configured broker, with the configured user."""
    from monitor.publish.commander import Commander
    from monitor.publish.topics import Topics
    from monitor.service.broker import mqtt_settings

    loaded = configuration(config)
    return Commander(mqtt_settings(loaded), Topics(loaded.mqtt.prefix, loaded.node))


def seconds(duration: str) -> float:
    """A length of time as written on the command line.

    Raises:
        BadInputError: it is not written so, or no alarm may be shelved for so long.
    """
    from monitor.detect.lifecycle import LONGEST_SHELF_S

    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smh])", duration.strip())
    if found is None:
        raise BadInputError(f"--for: {duration!r} is no length of time; write such as 90s, 45m or 8h, up to 12h")
    length_s = float(found[1]) * UNITS[found[2]]
    if not 0 < length_s <= LONGEST_SHELF_S:
        raise BadInputError(f"--for: {duration!r} is out of range; allowed are lengths over 0 and up to 12h")
    return length_s


def target(alarm: str) -> dict[str, str]:
    """The alarm that is meant, as a command's keys.

    Raises:
        BadInputError: there is no such kind.
    """
    from monitor.detect.kinds import NODE_KINDS, AlarmKind

    machine, _, kind = alarm.partition("/")
    if not kind and machine in list(NODE_KINDS):
        return {"kind": machine}
    if kind and kind not in list(AlarmKind):
        raise BadInputError(f"{alarm!r}: {kind!r} is no kind of alarm; allowed {', '.join(AlarmKind)}")
    return {"machine": machine} | ({"kind": kind} if kind else {})


def standing(document: dict[str, Any]) -> str:
    """Where it stands, and while it is silent, by what or until when: ``detail`` is of the last thing that happened."""
    state = str(document.get("state"))
    if state == "suppressed" and document.get("suppressed_by"):
        return f"{state} by {document['suppressed_by']}"
    if state == "shelved" and document.get("shelved_until"):
        return f"{state} until {document['shelved_until']}"
    return state


def _order(
    verb: str,
    alarm: str,
    config: Any,  # noqa: ANN401  a path or None, as typer gives it
    by: str | None,
    reason: str | None,
    more: dict[str, Any] | None = None,
) -> None:
    fields = {**target(alarm), "by": by or f"{getpass.getuser()}@{socket.gethostname()}", "reason": reason}
    fields |= more or {}
    with commander(config) as connection:
        answer = connection.command(verb, {key: value for key, value in fields.items() if value is not None})
    if not answer.get("accepted"):
        typer.echo(f"monitor: refused: {answer.get('reason')}", err=True)
        raise typer.Exit(1)
    until = f" until {answer['shelved_until']}" if answer.get("shelved_until") else ""
    typer.echo(f"{alarm}: {answer.get('state')}{until}")


def _row(document: dict[str, Any]) -> dict[str, object]:
    machine = document.get("machine")
    return {
        "alarm": f"{machine}/{document.get('kind')}" if machine else document.get("kind"),
        "state": standing(document),
        "level": document.get("level"),
        "since": document.get("raised_at") or document.get("warned_at"),
        "score": document.get("score"),
        "threshold": document.get("threshold"),
        "detail": document.get("detail"),
    }
