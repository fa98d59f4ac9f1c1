"""No sequence of alarms, orders, suppressions, clock steps, deliveries, crashes and restarts loses, repeats or reorders
an event, or lets what is kept and what was told disagree.

The detector's alarm step, the book, the desk and the outbox with its real database; only the sound is played.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitor.detect import alarm
from monitor.detect.alarm import AlarmPolicy, AlarmState
from monitor.detect.kinds import MACHINE_KINDS, AlarmKind
from monitor.detect.levels import Levels
from monitor.detect.life import SuppressedBy
from monitor.detect.lifecycle import LONGEST_SHELF_S, LifePolicy, Verb
from monitor.detect.verdict import judge
from monitor.memcae.score import Score
from monitor.publish.inbox import Incoming
from monitor.publish.outbox import Outbox
from monitor.service.book import AlarmBook
from monitor.service.desk import Desk
from monitor.service.reports import Reporter
from tests.service.desk import Collecting, T

MACHINES = ("a", "b", "c", "d")
LEVELS = Levels(threshold=3.0, warning=2.0, clear=1.0)
POLICY = AlarmPolicy(raise_count=1, raise_window=1, clear_after_s=0.0, chatter_count=1000)


class DeskMachine(Collecting, RuleBasedStateMachine):
    """Plays machines, people, broker and power cuts."""

    def __init__(self) -> None:
        Collecting.__init__(self)
        RuleBasedStateMachine.__init__(self)
        self.folder = Path(tempfile.mkdtemp(prefix="desk-"))
        self.generation = 0
        self.now_s = T
        self.sound_s = T
        self.received: dict[str, dict[str, Any]] = {}
        self.flying: list[int] = []
        self.start()

    def start(self) -> None:
        self.outbox = Outbox(self.folder / f"{self.generation}.db", "pc1", clock=lambda: self.now_s)
        self.outbox.open()
        kept = self.outbox.states()
        self.conditions = {
            (machine, kind): AlarmState.from_dict(kept[f"{machine}/{kind}"])
            if f"{machine}/{kind}" in kept
            else AlarmState(machine, kind)
            for machine in MACHINES
            for kind in MACHINE_KINDS
        }
        self.book = AlarmBook(self.conditions, kept, self.now_s)
        self.book.set_policy("a", LifePolicy(latch=True))
        self.desk = Desk(self.book, {}, Reporter("pc1", 10, 10, "cpu", "0", T), self, kept, lambda: self.now_s)
        self.desk.announce()

    def teardown(self) -> None:
        self.pass_time(LONGEST_SHELF_S)
        assert not any(self.book.life(key).shelved_until_s for key in self.book.keys)
        self.lose_connection()
        while rows := self.outbox.take(8):
            for row in rows:
                self._receive(row.payload)
                self.outbox.acknowledge(row.seq)
        self.outbox.close()
        shutil.rmtree(self.folder)
        assert [each["seq"] for each in self.received.values()] == list(range(1, len(self.events) + 1))
        assert list(self.received) == [each.id for each in self.events]

    # --- what happens

    @rule(trouble=st.booleans())
    def deliver_or_not(self, trouble: bool) -> None:
        self.trouble = ("the broker cannot be reached",) if trouble else ()

    @rule(machine=st.sampled_from(MACHINES), value=st.sampled_from([0.0, 2.5, 3.5]), passed_s=st.floats(10, 100))
    def hear(self, machine: str, value: float, passed_s: float) -> None:
        self.sound_s += passed_s
        verdict = judge(Score(machine, self.sound_s - 10, self.sound_s, value), LEVELS)
        key = machine, AlarmKind.ANOMALY
        state, changes = alarm.step(POLICY, self.conditions[key], verdict, self.sound_s)
        self.conditions[key] = state
        if changes:
            kept = {f"{machine}/{AlarmKind.ANOMALY}": state.to_dict()}
            self.desk.conditions([(state, each.event, None) for each in changes], self.sound_s, kept)

    @rule(
        verb=st.sampled_from(Verb),
        machine=st.sampled_from([*MACHINES, None]),
        duration_s=st.floats(1, LONGEST_SHELF_S),
        retained=st.booleans(),
    )
    def command(self, verb: Verb, machine: str | None, duration_s: float, retained: bool) -> None:
        fields: dict[str, Any] = {"by": "anna", "machine": machine, "reason": "why"}
        fields |= {"kind": "common_cause"} if machine is None else {}
        fields |= {"duration_s": duration_s} if verb is Verb.SHELVE else {}
        count, before = len(self.answers), len(self.events)
        self.waiting.append(Incoming(verb, json.dumps(fields).encode(), retained, "x", None, None))
        self.desk.turn(self.sound_s)
        assert len(self.answers) == count + 1
        if retained:
            assert not self.answers[-1].accepted
            assert not any(each.by for each in self.events[before:])

    @rule(machine=st.sampled_from(MACHINES), by=st.sampled_from([None, "machine_off", "start_up"]))
    def run(self, machine: str, by: str | None) -> None:
        self.desk.running(machine, None if by is None else SuppressedBy(by))

    @rule(seconds=st.floats(-4000, 50_000))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.desk.turn(self.sound_s)

    @rule(limit=st.integers(1, 8))
    def deliver(self, limit: int) -> None:
        for row in self.outbox.take(limit):
            self._receive(row.payload)
            self.flying.append(row.seq)

    @precondition(lambda self: self.flying)
    @rule()
    def acknowledge(self) -> None:
        self.outbox.acknowledge(self.flying.pop(0))

    @rule()
    def lose_connection(self) -> None:
        self.flying.clear()
        self.outbox.release()

    @rule(crash=st.booleans())
    def restart(self, crash: bool) -> None:
        self.flying.clear()
        told, before = len(self.events), {key: self.book.life(key) for key in self.book.keys}
        if crash:  # go on with the files as they are now, without a close
            old = self.folder / f"{self.generation}.db"
            self.generation += 1
            for suffix in ("", "-wal"):
                if (source := old.with_name(old.name + suffix)).exists():
                    shutil.copy(source, self.folder / f"{self.generation}.db{suffix}")
        self.outbox.close()
        self.start()
        assert len(self.events) == told
        after = {key: self.book.life(key) for key in self.book.keys}
        assert after == before

    def _receive(self, payload: bytes) -> None:
        document = json.loads(payload)
        assert self.received.setdefault(document["id"], document) == document

    @invariant()
    def the_retained_document_says_how_the_alarm_stands(self) -> None:
        documents = self.outbox.documents()
        for machine, kind in self.book.keys:
            life, document = self.book.life((machine, kind)), json.loads(documents[machine, kind])
            assert document["state"] == life.standing
            assert document["alarm_id"] == life.alarm_id
            assert document["active"] == life.active
            assert document["suppressed_or_shelved"] == life.suppressed_or_shelved

    @invariant()
    def condition_and_life_agree(self) -> None:
        for key, condition in self.conditions.items():
            assert self.book.life(key).level is condition.level

    @invariant()
    def every_shelf_has_an_end(self) -> None:
        for key in self.book.keys:
            until_s = self.book.life(key).shelved_until_s
            assert until_s is None or until_s <= self.now_s + LONGEST_SHELF_S

    @invariant()
    def a_group_alarm_that_is_over_silences_nobody(self) -> None:
        common = self.book.life(("", AlarmKind.COMMON_CAUSE)).active
        silenced = any(SuppressedBy.COMMON_CAUSE in self.book.life(key).suppressed for key in self.book.keys)
        assert common or not silenced


DeskMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,  # an fsync takes what the disk takes
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,  # the same in every run of the suite
)
TestDesk = DeskMachine.TestCase
