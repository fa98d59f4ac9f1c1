"""The MQTT topics of one node, all in one place."""

from __future__ import annotations

from dataclasses import dataclass

_FORBIDDEN = "+#\0"  # MQTT's wildcards, and the character it bans
_LONGEST = 65_535  # bytes, what MQTT's length field can say
_ROOM = 400  # bytes kept for what follows the base: two names and the fixed words


def check_name(what: str, name: str) -> str:
    """``name``, when it can be one level of a topic (a node, machine, alarm kind or verb).

    Raises:
        ValueError: it is empty, or holds ``/``, a wildcard or a NUL; the text names ``what``.
    """
    if not name or "/" in name or any(mark in name for mark in _FORBIDDEN):
        raise ValueError(f"{what} {name!r} cannot be part of a topic: expected text without '/', '+', '#'")
    return name


def check_prefix(prefix: str) -> str:
    """``prefix``, when topics can begin with it; it may hold ``/``.

    Raises:
        ValueError: it is empty or too long, begins or ends with ``/``, begins with ``$``, or holds a wildcard.
    """
    bad = not prefix or prefix[0] in "/$" or prefix[-1] == "/" or any(mark in prefix for mark in _FORBIDDEN)
    if bad or len(prefix.encode()) > _LONGEST - _ROOM:
        raise ValueError(f"prefix {prefix!r} cannot begin a topic: expected such as 'acme/hall3/monitor', no '+', '#'")
    return prefix


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic that a node publishes on or listens to."""

    prefix: str
    """What comes first, may hold ``/``."""
    node: str
    """The plant PC's name, one level."""

    def __post_init__(self) -> None:
        check_prefix(self.prefix)
        check_name("node", self.node)

    @property
    def base(self) -> str:
        """What every topic of the node begins with."""
        return f"{self.prefix}/{self.node}"

    @property
    def status(self) -> str:
        """Whether the node is online."""
        return f"{self.base}/status"

    @property
    def info(self) -> str:
        """What the node is and watches."""
        return f"{self.base}/info"

    @property
    def health(self) -> str:
        """How the node is doing."""
        return f"{self.base}/health"

    @property
    def event(self) -> str:
        """Every transition, once, in order."""
        return f"{self.base}/event"

    @property
    def kpi(self) -> str:
        """How well the alarms serve those who get them."""
        return f"{self.base}/kpi"

    @property
    def commands(self) -> str:
        """Where every command comes in, as a subscription."""
        return f"{self.base}/command/+"

    @property
    def alarms(self) -> tuple[str, str]:
        """Every alarm of the machines and of the node, as subscriptions."""
        return f"{self.base}/machine/+/alarm/+", f"{self.base}/alarm/+"

    def alarm(self, machine: str, kind: str) -> str:
        """The present state of one machine's alarm of one kind; without a machine, of the node's."""
        if not machine:
            return f"{self.base}/alarm/{check_name('kind', kind)}"
        return f"{self.base}/machine/{check_name('machine', machine)}/alarm/{check_name('kind', kind)}"

    def availability(self, machine: str) -> str:
        """Whether the machine can be heard."""
        return f"{self.base}/machine/{check_name('machine', machine)}/availability"

    def score(self, machine: str) -> str:
        """The machine's score, window by window."""
        return f"{self.base}/machine/{check_name('machine', machine)}/score"

    def command(self, verb: str) -> str:
        """Where a command comes in."""
        return f"{self.base}/command/{check_name('verb', verb)}"

    def response(self, verb: str) -> str:
        """Where its answer goes out."""
        return f"{self.base}/response/{check_name('verb', verb)}"

    def may_answer_on(self, topic: str) -> bool:
        """Whether an answer may go where a command asks for: to no wildcard, and to no topic that means something."""
        if not topic or topic[0] == "$" or any(mark in topic for mark in _FORBIDDEN):
            return False
        return not topic.startswith(f"{self.base}/") or topic.startswith(f"{self.base}/response/")
