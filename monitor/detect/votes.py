"""Counts windows: k of the last n above a level, and how long it has been quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

from monitor.detect.fields import JsonObject, check_schema, get_float, get_list, get_optional_float
from monitor.detect.verdict import Verdict, VerdictState

SCHEMA = 1


class Vote(IntEnum):
    """What one window counts for."""

    NONE = 0
    """Normal, or unknown: an unknown window takes a place among the last n, but never counts."""
    WARNING = 1
    ALARM = 2


@dataclass(frozen=True, slots=True)
class Votes:
    """The last windows' votes and the length of the quiet stretch that ends now."""

    last: tuple[Vote, ...] = ()
    """Oldest first, at most n."""
    quiet_s: float = 0.0
    """Audio at or below the clear level since the last window above it, seconds; unknown windows add nothing."""
    normal_s: float = 0.0
    """The same of the warning level."""
    end_s: float | None = None
    """End of the last window, UTC, POSIX seconds."""

    def count(self, vote: Vote) -> int:
        """How many of the last windows counted for ``vote`` or more."""
        return sum(1 for one in self.last if one >= vote)

    def to_dict(self) -> JsonObject:
        """As a JSON object."""
        return {
            "schema": SCHEMA,
            "last": [int(vote) for vote in self.last],
            "quiet_s": self.quiet_s,
            "normal_s": self.normal_s,
            "end_s": self.end_s,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Votes:
        """Read back what `to_dict` wrote.

        Raises:
            ValueError: naming the key that is wrong.
        """
        check_schema(data, "votes", SCHEMA)
        last = get_list(data, "last")
        allowed = [int(vote) for vote in Vote]
        if any(isinstance(vote, bool) or vote not in allowed for vote in last):
            raise ValueError(f"key 'last' is {list(last)!r}, expected a list of {allowed}")
        votes = tuple(Vote(int(str(vote))) for vote in last)
        normal_s = get_float(data, "normal_s") if "normal_s" in data else 0.0
        return cls(votes, get_float(data, "quiet_s"), normal_s, get_optional_float(data, "end_s"))


def count_vote(votes: Votes, verdict: Verdict, places: int, gap_s: float) -> Votes:
    """Take one more window into account.

    Args:
        votes: so far.
        verdict: of the new window.
        places: n, how many windows are looked at.
        gap_s: after more than this without any window, seconds, what was before no longer counts.
    """
    start_s, end_s = verdict.score.start_s, verdict.score.end_s
    if votes.end_s is not None and abs(start_s - votes.end_s) > gap_s + (end_s - start_s):
        votes = Votes()
    last = (*votes.last, _vote(verdict))[-places:]
    if not verdict.known:
        return replace(votes, last=last, end_s=end_s)
    new_s = _new_audio_s(votes, start_s, end_s)
    quiet_s = votes.quiet_s + new_s if verdict.quiet else 0.0
    normal_s = votes.normal_s + new_s if verdict.state is VerdictState.NORMAL else 0.0
    return Votes(last, quiet_s, normal_s, end_s)


def _vote(verdict: Verdict) -> Vote:
    if verdict.state is VerdictState.ALARM:
        return Vote.ALARM
    return Vote.WARNING if verdict.state is VerdictState.WARNING else Vote.NONE


def _new_audio_s(votes: Votes, start_s: float, end_s: float) -> float:
    """Seconds of the window that the one before did not cover; overlapping windows must not count twice."""
    since_s = start_s if votes.end_s is None else max(start_s, votes.end_s)
    return max(0.0, end_s - since_s)
