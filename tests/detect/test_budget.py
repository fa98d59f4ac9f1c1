from __future__ import annotations

import pytest

from monitor.detect.budget import Budget


def test_one_a_week_is_one_in_604800_seconds() -> None:
    assert Budget("week", 1).seconds_per_alarm == 604_800.0


def test_the_default_is_one_a_week() -> None:
    assert Budget() == Budget("week", 1.0)


def test_half_an_alarm_a_day_is_one_in_two_days() -> None:
    assert Budget("day", 0.5).seconds_per_alarm == 2 * 86_400.0


def test_a_saved_budget_comes_back() -> None:
    assert Budget.from_dict(Budget("month", 2.5).to_dict()) == Budget("month", 2.5)


@pytest.mark.parametrize("at_most", [0.0, -1.0, float("nan"), float("inf")])
def test_a_budget_of_no_alarms_at_all_is_refused(at_most: float) -> None:
    with pytest.raises(ValueError, match="at_most"):
        Budget("week", at_most)


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"per": "year", "at_most": 1}, "per"),
        ({"at_most": 1}, "per"),
        ({"per": "week", "at_most": "1"}, "at_most"),
        ({"per": "week", "at_most": True}, "at_most"),
    ],
)
def test_a_wrong_saved_budget_names_its_key(data: dict[str, object], key: str) -> None:
    with pytest.raises(ValueError, match=key):
        Budget.from_dict(data)
