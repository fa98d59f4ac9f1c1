"""A property that is computed once per object, without a lock.

Before Python 3.12 `functools.cached_property` holds one lock for all objects of a class while it computes: threads that
look at different windows then wait for each other (measured: two threads transform no faster than one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Self, TypeVar, overload

_T = TypeVar("_T")


class once(Generic[_T]):  # noqa: N801 - is written like the property that it stands in for
    """Compute on first access, then keep in the object's `__dict__`; an object belongs to one thread at a time."""

    def __init__(self, compute: Callable[..., _T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, seen: None, owner: type) -> Self: ...
    @overload
    def __get__(self, seen: object, owner: type) -> _T: ...
    def __get__(self, seen: object | None, owner: type) -> Self | _T:
        if seen is None:
            return self
        value = self._compute(seen)
        vars(seen)[self._name] = value  # found there from now on: this is no data descriptor
        return value
