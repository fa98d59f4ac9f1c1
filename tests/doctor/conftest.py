"""A trained machine, as the tests of the service have it."""

from __future__ import annotations

from tests.service.conftest import sounds, state_dir, trained

__all__ = ["sounds", "state_dir", "trained"]
