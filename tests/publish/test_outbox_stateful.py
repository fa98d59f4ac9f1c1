"""No sequence of appends, acknowledgements, lost connections, crashes and restarts loses or reorders an event."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from monitor.publish.encoding import Utc
from monitor.publish.outbox import Outbox
from monitor.publish.overflow import OutboxLimits
from tests.publish.samples import T, alarm, event

WINDOW = 8  # unacknowledged at a time, as the publisher has it
DAY_S = 86_400.0
LIMITS = OutboxLimits(rows=12, age_s=90 * DAY_S, reserve_bytes=0)


class OutboxMachine(RuleBasedStateMachine):
    """Plays node, broker and receiver; the receiver keeps what it sees first, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="outbox-"))
        self.generation = 0
        self.now_s = float(T)
        self.box = self._opened()
        self.made = 0
        self.flying: list[int] = []
        self.received: dict[str, dict[str, Any]] = {}
        self.appended: list[str] = []
        self.settled: set[str] = set()
        self.alarms = 0

    def teardown(self) -> None:
        self._drain()
        self.box.close()
        shutil.rmtree(self.folder)
        self._check_everything_arrived()

    def _opened(self) -> Outbox:
        box = Outbox(self.folder / f"{self.generation}.db", "pc1", LIMITS, lambda: self.now_s)
        box.open()
        return box

    @rule(count=st.integers(1, 5))
    def append(self, count: int) -> None:
        written = Utc(self.now_s)
        events = [replace(event(self.made + number), published_at=written) for number in range(1, count + 1)]
        self.made += count
        self.alarms = self.made
        numbered, documents = self.box.append(events, [alarm(self.made)], {"made": self.made})
        self.appended += [each.id for each in numbered]
        assert documents[0].seq == numbered[-1].seq

    @precondition(lambda self: len(self.flying) < WINDOW)
    @rule(limit=st.integers(1, WINDOW))
    def send(self, limit: int) -> None:
        """The broker gets it; whether the node will hear of that is another matter."""
        for row in self.box.take(min(limit, WINDOW - len(self.flying))):
            document = json.loads(row.payload)
            assert document["seq"] == row.seq
            known = self.received.setdefault(document["id"], document)
            assert known == document
            self.flying.append(row.seq)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        seq = data.draw(st.sampled_from(self.flying))
        self.flying.remove(seq)
        self.settled |= {key for key, each in self.received.items() if each["seq"] == seq}
        self.box.acknowledge(seq)

    @rule(days=st.integers(-1, 60))
    def pass_days(self, days: int) -> None:
        self.now_s += days * DAY_S
        self.box.flush()

    @rule()
    def lose_connection(self) -> None:
        self.flying.clear()
        self.box.release()

    @rule()
    def restart(self) -> None:
        self.flying.clear()
        self.box.close()
        self.box = self._opened()

    @rule()
    def crash(self) -> None:
        """Go on with the files as they are now, without a close."""
        self.flying.clear()
        old = self.folder / f"{self.generation}.db"
        self.generation += 1
        for suffix in ("", "-wal"):
            source = old.with_name(old.name + suffix)
            if source.exists():
                shutil.copy(source, self.folder / f"{self.generation}.db{suffix}")
        self.box.close()
        self.box = self._opened()

    @invariant()
    def depth_is_bounded(self) -> None:
        assert self.box.depth <= LIMITS.rows

    @invariant()
    def the_state_is_that_of_the_last_append(self) -> None:
        if self.made:
            assert self.box.states() == {"made": self.made}
            assert json.loads(self.box.documents()["fan-1", "anomaly"])["id"] == alarm(self.alarms).id

    def _drain(self) -> None:
        self.lose_connection()
        while rows := self.box.take(8):
            for row in rows:
                document = json.loads(row.payload)
                self.received.setdefault(document["id"], document)
                self.box.acknowledge(row.seq)
        assert self.box.depth == 0

    def _check_everything_arrived(self) -> None:
        """Every event was received, or a gap event covers its number; first sights are in order."""
        covered: set[int] = set()
        for each in self.received.values():
            if each["event"] == "gap":
                covered |= set(range(each["gap"]["first_seq"], each["gap"]["last_seq"] + 1))
        for seq, key in enumerate(self.appended, start=1):
            assert key in self.received or seq in covered, f"event {seq} is lost without a word"
        ours = [each["seq"] for key, each in self.received.items() if each["event"] != "gap"]
        assert ours == sorted(ours)
        assert len(ours) == len(set(ours))


OutboxMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,  # an fsync takes what the disk takes
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,  # the same in every run of the suite
)
TestOutbox = OutboxMachine.TestCase
