"""A property computed once per object, that makes no other object wait."""

from __future__ import annotations

import threading

from monitor.memcae.once import once


class Counted:
    def __init__(self) -> None:
        self.asked = 0
        self.go_on = threading.Event()
        self.go_on.set()

    @once
    def value(self) -> int:
        """How often it was computed."""
        self.asked += 1
        assert self.go_on.wait(10)
        return self.asked


def test_it_is_computed_once_per_object() -> None:
    one, other = Counted(), Counted()
    assert (one.value, one.value, other.value) == (1, 1, 1)
    assert Counted.value.__doc__ == "How often it was computed."


def test_a_value_that_is_known_beforehand_is_not_computed() -> None:
    one = Counted()
    vars(one)["value"] = 7
    assert one.value == 7
    assert one.asked == 0


def test_one_object_does_not_wait_for_another() -> None:
    slow, quick = Counted(), Counted()
    slow.go_on.clear()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    assert quick.value == 1  # with a lock for all objects this would wait for ever
    slow.go_on.set()
    thread.join(10)
    assert slow.value == 1
