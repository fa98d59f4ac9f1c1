"""No sequence of conditions, orders, suppressions, clock steps and restarts leads an alarm into an illegal state."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmLevel, AlarmState
from monitor.detect.kinds import AlarmKind
from monitor.detect.life import Life, Standing, SuppressedBy, matching
from monitor.detect.lifecycle import (
    LONGEST_SHELF_S,
    Condition,
    Input,
    LifePolicy,
    Order,
    OrderRefusedError,
    Suppression,
    Tick,
    Verb,
    step,
)

T = 1_760_000_000.0
PLAIN = LifePolicy()
LATCHING = LifePolicy(latch=True)
RAISED = Condition(AlarmEvent.RAISED, "a1", "clip.flac")
CLEARED = Condition(AlarmEvent.CLEARED, "a1")
ACK = Order(Verb.ACKNOWLEDGE)


def after(*inputs: Input, policy: LifePolicy = PLAIN, life: Life | None = None) -> Life:
    state = Life() if life is None else life
    for given in inputs:
        state, _ = step(policy, state, given, T)
    return state


def test_an_alarm_goes_from_unacknowledged_over_acknowledged_to_normal() -> None:
    standings = [after(*seen).standing for seen in ((), (RAISED,), (RAISED, ACK), (RAISED, ACK, CLEARED))]
    assert standings == [Standing.NORMAL, Standing.UNACKNOWLEDGED, Standing.ACKNOWLEDGED, Standing.NORMAL]


def test_an_alarm_that_nobody_saw_is_returned_unacknowledged_until_someone_does() -> None:
    assert after(RAISED, CLEARED).standing is Standing.RETURNED_UNACKNOWLEDGED
    assert after(RAISED, CLEARED, ACK).standing is Standing.NORMAL


def test_a_latched_alarm_stays_until_it_is_reset_and_is_reset_only_when_over_and_acknowledged() -> None:
    over = after(RAISED, CLEARED, ACK, policy=LATCHING)
    assert over.standing is Standing.LATCHED
    assert after(Order(Verb.RESET), life=over).standing is Standing.NORMAL
    for early in ((RAISED,), (RAISED, ACK), (RAISED, CLEARED)):
        with pytest.raises(OrderRefusedError):
            after(*early, Order(Verb.RESET), policy=LATCHING)


def test_a_warning_becomes_an_alarm_under_the_same_id() -> None:
    warned = after(Condition(AlarmEvent.WARNING, "a1"))
    assert (warned.level, warned.acknowledged, warned.standing) == (AlarmLevel.WARNING, True, Standing.NORMAL)
    assert after(RAISED, life=warned).alarm_id == "a1"


def test_an_alarm_that_was_raised_while_silent_is_told_once_the_silence_ends() -> None:
    shelved = after(Order(Verb.SHELVE, until_s=T + 60), RAISED)
    assert shelved.standing is Standing.SHELVED
    life, changes = step(PLAIN, shelved, Tick(), T + 60)
    assert [change.event for change in changes] == [AlarmEvent.UNSHELVED]
    assert life.standing is Standing.UNACKNOWLEDGED


@pytest.mark.parametrize("seconds", [None, 0.0, -1.0, LONGEST_SHELF_S + 1, math.inf, math.nan])
def test_a_shelf_without_an_end_within_twelve_hours_is_refused(seconds: float | None) -> None:
    with pytest.raises(OrderRefusedError):
        after(Order(Verb.SHELVE, until_s=None if seconds is None else T + seconds))


def test_a_clock_that_is_set_back_makes_no_shelf_longer_than_twelve_hours() -> None:
    shelved = after(Order(Verb.SHELVE, until_s=T + LONGEST_SHELF_S))
    life, changes = step(PLAIN, shelved, Tick(), T - 86_400)
    assert not changes
    assert life.shelved_until_s == T - 86_400 + LONGEST_SHELF_S


def test_an_acknowledged_alarm_that_stays_active_is_unacknowledged_for_the_next_shift() -> None:
    life, changes = step(PLAIN, after(RAISED, ACK), Tick(), T + PLAIN.realarm_after_s)
    assert [change.event for change in changes] == [AlarmEvent.REALARMED]
    assert life.standing is Standing.UNACKNOWLEDGED
    assert step(PLAIN, after(RAISED, ACK, CLEARED), Tick(), T + PLAIN.realarm_after_s)[1] == ()


def test_acknowledging_another_alarm_than_the_present_one_is_refused() -> None:
    with pytest.raises(OrderRefusedError, match="not the present alarm"):
        after(RAISED, Order(Verb.ACKNOWLEDGE, alarm_id="a0"))


def test_two_who_acknowledge_make_one_event() -> None:
    assert step(PLAIN, after(RAISED, ACK), ACK, T)[1] == ()


def test_acknowledging_nothing_is_refused() -> None:
    with pytest.raises(OrderRefusedError, match="no alarm"):
        after(ACK)


def test_each_reason_of_suppression_ends_by_itself_and_the_weightiest_is_told() -> None:
    off = Suppression(SuppressedBy.MACHINE_OFF, on=True)
    life = after(off, Order(Verb.SUPPRESS))
    assert life.suppressed_by is SuppressedBy.MAINTENANCE
    life = after(Order(Verb.UNSUPPRESS), life=life)
    assert life.suppressed_by is SuppressedBy.MACHINE_OFF
    with pytest.raises(OrderRefusedError, match="machine_off"):
        after(Order(Verb.UNSUPPRESS), life=life)


def test_a_state_that_belongs_to_another_alarm_counts_as_unacknowledged() -> None:
    condition = AlarmState("fan-1", AlarmKind.ANOMALY, AlarmLevel.ALARM, alarm_id="a2")
    assert matching(after(RAISED, ACK), condition).standing is Standing.UNACKNOWLEDGED
    assert matching(None, condition).standing is Standing.UNACKNOWLEDGED
    same = AlarmState("fan-1", AlarmKind.ANOMALY, AlarmLevel.ALARM, alarm_id="a1")
    assert matching(after(RAISED, ACK), same).standing is Standing.ACKNOWLEDGED


class LifeMachine(RuleBasedStateMachine):
    """Plays condition, people, plant and clock; keeps its own, simpler account of what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = LATCHING
        self.life = Life()
        self.now_s = T
        self.occurrence = 0
        self.owed = False
        """Raised, and nobody has acknowledged since."""
        self.latched = False

    def _do(self, given: Input) -> tuple[AlarmEvent, ...]:
        before = self.life
        try:
            self.life, changes = step(self.policy, before, given, self.now_s)
        except OrderRefusedError:
            return ()
        assert not changes or changes[-1].life == self.life
        if not changes and not isinstance(given, Tick):
            assert self.life == before
        events = tuple(change.event for change in changes)
        self.owed = (self.owed or AlarmEvent.REALARMED in events) and AlarmEvent.ACKNOWLEDGED not in events
        self.latched = self.latched and AlarmEvent.RESET not in events
        return events

    @rule(policy=st.sampled_from([PLAIN, LATCHING]))
    def configure(self, policy: LifePolicy) -> None:
        self.policy = policy

    @rule()
    def warn(self) -> None:
        if self.life.level is AlarmLevel.NORMAL:
            self.occurrence += 1
            assert self._do(Condition(AlarmEvent.WARNING, f"a{self.occurrence}")) == (AlarmEvent.WARNING,)

    @rule()
    def raise_it(self) -> None:
        if self.life.level is not AlarmLevel.ALARM:
            self.occurrence += self.life.level is AlarmLevel.NORMAL
            assert self._do(Condition(AlarmEvent.RAISED, f"a{self.occurrence}")) == (AlarmEvent.RAISED,)
            self.owed = True
            self.latched |= self.policy.latch

    @rule()
    def clear(self) -> None:
        if self.life.level is not AlarmLevel.NORMAL:
            assert self._do(Condition(AlarmEvent.CLEARED, f"a{self.occurrence}")) == (AlarmEvent.CLEARED,)

    @rule(verb=st.sampled_from(Verb), seconds=st.one_of(st.none(), st.floats(-1e5, 1e5)), stale=st.booleans())
    def order(self, verb: Verb, seconds: float | None, stale: bool) -> None:
        until_s = None if seconds is None else self.now_s + seconds
        self._do(Order(verb, f"a{self.occurrence - stale}", until_s))

    @rule(seconds=st.floats(1, LONGEST_SHELF_S), back_s=st.floats(0, 1e5))
    def shelve(self, seconds: float, back_s: float) -> None:
        """With a clock that may be set back; among the other orders it hardly ever comes to that."""
        self._do(Order(Verb.SHELVE, until_s=self.now_s + seconds))
        self.now_s -= back_s
        self._do(Tick())

    @rule(by=st.sampled_from(SuppressedBy), on=st.booleans())
    def suppress(self, by: SuppressedBy, on: bool) -> None:
        self._do(Suppression(by, on))

    @rule(seconds=st.floats(-1e5, 1e5))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self._do(Tick())

    @rule()
    def restart(self) -> None:
        self.life = Life.from_dict(json.loads(json.dumps(self.life.to_dict())))
        level, alarm_id = self.life.level, self.life.alarm_id
        assert matching(self.life, AlarmState("m", AlarmKind.ANOMALY, level, alarm_id=alarm_id)) == self.life

    @invariant()
    def nobody_acknowledges_but_a_person(self) -> None:
        assert self.life.acknowledged is not self.owed

    @invariant()
    def only_a_reset_releases_the_latch(self) -> None:
        assert self.life.latched is self.latched

    @invariant()
    def every_shelf_ends_within_twelve_hours(self) -> None:
        if self.life.shelved_until_s is not None:
            assert self.life.shelved_until_s - self.now_s <= LONGEST_SHELF_S + 1e-3

    @invariant()
    def one_word_says_what_the_flags_say(self) -> None:
        silent = {Standing.SHELVED, Standing.SUPPRESSED, Standing.OUT_OF_SERVICE}
        assert (self.life.standing in silent) is self.life.suppressed_or_shelved
        if self.life.standing is Standing.NORMAL:
            assert self.life.acknowledged
            assert not self.life.latched
            assert not self.life.active


LifeMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
TestLife = LifeMachine.TestCase
