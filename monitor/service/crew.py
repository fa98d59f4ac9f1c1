"""Who hears and judges: models, ears and the fleet, made ready before anything is opened that others can see."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from monitor.config import Config
from monitor.errors import BadInputError
from monitor.memcae.fleet import Fleet
from monitor.service.ears import Ear
from monitor.service.machines import Watched, watch_all
from monitor.service.sources import build_ears

_log = structlog.get_logger(__name__)


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
    return None if stopped() else Crew(watched, ears, fleet)


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
