"""What happened to an alarm, as one line for a person."""

from __future__ import annotations

from monitor.detect.alarm import AlarmEvent
from monitor.detect.alarm_state import AlarmState
from monitor.detect.evidence import Evidence
from monitor.detect.kinds import AlarmKind
from monitor.publish.encoding import Utc
from monitor.service.book import News


def sentence(news: News) -> str:
    """A transition as one line for a person."""
    condition, event = news.condition, news.event
    if event not in {AlarmEvent.WARNING, AlarmEvent.RAISED, AlarmEvent.CLEARED}:
        return _dealt_with(news)
    if condition.kind is AlarmKind.DELIVERY:
        return f"delivery alarm: {event}" + (f"; {news.reason}" if news.reason else "")
    if not condition.machine:
        return f"{len(news.machines)} machines, {condition.kind} alarm: {event}; {', '.join(news.machines)}"
    if condition.kind is AlarmKind.MICROPHONE:
        return _of_microphone(condition, event)
    subject = "sounds unlike itself" if condition.kind is AlarmKind.ANOMALY else f"{condition.kind} alarm"
    evidence = condition.evidence
    if evidence is None:
        return f"{condition.machine} {subject}: {event}"
    bands = band_words(evidence)
    where = f"; {bands}" if bands else ""
    score = f"score {evidence.score:.3g} of {evidence.threshold:.3g}"
    return f"{condition.machine} {subject}: {event}, {score}{where}"


def _of_microphone(condition: AlarmState, event: AlarmEvent) -> str:
    if event is AlarmEvent.RAISED:
        return f"{condition.machine} microphone: {'; '.join(finding.detail for finding in condition.findings)}"
    lasted = (
        "" if condition.raised_at_s is None else f" after {(condition.cleared_at_s or 0) - condition.raised_at_s:.0f} s"
    )
    return f"{condition.machine} microphone: its sound is good again{lasted}"


def _dealt_with(news: News) -> str:
    """What people or the plant made of an alarm."""
    who = f"{news.condition.machine} {news.condition.kind} alarm".lstrip()
    done = str(news.event).replace("_", " ")
    by = "" if news.by is None else f" by {news.by}"
    until = ""
    if news.event is AlarmEvent.SHELVED and news.life.shelved_until_s is not None:
        until = f" until {Utc(news.life.shelved_until_s).rfc3339()}"
    if news.event is AlarmEvent.SUPPRESSED and news.by is None:
        by = f" ({news.life.suppressed_by})"
    why = "" if news.reason is None else f": {news.reason}"
    return f"{who}: {done}{until}{by}{why}"


def band_words(evidence: Evidence) -> str:
    """The three bands that stand out most, for a person; empty when none does."""
    return ", ".join(f"{b.low_hz:.0f}-{b.high_hz:.0f} Hz {b.excess_db:+.0f} dB" for b in evidence.bands[:3])
