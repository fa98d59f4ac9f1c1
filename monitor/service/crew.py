"""Who hears and judges: models, ears and the fleet, made ready before anything is opened that others can see."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from monitor.config import Config
from monitor.errors import BadInputError
from monitor.memcae.fleet import Fleet
from monitor.service.ears import Ear
from monitor.service.fetching import TURN_S
from monitor.service.machines import Watched, watch_all
from monitor.service.sources import build_ears

_log = structlog.get_logger(__name__)

APART_S = TURN_S / 20
"""From one machine's windows to the next one's, at least: so many that end in one turn are scored together. With 40
machines and a hop of a second, twenty in a turn took 2.6 and 3.0 ms of the daemon's processor time a window, ten in a
turn 3.5 ms."""


@dataclass(frozen=True, slots=True)
class Crew:
    """What takes time to make ready, and can be thrown away as long as nothing is open."""

    watched: Mapping[str, Watched]
    """The machines."""
    ears: Sequence[Ear]
    """Where they are heard."""
    fleet: Fleet
    """What judges them."""


def gather(config: Config, stopped: Callable[[], bool]) -> Crew | None:
    """The whole crew of a node; None as soon as ``stopped`` says so, at the latest after the present model.

    Raises:
        BadInputError: the configuration names something that cannot be used, or no machine has a model.
    """
    watched = watch_all(config, stopped)
    if stopped():
        return None
    refuse_blindness(watched)
    ears = build_ears(config)
    fleet = ready_fleet(watched, config.device, stopped)
    spread(ears, fleet.cost_s, config.hop_s)
    return None if stopped() else Crew(watched, ears, fleet)


def spread(ears: Sequence[Ear], cost_s: Callable[[str], float], hop_s: float) -> None:
    """Have the sources open one after the other, within a hop: windows that ended at once would wait for each other.

    Args:
        ears: none of them open yet.
        cost_s: what scoring a window of a machine takes here, seconds.
        hop_s: from one window to the next, seconds.
    """
    lasts_s = [sum(max(APART_S, cost_s(machine)) for machine in ear.machines) for ear in ears]
    scale = min(1.0, hop_s / max(sum(lasts_s), APART_S))
    for ear, before_s in zip(ears, itertools.accumulate(lasts_s, initial=0.0), strict=False):
        ear.later_s = scale * before_s


def ready_fleet(watched: Mapping[str, Watched], device: str, stopped: Callable[[], bool]) -> Fleet:
    """The machines' models on their device, scored in the fastest way; good for nothing once ``stopped`` says so.

    Raises:
        DeviceError: there is no such device here.
    """
    fleet = Fleet({}, device)
    for name, one in watched.items():
        if one.model is not None and not stopped():
            fleet.replace(name, one.model)
    for preset, choice in fleet.prepare(stopped).items():
        costs = {str(way): f"{1000 * cost:.1f} ms" for way, cost in choice.costs.items()}
        _log.info("way of scoring chosen", preset=preset, way=str(choice.way), measured=costs)
    return fleet


def refuse_blindness(watched: Mapping[str, Watched]) -> None:
    """A plant where nothing can be judged is a mistake; one machine without a model only is a warning."""
    problems = [w.problem for w in watched.values() if w.problem is not None]
    if all(w.model is None for w in watched.values()):
        raise BadInputError("no machine has a model: " + "; ".join(problems))
    for doubt in (*problems, *(w.warning for w in watched.values() if w.warning is not None)):
        _log.warning(doubt)
