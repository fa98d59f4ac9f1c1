"""The commands that were dealt with lately, by their senders' ids, so that one that comes twice is carried out once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

STATE_KEY: Final = "commands"
REMEMBERED: Final = 256
"""Ids kept: whoever got no answer asks again within seconds, and not after hundreds of other commands."""


class Answered:
    """Lives on the inference thread.

    Args:
        kept: states of an earlier run, by key: a node may be killed between the deed and its answer.
    """

    def __init__(self, kept: Mapping[str, Any]) -> None:
        stored = kept.get(STATE_KEY)
        self._refusals: OrderedDict[str, str | None] = OrderedDict(
            (str(identity), None if refusal is None else str(refusal))
            for identity, refusal in (stored.items() if isinstance(stored, Mapping) else ())
        )

    def __contains__(self, identity: object) -> bool:
        return identity in self._refusals

    def refusal(self, identity: str) -> str | None:
        """Why it was refused; None when it was carried out."""
        return self._refusals[identity]

    def note(self, identity: str | None, refusal: str | None) -> dict[str, Any]:
        """One more; gives what is to be kept, together with what it changed.

        Args:
            identity: of the command; one without an id cannot be known again.
            refusal: why it is refused; None when it is carried out.
        """
        if identity is None:
            return {}
        self._refusals.setdefault(identity, refusal)  # what was done stays done, though it come again too late
        while len(self._refusals) > REMEMBERED:
            self._refusals.popitem(last=False)
        return {STATE_KEY: dict(self._refusals)}
