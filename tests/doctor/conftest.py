"""A trained machine, as the tests of the service have it, and a broker that lets one user in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import Broker
from tests.service.conftest import sounds, state_dir, trained

__all__ = ["sounds", "state_dir", "trained"]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker", passwords={"node": "right"}) as running:
        yield running
