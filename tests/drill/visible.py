"""What each drill's outage must show as to a receiver."""

from __future__ import annotations

from tests.drill import drills
from tests.drill.account import Account
from tests.drill.drills import SHORT, Drill, Scale

SHOWS: dict[Drill, str] = {
    drills.broker_killed: "outage",
    drills.broker_empty: "outage",
    drills.connection_cut: "outage",
    drills.events_denied: "refused",
    drills.receive_maximum: "outage",
    drills.certificate_wrong: "outage",
    drills.broker_slow: "outage",
    drills.node_killed: "offline",
    drills.whole_daemon_killed: "offline",
    drills.disk_full: "state_not_saved",
}
"""What of `seen` the outage must show as: an event, or `status` where the node itself was gone."""


def shows(drill: Drill, found: Account, scale: Scale) -> bool:
    """Whether the outage is visible to a receiver; a stepped clock, or a broker that stands still a moment, is none."""
    wanted = SHOWS.get(drill)
    if wanted is None or (drill is drills.broker_slow and scale is SHORT):
        return True
    return any(wanted in each for each in found.seen)
