"""Retrying: later and later up to a bound, and never given up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.service.backoff import LONGEST_S, Backoff


def test_the_first_try_is_due_at_once() -> None:
    assert Backoff().due(0.0)


def test_each_failure_doubles_the_wait() -> None:
    state, waits = Backoff(), []
    for _ in range(7):
        state = state.failed(0.0, jitter=1.0)
        waits.append(state.retry_at_s)
    assert waits == [1.0, 2.0, 4.0, 6.0, 6.0, 6.0, 6.0]


@given(failures=st.integers(0, 10_000), jitter=st.floats(0, 1), now_s=st.floats(0, 2e9))
def test_the_wait_is_never_longer_than_the_bound_and_ends(failures: int, jitter: float, now_s: float) -> None:
    state = Backoff(failures).failed(now_s, jitter)
    assert now_s < state.retry_at_s <= now_s + LONGEST_S
    assert not state.due(now_s)
    assert state.due(state.retry_at_s)


def test_a_clock_that_is_set_back_does_not_stretch_the_wait() -> None:
    state = Backoff().failed(7200.0, jitter=1.0)
    assert not state.due(7200.5)
    assert state.due(0.0)
