"""How well the alarms serve the people who get them: figures after EEMUA 191 over the last day; a pure step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from monitor.detect.fields import JsonObject, check_schema, get_float, get_floats, get_list, get_mapping

SCHEMA = 1
DAY_S = 86_400.0
HOUR_S = 3600.0
SPAN_S = 600.0
"""EEMUA 191 counts alarms per ten minutes."""
FLOOD = 10
"""More than this in ten minutes are a flood."""
CHATTER = 3
"""So many raises of one alarm within an hour are chattering."""
KEPT = 10_000
"""Raises remembered: a flood all day long; what is older is not counted."""


@dataclass(frozen=True, slots=True)
class KpiState:
    """What the figures are made of, as it is kept over restarts; times are UTC, POSIX seconds."""

    since_s: float = 0.0
    """When the counting began."""
    raises: tuple[tuple[float, str], ...] = ()
    """Alarms that people were told of: when, and which machine and kind."""
    open: Mapping[str, float] = field(default_factory=dict)
    """Unacknowledged alarms: since when."""
    answers: tuple[tuple[float, float], ...] = ()
    """Acknowledgements: when, and how long the alarm had waited, seconds."""

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "since_s": self.since_s,
            "raises": [[at_s, name] for at_s, name in self.raises],
            "open": dict(self.open),
            "answers": [list(each) for each in self.answers],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> KpiState:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "kpi state", SCHEMA)
        waiting = get_mapping(data, "open")
        pairs = [get_floats({"answers": each}, "answers") for each in get_list(data, "answers")]
        return cls(
            since_s=get_float(data, "since_s"),
            raises=tuple(_named(each) for each in get_list(data, "raises")),
            open={name: get_float(waiting, name) for name in waiting},
            answers=tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2),
        )


@dataclass(frozen=True, slots=True)
class Kpis:
    """The figures."""

    hours: float
    """How much time they cover, at most 24."""
    per_hour: float
    """Alarms that people were told of, on average."""
    most_in_10_min: int
    in_flood: float
    """Share of the time, in spans of ten minutes, with more than ten alarms; 0 to 1."""
    chattering: tuple[str, ...]
    """Alarms raised three times or more within the last hour."""
    acknowledged: int
    acknowledge_mean_s: float | None
    acknowledge_most_s: float | None


def raised(state: KpiState, name: str, now_s: float) -> KpiState:
    """People were told of the alarm ``name`` (machine and kind)."""
    raises = tuple(each for each in state.raises if 0 <= now_s - each[0] <= DAY_S)
    return replace(
        state, raises=(*raises, (now_s, name))[-KEPT:], open={**state.open, name: state.open.get(name, now_s)}
    )


def acknowledged(state: KpiState, name: str, now_s: float) -> KpiState:
    """Someone has taken note of it."""
    if name not in state.open:
        return state
    waited_s = max(0.0, now_s - state.open[name])
    answers = tuple(each for each in state.answers if 0 <= now_s - each[0] <= DAY_S)
    left = {other: at_s for other, at_s in state.open.items() if other != name}
    return replace(state, open=left, answers=(*answers, (now_s, waited_s))[-KEPT:])


def figures(state: KpiState, now_s: float) -> Kpis:
    """The figures of the last 24 h, or since the counting began."""
    covered_s = min(DAY_S, max(now_s - state.since_s, SPAN_S))
    raises = [(at_s, name) for at_s, name in state.raises if 0 <= now_s - at_s <= covered_s]
    spans = _spans([now_s - at_s for at_s, _ in raises])
    waits = [waited_s for at_s, waited_s in state.answers if 0 <= now_s - at_s <= DAY_S]
    lately = [name for at_s, name in raises if now_s - at_s <= HOUR_S]
    return Kpis(
        hours=covered_s / HOUR_S,
        per_hour=len(raises) / (covered_s / HOUR_S),
        most_in_10_min=max(spans.values(), default=0),
        in_flood=sum(count > FLOOD for count in spans.values()) * SPAN_S / covered_s,
        chattering=tuple(sorted({name for name in lately if lately.count(name) >= CHATTER})),
        acknowledged=len(waits),
        acknowledge_mean_s=sum(waits) / len(waits) if waits else None,
        acknowledge_most_s=max(waits, default=None),
    )


def _spans(ages_s: Sequence[float]) -> dict[int, int]:
    """Alarms by how many times ten minutes ago they were."""
    counts: dict[int, int] = {}
    for age_s in ages_s:
        span = int(age_s // SPAN_S)
        counts[span] = counts.get(span, 0) + 1
    return counts


def _named(value: object) -> tuple[float, str]:
    if not isinstance(value, list | tuple) or len(value) != 2 or not isinstance(value[0], int | float):
        raise ValueError(f"key 'raises' holds {value!r}, expected [time, name]")
    return float(value[0]), str(value[1])
