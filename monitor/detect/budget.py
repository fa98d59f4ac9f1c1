"""How many false alarms an operator puts up with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from monitor.detect.fields import JsonObject, get_float, get_str

Period: TypeAlias = Literal["day", "week", "month"]

DAY_S = 86_400.0
PERIOD_S: dict[Period, float] = {"day": DAY_S, "week": 7 * DAY_S, "month": 30 * DAY_S}
"""Seconds in a period; a month counts 30 days."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most ``at_most`` false alarms in a ``per``, on average, for one machine."""

    per: Period = "week"
    at_most: float = 1.0
    """Greater than 0; 0.5 per week is one in two weeks."""

    def __post_init__(self) -> None:
        if self.per not in PERIOD_S:
            raise ValueError(f"per: {self.per!r} is not one of {', '.join(get_args(Period))}")
        if not (math.isfinite(self.at_most) and self.at_most > 0):
            raise ValueError(f"at_most: {self.at_most} is not a finite number greater than 0")

    @property
    def period_s(self) -> float:
        """Length of the period, seconds."""
        return PERIOD_S[self.per]

    @property
    def seconds_per_alarm(self) -> float:
        """Mean time between two false alarms that the budget allows, seconds."""
        return self.period_s / self.at_most

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {"per": self.per, "at_most": self.at_most}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Budget:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        per = get_str(data, "per")
        for period in PERIOD_S:
            if per == period:
                return cls(period, get_float(data, "at_most"))
        raise ValueError(f"key 'per' is {per!r}, expected one of {', '.join(get_args(Period))}")
